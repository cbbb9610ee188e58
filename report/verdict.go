package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// A Verdict is the result of a check of an image, for CheckText, CheckJSON and
// the others. Each takes the verdicts of all images of a check, at least one,
// and does not modify them.
type Verdict struct {
	Analysis *analyze.Analysis
	Outcome  *analyze.Outcome

	// Name is the image's name in the check: as requested, with the platform if several are
	// checked. "": the image's own name.
	Name string
	// Key is the part of the name that stays the same between builds; "": use ImageKey.
	Key string
	// Err is why the image could not be loaded. Analysis and Outcome are then nil.
	Err error

	Version  string // peel's own, for the forms that name their tool; "" if unknown
	Coloured bool   // text may hold a terminal's colours
	Details  bool   // text shows every finding in full
	Layout   Layout // of text
}

// counts are the numbers of a check's rules, by result.
type counts struct{ failed, warned, passed, unchecked, waived int }

func (v *Verdict) counts() counts {
	var c counts
	if v.Outcome == nil {
		return c
	}
	for i := range v.Outcome.Results {
		switch r := &v.Outcome.Results[i]; {
		case r.Waived:
			c.waived++
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

func (c counts) rules() int { return c.failed + c.warned + c.passed + c.unchecked + c.waived }

// sentence states the result of the check, a word and, after a colon, the rest: "failed: 2 of 5
// rules, 1 warned, 2 passed", or "passed: 3 rules, 2 warned, 0 failed". A check that passed doesn't
// begin with a share of its rules: that would read as half failed.
func (c counts) sentence(colon string) string {
	all := c.rules()
	if all == 0 {
		return "no rule is on"
	}
	var parts []string
	add := func(n int, what string) {
		switch {
		case n > 0 && len(parts) == 0:
			parts = append(parts, human.Count(n, "rule", "rules")+what)
		case n > 0:
			parts = append(parts, human.Comma(n)+what)
		}
	}
	verdict := "failed"
	if c.failed > 0 {
		parts = append(parts, human.Comma(c.failed)+" of "+human.Count(all, "rule", "rules"))
	} else {
		verdict = "passed"
		add(c.passed, "")
	}
	add(c.warned, " warned")
	add(c.waived, " waived")
	add(c.unchecked, " not checked")
	switch {
	case c.failed > 0:
		add(c.passed, " passed")
	case c.passed < all:
		parts = append(parts, "0 failed")
	}
	return verdict + colon + strings.Join(parts, ", ")
}

// imageCounts are the numbers of a check's images, by result.
type imageCounts struct{ images, failed, passed, unloaded int }

func tally(all []subject) imageCounts {
	t := imageCounts{images: len(all)}
	for i := range all {
		switch s := &all[i]; {
		case s.Err != nil:
			t.unloaded++
		case s.Outcome.Failed():
			t.failed++
		default:
			t.passed++
		}
	}
	return t
}

// sentence states the result of a check of several images: "3 images: 1 failed, 2 passed".
func (t imageCounts) sentence() string {
	var parts []string
	for _, x := range []struct {
		n    int
		word string
	}{{t.failed, "failed"}, {t.passed, "passed"}, {t.unloaded, "cannot be loaded"}} {
		if x.n > 0 {
			parts = append(parts, human.Comma(x.n)+" "+x.word)
		}
	}
	return human.Count(t.images, "image", "images") + ": " + strings.Join(parts, ", ")
}

func (t imageCounts) paint() paint {
	if t.passed < t.images {
		return red
	}
	return green
}

// sign returns the sign of the whole result in Markdown.
func (t imageCounts) sign() string {
	switch {
	case t.failed > 0:
		return "❌"
	case t.unloaded > 0:
		return "⚠️"
	}
	return "✅"
}

// findings returns all findings in brief (see analyze.Brief), plus one for every failed rule
// without findings, in the outcome's order, so that formats that only show findings show every
// failed rule.
func (v *Verdict) findings() []analyze.Finding {
	if v.Outcome == nil {
		return []analyze.Finding{v.unloaded()}
	}
	has := map[string]bool{}
	for i := range v.Outcome.Findings {
		has[v.Outcome.Findings[i].Rule] = true
	}
	all := slices.Clone(analyze.Brief(v.Outcome.Findings, v.Outcome.Floor))
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

// ruleImage is the rule of the finding that an image can't be loaded.
const ruleImage = "image"

// unloaded returns the finding that the image can't be loaded.
func (v *Verdict) unloaded() analyze.Finding {
	return analyze.Finding{
		ID: ruleImage, Rule: ruleImage, Severity: analyze.Error, Layer: -1, Title: "The image cannot be loaded",
		Message: strings.Join(strings.Fields(v.Err.Error()), " "), Advice: "Its rules are not checked. Correct the name, or build the image first.",
	}
}

// details returns the findings except those shown with their rule.
func (v *Verdict) details() []analyze.Finding {
	rules := map[string]bool{}
	for _, r := range v.Outcome.Results {
		rules[r.Rule] = true
	}
	return slices.DeleteFunc(slices.Clone(v.Outcome.Findings), func(f analyze.Finding) bool { return f.ID == f.Rule && rules[f.Rule] })
}

// advice says, raw, what to do about a rule as a whole; "" if nothing.
func (v *Verdict) advice(rule string) string {
	for i := range v.Outcome.Findings {
		if f := &v.Outcome.Findings[i]; f.ID == rule {
			return f.Advice
		}
	}
	return ""
}

// changeName is the number of columns for the name of a change.
const changeName = len("image efficiency")

// A change is one figure of an image and of its baseline, for people.
type change struct{ name, before, after, difference string }

// changes returns the figures of a growth that both images have.
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
	out = append(out, change{"image efficiency", human.Percent(b.Efficiency), human.Percent(a.Efficiency), points(a.Efficiency - b.Efficiency)})
	if before, ok := b.OwnEfficiency(); ok {
		if after, ok := a.OwnEfficiency(); ok {
			out = append(out, change{"own efficiency", human.Percent(before), human.Percent(after), points(after - before)})
		}
	}
	return append(out,
		count("layers", b.Layers, a.Layers), count("entries", b.Entries, a.Entries))
}

// pathChange says how a path's visible bytes changed.
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
