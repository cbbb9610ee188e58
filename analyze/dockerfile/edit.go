package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// # Edits
//
// An edit changes a Dockerfile so that the image stores less and does the same. It is made only
// if the text shows that this is safe. Otherwise the error says why, in words that end a sentence
// ("Not in the patch: the COPY on line 3 is between the RUNs"). All lines that an edit does not
// name stay unchanged, byte for byte.

// maxEdited is the maximum size of a Dockerfile for edits, in bytes.
const maxEdited = 256 << 10

// An EditKind is the kind of an edit.
type EditKind uint8

// The kinds of edits.
const (
	MergeRuns  EditKind = iota // merges the RUNs from Line to Until
	AddCommand                 // appends a command, Text, to the RUN
	AddOption                  // adds an option, Text, to the commands of Program in a RUN
	AddFlags                   // adds flags, Text, after the instruction's word: "--chown=1000:1000"
	SetTarget                  // makes Text the target of a COPY or ADD
	DropStep                   // removes the instruction
	SetCommand                 // makes Text the command of a RUN
)

// An Edit is one change of one instruction, identified by its first line in the original
// Dockerfile.
type Edit struct {
	Kind    EditKind
	Line    int     // first line of the instruction, 1-based
	Until   int     // for MergeRuns, first line of the last one
	Text    string  // inserted text
	Program Program // for AddOption
}

// errNoEdit starts the errors that say why there is no edit.
var errNoEdit = errors.New("")

// because returns an error that says why there is no edit.
func because(format string, args ...any) error {
	return fmt.Errorf("%w%s", errNoEdit, fmt.Sprintf(format, args...))
}

// Edited returns the Dockerfile's text with all edits applied: first those of single
// instructions, then merges; overlapping ranges of RUNs are joined. The error says why one of
// them is not possible.
func (d *File) Edited(edits []Edit) ([]byte, error) {
	if len(d.text) > maxEdited {
		return nil, because("the Dockerfile is larger than %d bytes, the most that peel edits", maxEdited)
	}
	e := newEditor(d)
	for _, kind := range []EditKind{SetCommand, AddOption, AddFlags, SetTarget, AddCommand, DropStep, MergeRuns} {
		var merges [][2]int
		for i, x := range edits {
			if x.Kind != kind || slices.Contains(edits[:i], x) {
				continue // one edit can resolve several findings
			}
			at, err := e.find(x.Line)
			if err != nil {
				return nil, err
			}
			switch kind {
			case MergeRuns:
				until, err := e.find(x.Until)
				if err != nil {
					return nil, err
				}
				merges = append(merges, [2]int{at, until})
			case AddCommand:
				err = e.addCommand(at, x.Text)
			case AddOption:
				err = e.addOption(at, x.Program, x.Text)
			case AddFlags:
				err = e.addFlags(at, x.Text)
			case SetTarget:
				err = e.setTarget(at, x.Text)
			case SetCommand:
				err = e.setCommand(at, x.Text)
			case DropStep:
				e.items[at].dropped = true
			}
			if err != nil {
				return nil, err
			}
		}
		for _, m := range joined(merges) {
			if err := e.merge(m[0], m[1]); err != nil {
				return nil, err
			}
		}
	}
	return e.result()
}

