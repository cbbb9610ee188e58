package report

import (
	"io"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// checkWaste is how many rows of waste a failed check shows.
const checkWaste = 10

// Check writes the outcome of the rules for people: where they come from, a line
// for each, what was found, and, if one has failed, the largest waste with the
// steps to blame. It fails only where w does.
func Check(w io.Writer, a *analyze.Analysis, o *analyze.Outcome) error {
	var p page
	p.image(a)
	if o.RulesFrom != "" {
		p.line("rules from %s", clean.Line(o.RulesFrom))
	} else {
		p.line("rules from flags and defaults")
	}
	p.WriteByte('\n')
	wide := checkRule
	for i := range o.Results {
		wide = max(wide, len(o.Results[i].Rule))
	}
	for i := range o.Results {
		r := &o.Results[i]
		p.line("  %s  %s  %s  (limit %s)", verdict(r), pad(r.Rule, wide), padLeft(r.Value, 7), r.Limit)
	}
	for _, note := range o.Notes {
		p.item("note", note)
	}
	for i := range o.Findings {
		// The line of most rules says it all.
		if f := &o.Findings[i]; f.ID != f.Rule || f.Title == "Rule not checked" {
			p.item(f.Severity.String(), f.Message)
		}
	}
	if o.Failed() {
		counted := *a
		counted.Waste = o.Waste
		p.waste(&counted, checkWaste)
	}
	p.WriteByte('\n')
	p.tally(o)
	return p.writeTo(w)
}

// checkRule is the least width of the rules' names.
const checkRule = 15

// verdict is a result in four letters.
func verdict(r *analyze.Result) string {
	switch {
	case r.Unchecked:
		return "----"
	case !r.Failed:
		return "pass"
	case r.Severity == analyze.Error:
		return "FAIL"
	}
	return "warn"
}

// item adds a paragraph that begins with a word and a colon.
func (p *page) item(word, text string) {
	line := "  " + word + ":"
	for w := range strings.FieldsSeq(clean.Text(text)) {
		if width(line)+1+width(w) > columns {
			p.line("%s", line)
			line = "   "
		}
		line += " " + w
	}
	p.line("%s", line)
}

// tally adds the outcome in one line.
func (p *page) tally(o *analyze.Outcome) {
	failed, warned, unchecked := 0, 0, 0
	for i := range o.Results {
		switch r := &o.Results[i]; {
		case r.Unchecked:
			unchecked++
		case r.Failed && r.Severity == analyze.Error:
			failed++
		case r.Failed:
			warned++
		}
	}
	rules := human.Count(len(o.Results), "rule", "rules")
	line := "passed: " + rules
	switch {
	case len(o.Results) == 0:
		line = "no rule is on"
	case failed > 0:
		line = "failed: " + human.Comma(failed) + " of " + rules
	case warned+unchecked > 0:
		line = "passed: " + human.Comma(len(o.Results)-warned-unchecked) + " of " + rules
	}
	if warned > 0 {
		line += ", " + human.Count(warned, "warning", "warnings")
	}
	if unchecked > 0 {
		line += ", " + human.Comma(unchecked) + " not checked"
	}
	p.line("%s", line)
}
