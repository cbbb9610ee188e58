package dockerfile

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// allScripts makes here-documents of all RUNs if some of them are.
func (e *editor) allScripts(runs []*item, parts []runPart) error {
	script := func(p runPart) bool { return p.script }
	like := slices.IndexFunc(parts, script)
	if like < 0 {
		return nil
	}
	for i := range parts {
		if parts[i].script {
			continue
		}
		if err := e.toScript(runs[i], runs[like], parts[i].command); err != nil {
			return err
		}
		parts[i].script = true
	}
	return nil
}

// toScript makes a here-document of a plain RUN, with the delimiter of another RUN. Lines stay
// lines: the shell joins continued ones as the builder did, except in quotes.
func (e *editor) toScript(it, like *item, c *command) error {
	_, name, chomp := scriptHead(like)
	if chomp {
		return because("the here-document on line %d leaves out tabs, and the RUN on line %d is none", like.in.first, it.in.first)
	}
	lead := 0 // first line of the command
	at, done := commandAt(body(it.lines[0]), e.d.escape, true)
	for !done && lead < len(it.lines)-1 {
		lead++
		at, done = commandAt(body(it.lines[lead]), e.d.escape, false)
	}
	p := parser{escape: e.d.escape}
	end := e.newline(it.lines[0])
	var script []string
	for i, line := range it.lines[lead:] {
		line = body(line)
		if i == 0 {
			line = line[at:]
		} else if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if rest, more := p.continued(line); more {
			line = strings.TrimRight(rest, " \t") + " \\"
		}
		if line == name {
			return because("the RUN on line %d has a line %s", it.in.first, name)
		}
		script = append(script, line+end)
	}
	same, err := readCommand(strings.Join(script, ""))
	if err != nil || printed(same.stmts) == "" || printed(same.stmts) != printed(c.stmts) {
		return because("the RUN on line %d reads differently in a here-document", it.in.first)
	}
	wordEnd, err := it.wordEnd()
	if err != nil {
		return err
	}
	head := it.lines[0][:wordEnd] + " "
	if flags := e.flags(it); flags != "" {
		head += flags + " "
	}
	_, delimiter, _ := strings.Cut(body(like.lines[0]), "<<")
	if delimiter == "" {
		return because("the here-document on line %d begins on a later line", like.in.first)
	}
	last := it.lines[len(it.lines)-1]
	it.lines = append(append([]string{head + "<<" + strings.TrimSpace(delimiter) + end}, script...), name+ending(last))
	return nil
}

// printed formats a shell text on one line, for comparison.
func printed(stmts []*syntax.Stmt) string {
	var b strings.Builder
	printer := syntax.NewPrinter(syntax.SingleLine(true))
	for _, s := range stmts {
		if printer.Print(&b, s) != nil {
			return ""
		}
		b.WriteString("\n")
	}
	return b.String()
}

// joinScripts makes one here-document of several.
func (e *editor) joinScripts(runs []*item, frames []frame) error {
	first := runs[0]
	head, name, chomp := scriptHead(first)
	lines := slices.Clone(first.lines[:head])
	for i, it := range runs {
		at, own, chomps := scriptHead(it)
		if n := len(it.lines); i < len(runs)-1 && strings.Contains(it.lines[n-2], "#") {
			return because("the here-document on line %d ends with a comment", it.in.first)
		}
		if chomps != chomp {
			return because("of the here-documents on lines %d and %d one leaves out tabs", first.in.first, it.in.first)
		}
		end := e.newline(it.lines[0])
		open := strings.TrimSpace(frames[i].open)
		if i > 0 {
			open = strings.TrimSpace("&& " + open)
			lines[len(lines)-1] = withoutSemicolon(body(lines[len(lines)-1])) + " " + open + end
		} else if open != "" {
			lines = append(lines, open+end)
		}
		if i > 0 {
			for _, line := range it.before { // a shell's comments now
				if strings.TrimSpace(line) != "" {
					lines = append(lines, line)
				}
			}
		}
		for _, line := range it.lines[at : len(it.lines)-1] {
			if i > 0 && own != name && strings.TrimRight(body(line), "\r") == name {
				return because("the here-document on line %d has a line %s", it.in.first, name)
			}
			lines = append(lines, line)
		}
		if shut := strings.TrimSpace(strings.ReplaceAll(frames[i].shut, ";", " ")); shut != "" {
			lines = append(lines, shut+end)
		}
		if i > 0 {
			it.before = nil
		}
	}
	tail := first.lines[len(first.lines)-1]
	if ending(tail) == "" {
		tail += e.newline(tail)
	}
	if e.isLast(runs[len(runs)-1]) {
		tail = body(tail) + ending(runs[len(runs)-1].lines[len(runs[len(runs)-1].lines)-1])
	}
	lines = append(lines, tail)
	first.lines, first.changed = lines, true
	return nil
}

// scriptHead returns the number of an item's lines before its here-document, the delimiter, and
// whether tabs are stripped.
func scriptHead(it *item) (lines int, name string, chomp bool) {
	for i, line := range it.lines {
		if _, word, ok := strings.Cut(line, "<<"); ok {
			word = strings.TrimSpace(word)
			chomp = strings.HasPrefix(word, "-")
			return i + 1, strings.Trim(strings.TrimPrefix(word, "-"), `"'`), chomp
		}
	}
	return len(it.lines), "", false
}