// joined joins overlapping ranges.
func joined(ranges [][2]int) [][2]int {
	slices.SortFunc(ranges, func(a, b [2]int) int { return a[0] - b[0] })
	var out [][2]int
	for _, r := range ranges {
		if n := len(out); n > 0 && r[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out
}

// An editor is a Dockerfile being edited: its instructions in order, each with its lines.
type editor struct {
	d     *File
	items []item
	tail  []string // text after the last instruction
}

// An item is one instruction.
type item struct {
	in      instruction
	stage   int      // -1 for an ARG before the first FROM
	before  []string // preceding comments and empty lines with line endings
	lines   []string // with line endings
	dropped bool
	changed bool
}

// newEditor splits a Dockerfile, which has been parsed before and therefore can be parsed again.
func newEditor(d *File) *editor {
	e := &editor{d: d}
	raw := slices.Collect(strings.Lines(string(d.text)))
	at := 0 // the next line, 0-based
	for _, it := range d.inOrder() {
		it.before = raw[at : it.in.first-1]
		at = min(it.in.last, len(raw))
		it.lines = slices.Clone(raw[it.in.first-1 : at])
		e.items = append(e.items, it)
	}
	e.tail = raw[at:]
	return e
}

// inOrder returns a Dockerfile's instructions in the order of lines.
func (d *File) inOrder() []item {
	p := &parser{lines: strings.Split(string(bytes.TrimPrefix(d.text, []byte("\xef\xbb\xbf"))), "\n"), escape: '\\'}
	p.directives()
	var items []item
	stage, shell := -1, ""
	for {
		in, err := p.instruction()
		if in == nil || err != nil { // no error is possible, because it was parsed before
			return items
		}
		switch in.word {
		case "FROM":
			stage++
			shell = ""
		case "SHELL":
			shell, _ = execForm(in.args)
		}
		in.shell = shell
		items = append(items, item{in: *in, stage: stage})
	}
}

// find returns the instruction that starts on a line.
func (e *editor) find(line int) (int, error) {
	for i := range e.items {
		if e.items[i].in.first == line {
			return i, nil
		}
	}
	return 0, because("no instruction begins on line %d", line)
}

// result joins the text and parses it again: an edit with an unreadable result is rejected.
func (e *editor) result() ([]byte, error) {
	var lines []string
	for i := range e.items {
		it := &e.items[i]
		lines = append(lines, it.before...)
		if !it.dropped {
			lines = append(lines, it.lines...)
		}
	}
	lines = append(lines, e.tail...)
	var b strings.Builder
	for i, line := range lines {
		if i < len(lines)-1 && ending(line) == "" { // it was the last one
			line += e.newline(line)
		}
		b.WriteString(line)
	}
	text := []byte(b.String())
	if _, err := Parse(e.d.name, text); err != nil {
		return nil, because("the changed Dockerfile could not be read: %v", err)
	}
	return text, nil
}

// body returns a line without its ending, and ending returns its ending: "\n", "\r\n" or, for a
// last line, "".
func body(line string) string { return strings.TrimRight(line, "\r\n") }

func ending(line string) string { return line[len(body(line)):] }

// newline returns the ending for a line inserted after another one.
func (e *editor) newline(line string) string {
	if end := ending(line); end != "" {
		return end
	}
	if len(e.items) > 0 {
		if end := ending(e.items[0].lines[0]); end != "" {
			return end
		}
	}
	return "\n"
}

// unended says why nothing can be appended to an instruction, or returns nil.
func (e *editor) unended(it *item) error {
	last := body(it.lines[len(it.lines)-1])
	p := parser{escape: e.d.escape}
	if _, more := p.continued(last); more {
		return because("line %d ends with a sign that the next line belongs to it", it.in.last)
	}
	return nil
}

// extend appends a line to an instruction, as a continuation.
func (e *editor) extend(it *item, line string) {
	n := len(it.lines) - 1
	last := it.lines[n]
	it.lines[n] = strings.TrimRight(body(last), " \t") + " " + string(e.d.escape) + e.newline(last)
	it.lines = append(it.lines, line+ending(last))
	it.changed = true
}

// String describes an edit in one sentence; commands in it are raw, between backticks.
func (x Edit) String() string {
	text := "`" + x.Text + "`"
	switch x.Kind {
	case MergeRuns:
		return fmt.Sprintf("Merge the RUNs on lines %d to %d into one.", x.Line, x.Until)
	case AddCommand:
		return fmt.Sprintf("End the RUN on line %d with %s.", x.Line, text)
	case AddOption:
		return fmt.Sprintf("Use %s in the RUN on line %d.", text, x.Line)
	case AddFlags:
		return fmt.Sprintf("Give the instruction on line %d the flags %s.", x.Line, text)
	case SetTarget:
		return fmt.Sprintf("Copy to %s on line %d.", text, x.Line)
	case SetCommand:
		return fmt.Sprintf("Change the RUN on line %d to %s.", x.Line, text)
	case DropStep:
		return fmt.Sprintf("Leave out the instruction on line %d.", x.Line)
	}
	return ""
}
