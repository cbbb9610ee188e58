package report

import (
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// adviceShown is the maximum number of findings in a text report.
const adviceShown = 8

// toChange says what to change in the build: the most severe and largest findings first, each
// with its saving, place and advice.
func (p *page) toChange(findings []analyze.Finding) {
	if len(findings) == 0 {
		return
	}
	shown := findings[:min(len(findings), adviceShown)]
	if len(shown) < len(findings) {
		p.heading("What to change (%d of %s)", len(shown), human.Count(analyze.CountFindings(findings), "finding", "findings"))
	} else {
		p.heading("What to change")
	}
	for i := range shown {
		p.change(&shown[i])
	}
	if rest := findings[len(shown):]; len(rest) > 0 {
		p.line("%s  and %s: -f markdown, html or json", padLeft(human.Size(total(rest)), findingIndent-2), human.Count(analyze.CountFindings(rest), "more finding", "more findings"))
	}
}

// change adds a finding: its bytes and title, what happened, the step, and what to
// change.
func (p *page) change(f *analyze.Finding) {
	indent := strings.Repeat(" ", findingIndent)
	lead := indent
	if f.Bytes > 0 {
		lead = padLeft(human.Size(f.Bytes), findingIndent-2) + "  "
	}
	p.paragraph(lead, clean.Line(f.Title))
	if f.Message != "" {
		p.paragraph(indent, clean.Line(f.Message))
	}
	var where []string
	if f.Layer >= 0 {
		where = append(where, "layer "+strconv.Itoa(f.Layer))
	}
	if l := clean.Line(place(f)); l != "" {
		where = append(where, l)
	}
	step := strings.Join(where, ", ")
	if lines := stepLines(f.Step); len(lines) > 0 {
		if step != "" {
			step += ": "
		}
		step += lines[0]
		if len(lines) > 1 {
			step += " …"
		}
	}
	if step != "" {
		p.line("%s↳ %s", indent, step)
	}
	if f.Advice != "" {
		p.paragraph(indent+"→ ", clean.Line(f.Advice))
	}
}
