package report

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// A Verdict is what a check has found of an image, for the forms that tell of
// it: CheckText, CheckJSON and the others. None of them changes it.
type Verdict struct {
	Analysis *analyze.Analysis
	Outcome  *analyze.Outcome

	Version  string // peel's own, for the forms that name their tool; "" if unknown
	Coloured bool   // text may hold a terminal's colours
}

// counts are the rules of a check by what became of them.
type counts struct{ failed, warned, passed, unchecked int }

func (v *Verdict) counts() counts {
	var c counts
	for i := range v.Outcome.Results {
		switch r := &v.Outcome.Results[i]; {
		case r.Unchecked:
			c.unchecked++
		case !r.Failed:
			c.passed++
		case r.Severity == analyze.Error:
			c.failed++
		default:
			c.warned++
		}
	}
	return c
}

func (c counts) rules() int { return c.failed + c.warned + c.passed + c.unchecked }

// sentence says how the check went, its word and the rest parted by colon:
// "failed: 2 of 5 rules, 1 warning".
func (c counts) sentence(colon string) string {
	rules := human.Count(c.rules(), "rule", "rules")
	s := "passed" + colon + human.Comma(c.passed) + " of " + rules
	switch {
	case c.rules() == 0:
		return "no rule is on"
	case c.failed > 0:
		s = "failed" + colon + human.Comma(c.failed) + " of " + rules
	case c.passed == c.rules():
		s = "passed" + colon + rules
	}
	if c.warned > 0 {
		s += ", " + human.Count(c.warned, "warning", "warnings")
	}
	if c.unchecked > 0 {
		s += ", " + human.Comma(c.unchecked) + " not checked"
	}
	return s
}

// findings are all that the outcome found, and a finding for every rule that
// failed without one, in the outcome's order: forms that show nothing but
// findings then show every rule that failed.
func (v *Verdict) findings() []analyze.Finding {
	has := map[string]bool{}
	for i := range v.Outcome.Findings {
		has[v.Outcome.Findings[i].Rule] = true
	}
	all := slices.Clone(v.Outcome.Findings)
	for _, r := range v.Outcome.Results {
		if r.Failed && !has[r.Rule] {
			all = append(all, analyze.Finding{
				ID: r.Rule, Rule: r.Rule, Severity: r.Severity, Layer: -1, Title: r.Rule + " fails", Message: r.Message,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b analyze.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return all
}

// details are the findings but for those that are shown with their rule: they
// say where something is.
func (v *Verdict) details() []analyze.Finding {
	rules := map[string]bool{}
	for _, r := range v.Outcome.Results {
		rules[r.Rule] = true
	}
	return slices.DeleteFunc(slices.Clone(v.Outcome.Findings), func(f analyze.Finding) bool { return f.ID == f.Rule && rules[f.Rule] })
}

// advice is what is to be done about a rule as a whole, raw; "" if nothing is.
func (v *Verdict) advice(rule string) string {
	for i := range v.Outcome.Findings {
		if f := &v.Outcome.Findings[i]; f.ID == rule {
			return f.Advice
		}
	}
	return ""
}

// A change is one figure of an image beside that of its baseline, for people.
type change struct{ name, before, after, difference string }

// changes are the figures of a growth, those that both images have.
func changes(g *analyze.Growth) []change {
	b, a := g.Before, g.After
	size := func(name string, before, after int64) change {
		return change{name, human.Size(before), human.Size(after), signed(after-before, human.Size)}
	}
	count := func(name string, before, after int) change {
		return change{name, human.Comma(before), human.Comma(after), signed(int64(after-before), human.Comma[int64])}
	}
	out := []change{size("stored", b.Stored, a.Stored), size("visible", b.Visible, a.Visible), size("wasted", b.Wasted, a.Wasted)}
	if b.Compressed >= 0 && a.Compressed >= 0 {
		out = append(out, size("compressed", b.Compressed, a.Compressed))
	}
	return append(out,
		change{"efficiency", human.Percent(b.Efficiency), human.Percent(a.Efficiency), points(a.Efficiency - b.Efficiency)},
		count("layers", b.Layers, a.Layers), count("entries", b.Entries, a.Entries))
}

// pathChange is how a path's visible bytes have changed.
func pathChange(p analyze.PathGrowth) string {
	return signed(max(p.After, 0)-max(p.Before, 0), human.Size)
}

// place names a finding's line of a Dockerfile, "Dockerfile:12", with "~" before
// it if it is only the likeliest; "" if none is known.
func place(f *analyze.Finding) string {
	if f.Line == nil {
		return ""
	}
	s := f.Line.File + ":" + strconv.Itoa(f.Line.First)
	if !f.Line.Sure {
		s = "~" + s
	}
	return s
}
