package dockerfile

import (
	"slices"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/syntax"

	"github.com/peelhq/peel/internal/lazy"
)

// passedBy are the instructions that a RUN may be moved across: they say what a container does,
// not how the image is built.
var passedBy = wordSet("CMD ENTRYPOINT EXPOSE HEALTHCHECK LABEL MAINTAINER STOPSIGNAL")

// perStep are things that each RUN has of its own: what one RUN writes there is not visible to
// the next.
var perStep = lazy.New(`/etc/hosts\b|/etc/resolv\.conf\b|/etc/hostname\b|/dev/shm\b|type=tmpfs|,(?:rw|readwrite)\b`)

// merge merges the RUNs among items from to until. Everything between them must be something that
// a RUN may be moved across. Each RUN still runs only if those before it succeeded, and in the
// same shell state.
func (e *editor) merge(from, until int) error {
	var runs []*item
	for i := from; i <= until; i++ {
		it := &e.items[i]
		switch {
		case it.dropped:
		case it.stage != e.items[from].stage:
			return because("another stage begins between the steps, on line %d", it.in.first)
		case it.in.word == "RUN":
			runs = append(runs, it)
		case i == from || i == until:
			return because("line %d has %s, and only RUNs can be merged", it.in.first, it.in.word)
		case !passedBy[it.in.word]:
			return because("the %s on line %d is between the RUNs", it.in.word, it.in.first)
		}
	}
	if len(runs) < 2 {
		return nil
	}
	for _, it := range runs {
		if text := strings.Join(it.lines, ""); perStep.MatchString(text) {
			return because("the RUN on line %d uses something that each RUN gets fresh: %s", it.in.first, perStep.FindString(text))
		}
	}
	parts := make([]runPart, len(runs))
	for i, it := range runs {
		part, err := e.runPart(it)
		if err != nil {
			return err
		}
		if part.flags != "" || i > 0 && parts[0].flags != "" {
			if part.flags != parts[0].flags && i > 0 {
				return because("the RUNs on lines %d and %d have different flags", runs[0].in.first, it.in.first)
			}
		}
		parts[i] = part
	}
	if err := e.allScripts(runs, parts); err != nil {
		return err
	}
	errexit, ok := posixShell(runs[0].in.shell)
	if !ok {
		return because("the shell of the RUN on line %d is one that peel doesn't know", runs[0].in.first)
	}
	frames, err := framed(parts, errexit)
	if err != nil {
		return err
	}
	if parts[0].script {
		err = e.joinScripts(runs, frames)
	} else {
		e.joinLines(runs, frames)
	}
	if err != nil {
		return err
	}
	for _, it := range runs[1:] {
		it.dropped = true
	}
	return e.readsAs(runs[0], parts)
}

// A runPart is a RUN to be merged with others.
type runPart struct {
	*command
	line   int
	flags  string // as written: "--network=none"; or ""
	script bool   // its command is a here-document
}

// runPart parses a RUN in its current state.
func (e *editor) runPart(it *item) (runPart, error) {
	in, err := e.again(it)
	if err != nil {
		return runPart{}, err
	}
	part := runPart{line: it.in.first, flags: e.flags(it)}
	if _, err := it.wordEnd(); err != nil || in.word != "RUN" {
		return part, because("the RUN on line %d does not begin with its name", it.in.first)
	}
	text := in.args
	if _, exec := execForm(text); exec {
		return part, because("the RUN on line %d is in the exec form", it.in.first)
	}
	if len(in.docs) > 0 {
		if len(in.docs) > 1 || !alone.MatchString(strings.TrimSpace(text)) || strings.HasPrefix(in.docs[0].text, "#!") {
			return part, because("the here-document of the RUN on line %d is not a plain script for the shell", it.in.first)
		}
		part.script, text = true, in.docs[0].text
	} else if err := e.unended(it); err != nil {
		return part, err
	}
	if part.command, err = readCommand(text); err != nil {
		return part, because("the RUN on line %d: %v", it.in.first, err)
	}
	if part.remark && !part.script {
		return part, because("a shell's comment ends the RUN on line %d", it.in.first)
	}
	if hasHereDoc(part.stmts) {
		return part, because("the RUN on line %d has a here-document of its own", it.in.first)
	}
	return part, nil
}

