package report

import (
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
)

// An advicePart is a piece of a finding's advice: words, or a command.
type advicePart struct {
	Text string // raw
	Code bool
}

// adviceParts splits a finding's advice into words and commands.
func adviceParts(f *analyze.Finding) []advicePart {
	var parts []advicePart
	at := 0
	for _, c := range f.Code {
		if c[0] < at || c[1] <= c[0] || c[1] > len(f.Advice) {
			break // not part of that advice
		}
		if c[0] > at {
			parts = append(parts, advicePart{f.Advice[at:c[0]], false})
		}
		parts = append(parts, advicePart{f.Advice[c[0]:c[1]], true})
		at = c[1]
	}
	if at < len(f.Advice) {
		parts = append(parts, advicePart{f.Advice[at:], false})
	}
	return parts
}

// mdAdvice is a finding's advice in Markdown, with its commands as code.
func mdAdvice(f *analyze.Finding) string {
	var b strings.Builder
	for _, p := range adviceParts(f) {
		if p.Code {
			b.WriteString(mdCommand(p.Text))
			continue
		}
		text := strings.TrimSpace(p.Text)
		if strings.HasPrefix(p.Text, " ") {
			b.WriteByte(' ')
		}
		b.WriteString(mdText(text))
		if strings.HasSuffix(p.Text, " ") && text != "" {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// stepLines returns the cleaned lines of a build step: a here-document has several. It omits
// lines after the first few.
func stepLines(step string) []string {
	const most = 12
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(step)) {
		line = strings.TrimRight(line, " \t\r\n")
		if len(lines) == most {
			return append(lines, "…")
		}
		rest := strings.TrimLeft(line, " \t")
		indent := strings.ReplaceAll(line[:len(line)-len(rest)], "\t", "    ")
		lines = append(lines, indent[:min(len(indent), 40)]+clean.Line(rest))
	}
	return lines
}

// mdStep is a build step in Markdown, each of its lines as code.
func mdStep(step string) string {
	lines := stepLines(step)
	for i, line := range lines {
		lines[i] = mdCode(line)
	}
	return strings.Join(lines, "<br>")
}
