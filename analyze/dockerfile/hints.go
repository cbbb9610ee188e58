package dockerfile

import (
	"slices"

	"mvdan.cc/sh/v3/syntax"
)

// A Hint is an option that a command of a RUN could be given to leave more out of the
// image. What that saves is not known without a build, and what is left out could be
// needed: a person has to decide.
type Hint struct {
	Line    int    // on which the RUN begins
	Command string // "apt-get install"
	Option  string // "--no-install-recommends"
	Why     string // what the option leaves out, in words that end a sentence
}

// hintRules say which option a program's command could be given: the names of
// the program, the words of the command, and what the option leaves out.
var hintRules = []struct {
	names, verbs []string
	option, why  string
	instead      []string // options with which that one is not needed
}{
	{names: []string{"apt-get", "apt"}, verbs: []string{"install"}, option: "--no-install-recommends", why: "packages that others only recommend"},
	{names: []string{"dnf", "microdnf", "dnf5"}, verbs: []string{"install"}, option: "--setopt=install_weak_deps=False", why: "packages that others only recommend"},
	{names: []string{"dnf", "microdnf", "dnf5", "yum"}, verbs: []string{"install"}, option: "--nodocs", why: "documentation", instead: []string{"--setopt=tsflags=nodocs"}},
	{names: []string{"zypper"}, verbs: []string{"install", "in"}, option: "--no-recommends", why: "packages that others only recommend"},
	{names: []string{"npm"}, verbs: []string{"ci", "install", "i"}, option: "--omit=dev", why: "packages that are for development", instead: []string{"--production", "--only=production", "-g", "--global"}},
	{names: []string{"gem"}, verbs: []string{"install"}, option: "--no-document", why: "documentation", instead: []string{"--no-doc", "-N"}},
	{names: []string{"pip", "pip3"}, verbs: []string{"install"}, option: "--no-compile", why: "compiled files of Python, which are written again when they are needed"},
}

// mostHints bounds the hints of one Dockerfile.
const mostHints = 50

// Hints returns what commands of the stages that make the image could be given, in the
// order of the lines.
func (d *File) Hints() []Hint {
	if len(d.text) > maxEdited {
		return nil
	}
	var hints []Hint
	e := newEditor(d)
	for _, in := range d.final() {
		if in.word != "RUN" {
			continue
		}
		at, err := e.find(in.first)
		if err != nil || e.items[at].in.word != "RUN" {
			continue
		}
		text := in.args
		if len(in.docs) == 1 && alone.MatchString(text) {
			text = in.docs[0].text
		}
		c, err := readCommand(text)
		if err != nil {
			continue
		}
		for _, h := range c.hints() {
			h.Line = in.first
			if len(hints) < mostHints && !slices.Contains(hints, h) {
				hints = append(hints, h)
			}
		}
	}
	return hints
}

// hints returns those of one RUN.
func (c *command) hints() []Hint {
	var hints []Hint
	for _, s := range c.stmts {
		syntax.Walk(s, func(node syntax.Node) bool {
			call, ok := node.(*syntax.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			var words []string
			for _, arg := range call.Args {
				words = append(words, arg.Lit())
			}
			for _, r := range hintRules {
				verb := slices.IndexFunc(words[1:], func(w string) bool { return slices.Contains(r.verbs, w) })
				if !slices.Contains(r.names, words[0]) || verb < 0 || slices.Contains(words, r.option) ||
					slices.ContainsFunc(r.instead, func(o string) bool { return slices.Contains(words, o) }) {
					continue
				}
				hints = append(hints, Hint{Command: words[0] + " " + words[1+verb], Option: r.option, Why: r.why})
			}
			return true
		})
	}
	return hints
}