// hasHereDoc reports whether a shell text contains here-documents.
func hasHereDoc(stmts []*syntax.Stmt) bool {
	found := false
	for _, s := range stmts {
		syntax.Walk(s, func(n syntax.Node) bool {
			if r, ok := n.(*syntax.Redirect); ok && (r.Op == syntax.Hdoc || r.Op == syntax.DashHdoc) {
				found = true
			}
			return !found
		})
	}
	return found
}

// again parses the current lines of an item.
func (e *editor) again(it *item) (*instruction, error) {
	p := &parser{escape: e.d.escape}
	for _, line := range it.lines {
		p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
	}
	in, err := p.instruction()
	if err != nil || in == nil {
		return nil, because("the instruction on line %d could not be read again", it.in.first)
	}
	in.shell = it.in.shell
	return in, nil
}

// flags returns an instruction's flags as written.
func (e *editor) flags(it *item) string {
	p := &parser{escape: e.d.escape}
	var text strings.Builder
	for _, line := range it.lines {
		rest, more := p.continued(body(line))
		text.WriteString(rest + " ")
		if !more {
			break
		}
	}
	_, args := cutWord(text.String())
	var flags []string
	for strings.HasPrefix(args, "--") {
		var flag string
		flag, args = cutWord(args)
		flags = append(flags, flag)
	}
	return strings.Join(flags, " ")
}

// A frame is the text around one part of a merged RUN.
type frame struct{ open, shut string }

// framed returns the text around each part so that all parts, joined by "&&", behave as they did
// separately:
//
//   - a list with "||" or ";" gets braces; otherwise it would run even if an earlier part failed;
//   - a part that changes its shell gets a subshell; otherwise later parts would be affected;
//   - with "set -e", only the last command of a part may be to the left of "&&", where a shell
//     ignores the option: such a part stays as it is, and what follows it gets braces.
//
// Source: POSIX.1-2024, Shell Command Language, "set", option -e.
func framed(parts []runPart, errexit bool) ([]frame, error) {
	frames := make([]frame, len(parts))
	open := 0
	for i := range parts {
		p, f, rest := &parts[i], &frames[i], parts[i+1:]
		on := errexit || p.errexit()
		switch {
		case len(rest) == 0:
			if !p.chain && i > 0 {
				f.open = "{ "
				open++
			}
		case p.simple || !on:
			if p.stateful() {
				f.open, f.shut = "( ", " )"
			} else if !p.chain && i > 0 {
				f.open, f.shut = "{ ", semicolon(p)+" }"
			}
		default:
			if err := p.standsOpen(rest, errexit); err != nil {
				return nil, err
			}
			if i > 0 {
				f.open = "{ "
				open++
			}
		}
	}
	last := len(parts) - 1
	if open > 0 {
		frames[last].shut = strings.Repeat("; }", open)
	}
	return frames, nil
}

// semicolon ends a list before its brace.
func semicolon(*runPart) string { return ";" }

// standsOpen says why nothing can follow a part that stops at its first error in the same shell,
// or returns nil.
func (p *runPart) standsOpen(rest []runPart, errexit bool) error {
	why := ""
	switch {
	case p.leaks:
		why = "changes the shell for later commands, and stops at the first error (set -e)"
	case !p.lasts:
		why = "stops at the first error (set -e), and ends with more than a plain command"
	}
	for i := range rest {
		r := &rest[i]
		switch {
		case why != "":
		case p.sets != "" && r.sets != p.sets && !(r.simple && strings.Trim(p.sets, "-ex") == "") && !(errexit && strings.Trim(p.sets, "-ex") == ""):
			why = "sets shell options that the later RUNs don't have"
		default:
			for _, name := range p.vars {
				if strings.ToLower(name) != name || r.mentions(name) {
					why = "sets the variable " + name + " for the later RUNs"
				}
			}
		}
	}
	if why == "" {
		return nil
	}
	return because("the RUN on line %d %s", p.line, why)
}

