package dockerfile

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/peelhq/peel/internal/lazy"
)

// OnlyRuns reports whether the RUN that starts on a line only runs commands with these names,
// joined by "&&" or ";".
func (d *File) OnlyRuns(line int, names ...string) bool {
	e := newEditor(d)
	at, err := e.find(line)
	if err != nil || e.items[at].in.word != "RUN" {
		return false
	}
	part, err := e.runPart(&e.items[at])
	if err != nil || part.flags != "" || len(part.vars) > 0 {
		return false
	}
	for _, s := range part.stmts {
		if !onlyCalls(s, names) {
			return false
		}
	}
	return true
}

func onlyCalls(s *syntax.Stmt, names []string) bool {
	if len(s.Redirs) > 0 || s.Negated {
		return false
	}
	switch x := s.Cmd.(type) {
	case *syntax.BinaryCmd:
		return x.Op == syntax.AndStmt && onlyCalls(x.X, names) && onlyCalls(x.Y, names)
	case *syntax.CallExpr:
		if len(x.Args) == 0 || len(x.Assigns) > 0 {
			return false
		}
		for _, arg := range x.Args { // a nested command could do anything
			plain := true
			syntax.Walk(arg, func(n syntax.Node) bool {
				switch n.(type) {
				case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp:
					plain = false
				}
				return plain
			})
			if !plain {
				return false
			}
		}
		for _, name := range names {
			if x.Args[0].Lit() == name {
				return true
			}
		}
	}
	return false
}

// OnPaths returns the command of the RUN that starts on a line, which must be one chown, chgrp or
// chmod, for these paths alone and not what is below them. It reports false if it is another
// command, or has other options.
func (d *File) OnPaths(line int, paths []string) (string, bool) {
	e := newEditor(d)
	at, err := e.find(line)
	if err != nil || !d.OnlyRuns(line, "chown", "chgrp", "chmod") {
		return "", false
	}
	in := &e.items[at].in
	c, err := readCommand(in.args)
	if err != nil || len(in.docs) > 0 || len(c.stmts) != 1 {
		return "", false
	}
	call, ok := c.stmts[0].Cmd.(*syntax.CallExpr)
	if !ok {
		return "", false
	}
	args := call.Args[1:]
	for len(args) > 0 && (args[0].Lit() == "-R" || args[0].Lit() == "--recursive") {
		args = args[1:]
	}
	for i, arg := range args {
		if text := in.args[arg.Pos().Offset():arg.End().Offset()]; text[0] == '-' || i == 0 && strings.ContainsAny(text, "*?[~{") && !strings.Contains(text, "${") {
			return "", false
		}
	}
	if len(args) < 2 {
		return "", false
	}
	who := in.args[args[0].Pos().Offset():args[0].End().Offset()]
	return call.Args[0].Lit() + " " + who + " " + strings.Join(paths, " "), true
}

// Flags returns the flags, as written, of the instruction that starts on a line, or "".
func (d *File) Flags(line int) string {
	e := newEditor(d)
	at, err := e.find(line)
	if err != nil {
		return ""
	}
	return e.flags(&e.items[at])
}

// syntaxLine matches the directive that selects the frontend of a Dockerfile.
var syntaxLine = lazy.New(`^#\s*syntax\s*=\s*(?:docker\.io/)?docker/dockerfile(?:-upstream)?:1(?:\.(\d+))?(?:\.\d+)?(?:-labs)?\s*$`)

// Knows reports whether the "# syntax" directive of the Dockerfile requests BuildKit's syntax 1.x
// or later.
func (d *File) Knows(x int) bool {
	p := &parser{lines: strings.Split(strings.TrimPrefix(string(d.text), "\xef\xbb\xbf"), "\n")}
	p.directives()
	for _, line := range p.lines[:p.at] {
		if m := syntaxLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			if m[1] == "" {
				return true // the newest
			}
			n, err := strconv.Atoi(m[1])
			return err == nil && n >= x
		}
	}
	return false
}
