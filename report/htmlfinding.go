package report

import (
	"cmp"
	"html/template"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source"
)

// An htmlCommand is a command on a page: its lines, as words between which the page can break
// lines. A shell's operator and the word after it count as one, so that no line ends with an
// operator.
type htmlCommand [][]string

// Limits on a command.
const (
	htmlCommandLines = 60
	htmlCommandWords = 300 // what follows is one word
)

// newHTMLCommand cleans a step or a command; runes bounds its length. A here-document
// keeps its lines.
func newHTMLCommand(text string, runes int) htmlCommand {
	var c htmlCommand
	words := htmlCommandWords
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if runes <= 0 || len(c) == htmlCommandLines {
			return append(c, []string{"…"})
		}
		line = strings.TrimRight(line, " \t\r\n")
		rest := strings.TrimLeft(line, " \t")
		margin := strings.ReplaceAll(line[:len(line)-len(rest)], "\t", "    ")
		shown := cutRunes(clean.Line(rest), max(runes, 3))
		runes -= len(shown)
		row := commandWords(shown, max(words, 1))
		words -= len(row)
		row[0] = margin[:min(len(margin), 40)] + row[0]
		c = append(c, row)
	}
	return c
}

// commandWords returns at most most words of a line.
func commandWords(line string, most int) []string {
	words := strings.SplitN(line, " ", most)
	out := words[:0]
	for i := 0; i < len(words); i++ {
		word := words[i]
		if (word == "&&" || word == "||" || word == "|") && i+1 < len(words) {
			i++
			word += " " + words[i]
		}
		out = append(out, word)
	}
	return out
}

// bytes returns how many bytes the command takes in a page.
func (c htmlCommand) bytes() int {
	n := 0
	for _, line := range c {
		for _, word := range line {
			n += len("<span></span> ") + len(template.HTMLEscapeString(word))
		}
	}
	return n
}

// stepOrUnknown is what made a layer, raw but without secrets, or "unknown".
func stepOrUnknown(l *source.Layer) string { return cmp.Or(analyze.ShownStep(l.Step), orUnknown("")) }

// An htmlFinding is a finding on a page.
type htmlFinding struct {
	Severity, Title, Message string
	Advice                   []htmlAdvicePart
	Path, Line               string
	Step                     htmlCommand
	Layer                    int // -1: none
	Bytes                    int64
}

// An htmlAdvicePart is a piece of advice: words, or a command.
type htmlAdvicePart struct {
	Text string
	Code htmlCommand
	Long bool // a command of several words, which people copy
}

// newHTMLFindings returns the first findings for a page, and how many are left out.
func newHTMLFindings(findings []analyze.Finding, most int) (rows []htmlFinding, more int) {
	bytes := 0
	for i := range findings {
		if i == most || bytes > htmlFindingBytes {
			break
		}
		f := &findings[i]
		row := htmlFinding{
			Severity: f.Severity.String(),
			Title:    cutRunes(clean.Line(f.Title), htmlCommandRunes),
			Message:  cutRunes(clean.Line(f.Message), htmlCommandRunes),
			Advice:   htmlAdvice(f),
			Path:     cutRunes(clean.Text(f.Path), htmlPathRunes),
			Step:     newHTMLCommand(f.Step, htmlCommandRunes),
			Layer:    f.Layer,
			Bytes:    f.Bytes,
		}
		if l := f.Line; l != nil {
			row.Line = cutRunes(clean.Line(l.File), htmlPathRunes) + ":" + strconv.Itoa(l.First)
			if l.Last > l.First {
				row.Line += "-" + strconv.Itoa(l.Last)
			}
			if !l.Sure {
				row.Line += " (probably)"
			}
		}
		bytes += row.bytes()
		rows = append(rows, row)
	}
	return rows, analyze.CountFindings(findings[len(rows):])
}

// htmlFindingBytes bounds the text of all findings of a list, as HTML writes it.
const htmlFindingBytes = 400_000

// bytes returns roughly how many bytes the finding takes in a page.
func (f *htmlFinding) bytes() int {
	n := f.Step.bytes()
	for _, text := range []string{f.Title, f.Message, f.Path, f.Line} {
		n += len(template.HTMLEscapeString(text))
	}
	for _, part := range f.Advice {
		n += len(template.HTMLEscapeString(part.Text)) + part.Code.bytes()
	}
	return n
}

// htmlAdvice is a finding's advice, whose commands are code.
func htmlAdvice(f *analyze.Finding) []htmlAdvicePart {
	var parts []htmlAdvicePart
	for _, part := range adviceParts(f) {
		if part.Code {
			code := newHTMLCommand(part.Text, htmlCommandRunes)
			whole := !strings.HasSuffix(part.Text, "…") // a shortened step is useless elsewhere
			parts = append(parts, htmlAdvicePart{Code: code, Long: whole && (len(code) > 1 || len(code) == 1 && len(code[0]) > 2)})
			continue
		}
		text := cutRunes(clean.Line(part.Text), htmlCommandRunes)
		if strings.HasPrefix(part.Text, " ") { // clean.Line takes the spaces at both ends
			text = " " + text
		}
		if strings.HasSuffix(part.Text, " ") {
			text += " "
		}
		parts = append(parts, htmlAdvicePart{Text: text})
	}
	return parts
}