// mentions reports whether a command uses a variable.
func (c *command) mentions(name string) bool {
	found := false
	for _, s := range c.stmts {
		syntax.Walk(s, func(n syntax.Node) bool {
			if x, ok := n.(*syntax.ParamExp); ok && x.Param != nil && x.Param.Value == name {
				found = true
			}
			return !found
		})
	}
	return found
}

// joinLines makes one instruction from several. Their lines stay the same, except for the frames.
func (e *editor) joinLines(runs []*item, frames []frame) {
	first := runs[0]
	for i, it := range runs {
		lines := slices.Clone(it.lines)
		lead := 0 // first line of the command
		for {
			at, done := commandAt(body(lines[lead]), e.d.escape, lead == 0)
			if done || lead == len(lines)-1 {
				if i == 0 {
					lines[lead] = lines[lead][:at] + frames[i].open + lines[lead][at:]
				} else {
					lines[lead] = "    && " + frames[i].open + lines[lead][at:]
				}
				break
			}
			lead++
		}
		n := len(lines) - 1
		last := body(lines[n])
		if frames[i].shut != "" {
			last = strings.TrimRightFunc(last, unicode.IsSpace)
			if strings.HasPrefix(frames[i].shut, ";") {
				last = withoutSemicolon(last)
			}
			last += frames[i].shut
		} else if i < len(runs)-1 {
			last = withoutSemicolon(last)
		}
		lines[n] = last + ending(lines[n])
		if i == 0 {
			first.lines, first.changed = lines, true
			continue
		}
		var between []string
		for _, line := range it.before {
			if strings.TrimSpace(line) != "" { // an empty line is not allowed inside an instruction
				between = append(between, line)
			}
		}
		n = len(first.lines) - 1
		end := ending(first.lines[n])
		first.lines[n] = strings.TrimRight(body(first.lines[n]), " \t") + " " + string(e.d.escape) + e.newline(first.lines[n])
		first.lines = append(first.lines, between...)
		first.lines = append(first.lines, lines[lead:]...)
		if m := len(first.lines) - 1; ending(first.lines[m]) == "" && end != "" && !e.isLast(it) {
			first.lines[m] += end
		}
		it.before = nil
	}
}

// isLast reports whether no item follows.
func (e *editor) isLast(it *item) bool {
	return len(e.tail) == 0 && it == &e.items[len(e.items)-1]
}

// withoutSemicolon removes a trailing semicolon from a line.
func withoutSemicolon(line string) string {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	if strings.HasSuffix(line, ";") && !strings.HasSuffix(line, `\;`) && !strings.HasSuffix(line, ";;") {
		return strings.TrimRightFunc(line[:len(line)-1], unicode.IsSpace)
	}
	return line
}

// commandAt returns where the command of a RUN starts in its first line, after the word and the
// flags; false if it starts on a later line.
func commandAt(line string, escape byte, first bool) (int, bool) {
	at := 0
	skip := func(blank bool) {
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') == blank {
			at++
		}
	}
	skip(true)
	if first {
		skip(false)
		skip(true)
	} else if at < len(line) && line[at] == '#' {
		return at, false
	}
	for strings.HasPrefix(line[at:], "--") {
		skip(false)
		skip(true)
	}
	return at, at < len(line) && strings.TrimSpace(line[at:]) != string(escape)
}

// readsAs verifies that a merged RUN parses to all of its parts.
func (e *editor) readsAs(it *item, parts []runPart) error {
	merged, err := e.runPart(it)
	if err != nil {
		return because("the merged RUN could not be read: %v", err)
	}
	want := 0
	for i := range parts {
		want += calls(parts[i].stmts)
	}
	if got := calls(merged.stmts); got != want {
		return because("the merged RUN would have %d commands instead of %d", got, want)
	}
	return nil
}

// calls counts the commands in a shell text.
func calls(stmts []*syntax.Stmt) int {
	n := 0
	for _, s := range stmts {
		syntax.Walk(s, func(node syntax.Node) bool {
			if _, ok := node.(*syntax.CallExpr); ok {
				n++
			}
			return true
		})
	}
	return n
}
