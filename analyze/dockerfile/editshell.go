package dockerfile

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/peelhq/peel/internal/lazy"
)

// maxShell limits a RUN's shell text, in bytes, and its nesting, because a recursive parser needs
// a stack as deep as its input.
const (
	maxShell   = 64 << 10
	maxNesting = 100
)

// A command is a parsed shell text of a RUN, with the facts that matter for merging.
type command struct {
	stmts []*syntax.Stmt

	chain  bool // a single statement without "||": it may follow "&&"
	simple bool // only commands joined by &&, || and |: "set -e" makes no difference inside
	lasts  bool // its last statement is simple

	sets   string   // options of a leading "set": "-eux"
	leaks  bool     // it changes its shell in more ways than variables
	vars   []string // variables that it sets
	ends   bool     // it ends with a semicolon
	remark bool     // it contains a comment
}

// errexit reports whether the command enables "set -e" for itself.
func (c *command) errexit() bool { return strings.Contains(c.sets, "e") }

// stateful reports whether later commands in the same shell could notice that c ran.
func (c *command) stateful() bool { return c.leaks || c.sets != "" || len(c.vars) > 0 }

// changesShell are the builtins that change the state of a shell.
var changesShell = wordSet(". alias builtin cd chdir command declare eval exec exit export getopts hash let local popd pushd read " +
	"readonly return set shift shopt source times trap typeset ulimit umask unalias unset wait")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// readCommand parses a RUN's shell text.
func readCommand(text string) (*command, error) {
	if len(text) > maxShell {
		return nil, because("the RUN has more than %d bytes", maxShell)
	}
	if strings.Count(text, "(")+strings.Count(text, "{")+strings.Count(text, "`") > maxNesting {
		return nil, because("the RUN is nested too deeply")
	}
	c := &command{}
	var file *syntax.File
	var err error
	for _, lang := range []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash} {
		if file, err = syntax.NewParser(syntax.Variant(lang), syntax.KeepComments(true)).Parse(strings.NewReader(text), ""); err == nil {
			break
		}
	}
	if err != nil {
		return nil, because("the shell's text of the RUN cannot be read")
	}
	c.stmts = file.Stmts
	if len(c.stmts) == 0 {
		return nil, because("the RUN does nothing")
	}
	if runsOn(file) {
		return nil, because("the RUN leaves a command running in the background")
	}
	last := c.stmts[len(c.stmts)-1]
	c.chain = len(c.stmts) == 1 && isChain(c.stmts[0])
	c.simple = len(c.stmts) == 1 && isSimple(c.stmts[0])
	c.lasts = isSimple(last)
	c.ends = last.Semicolon.IsValid()
	c.remark = strings.Contains(text, "#") && hasComments(file)
	c.sets = openingSet(c.stmts[0])
	c.find(file)
	return c, nil
}

// runsOn reports whether a command stays running in the background.
func runsOn(file *syntax.File) bool {
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if s, ok := n.(*syntax.Stmt); ok && (s.Background || s.Coprocess) {
			found = true
		}
		return !found
	})
	return found
}

// isChain reports whether a statement may follow "&&".
func isChain(s *syntax.Stmt) bool {
	b, ok := s.Cmd.(*syntax.BinaryCmd)
	if !ok {
		return true
	}
	return b.Op != syntax.OrStmt && (b.Op != syntax.AndStmt || isChain(b.X) && isChain(b.Y))
}

// isSimple reports whether a statement only consists of joined commands.
func isSimple(s *syntax.Stmt) bool {
	switch x := s.Cmd.(type) {
	case *syntax.CallExpr, *syntax.DeclClause, *syntax.TestClause:
		return true
	case *syntax.BinaryCmd:
		return isSimple(x.X) && isSimple(x.Y)
	}
	return false
}

func hasComments(file *syntax.File) bool {
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.Comment); ok {
			found = true
		}
		return !found
	})
	return found
}

// openingSet returns the options if a statement, or the first of a chain, is a "set": "-eux";
// otherwise "".
func openingSet(s *syntax.Stmt) string {
	for {
		if b, ok := s.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.AndStmt {
			s = b.X
			continue
		}
		call, ok := s.Cmd.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 || call.Args[0].Lit() != "set" {
			return ""
		}
		var words []string
		for _, arg := range call.Args[1:] {
			words = append(words, arg.Lit())
		}
		text := strings.Join(words, " ")
		if !plainSet.MatchString(text) {
			return ""
		}
		return text
	}
}

// plainSet matches options that only enable something.
var plainSet = lazy.New(`^-[eux]+(o pipefail)?( -o pipefail)?$`)

// find records what the command changes in its shell.
func (c *command) find(file *syntax.File) {
	opening := true // the leading "set" is handled separately
	syntax.Walk(file, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		case *syntax.FuncDecl, *syntax.DeclClause, *syntax.LetClause, *syntax.ArithmCmd, *syntax.CoprocClause:
			c.leaks = true
		case *syntax.ForClause:
			if loop, ok := x.Loop.(*syntax.WordIter); ok {
				c.vars = append(c.vars, loop.Name.Value)
			} else {
				c.leaks = true
			}
		case *syntax.ParamExp:
			if x.Exp != nil && (x.Exp.Op == syntax.AssignUnset || x.Exp.Op == syntax.AssignUnsetOrNull) {
				c.leaks = true
			}
		case *syntax.ArithmExp:
			c.leaks = true
		case *syntax.CallExpr:
			if len(x.Args) == 0 {
				for _, a := range x.Assigns {
					if a.Name != nil {
						c.vars = append(c.vars, a.Name.Value)
					}
				}
				break
			}
			name := x.Args[0].Lit()
			if name == "set" && opening && c.sets != "" {
				opening = false
				break
			}
			if name == "" || changesShell[name] {
				c.leaks = true
			}
		}
		return true
	})
}

// posixShell reports whether a SHELL has a known language, and whether it stops at the first
// error by itself. "" is the default, /bin/sh -c.
func posixShell(shell string) (errexit, ok bool) {
	words := strings.Fields(shell)
	if len(words) == 0 {
		return false, true
	}
	switch path.Base(words[0]) {
	case "sh", "ash", "dash", "bash":
	default:
		return false, false
	}
	if !strings.HasSuffix(words[len(words)-1], "c") {
		return false, false
	}
	for i, w := range words[1:] {
		switch {
		case w == "errexit" && words[i] == "-o", strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.Contains(w, "e"):
			errexit = true
		}
	}
	return errexit, true
}

// A Program is a program whose commands accept an option.
type Program uint8

// The programs.
const (
	Pip Program = iota
	Apk
)

// programs match the commands of a program in a RUN's lines. The option is inserted after the
// match.
var programs = [...]struct {
	text  *lazy.Regexp
	names map[string]bool
	verb  string
}{
	Pip: {lazy.New(`(?:^|[\s;&|(])(?:python3? -m )?pip3?\s+install(?:\s|$)`), wordSet("pip pip3 python python3"), "install"},
	Apk: {lazy.New(`(?:^|[\s;&|(])apk\s+add(?:\s|$)`), wordSet("apk"), "add"},
}

// calls counts the commands of a program in a RUN.
func (c *command) calls(p Program) int {
	n := 0
	for _, s := range c.stmts {
		syntax.Walk(s, func(node syntax.Node) bool {
			call, ok := node.(*syntax.CallExpr)
			if !ok || len(call.Args) < 2 || !programs[p].names[call.Args[0].Lit()] {
				return true
			}
			verb := call.Args[1].Lit()
			if verb == "-m" && len(call.Args) > 3 && call.Args[2].Lit() == "pip" {
				verb = call.Args[3].Lit()
			}
			if verb == programs[p].verb {
				n++
			}
			return true
		})
	}
	return n
}

// has reports whether a RUN contains a command with that name.
func (c *command) has(name string) bool {
	found := false
	for _, s := range c.stmts {
		syntax.Walk(s, func(node syntax.Node) bool {
			if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 && call.Args[0].Lit() == name {
				found = true
			}
			return !found
		})
	}
	return found
}
