package dockerfile

import (
	"slices"

	"mvdan.cc/sh/v3/syntax"
)

// A Hint is an option for a command of a RUN that may leave more out of the image. The saving is
// not known without a build, and the image may need what is left out, so a person has to decide.
type Hint struct {
	Line    int    // first line of the RUN
	Command string // "apt-get install"
	Option  string // "--no-install-recommends"
	Why     string // what the option leaves out, in words that end a sentence
}

// hintRules are the options for commands: the names of the program, the words of the command, and
// what the option leaves out.
var hintRules = []struct {
	names, verbs []string
	option, why  string
	instead      []string // options that make it unnecessary
}{
	{names: []string{"apt-get", "apt"}, verbs: []string{"install"}, option: "--no-install-recommends", why: "packages that others only recommend"},
	{names: []string{"dnf", "microdnf", "dnf5"}, verbs: []string{"install"}, option: "--setopt=install_weak_deps=False", why: "packages that others only recommend"},
	{names: []string{"dnf", "microdnf", "dnf5", "yum"}, verbs: []string{"install"}, option: "--nodocs", why: "documentation", instead: []string{"--setopt=tsflags=nodocs"}},
	{names: []string{"zypper"}, verbs: []string{"install", "in"}, option: "--no-recommends", why: "packages that others only recommend"},
	{names: []string{"npm"}, verbs: []string{"ci", "install", "i"}, option: "--omit=dev", why: "packages that are for development", instead: []string{"--production", "--only=production", "-g", "--global"}},
	{names: []string{"gem"}, verbs: []string{"install"}, option: "--no-document", why: "documentation", instead: []string{"--no-doc", "-N"}},
	{names: []string{"pip", "pip3"}, verbs: []string{"install"}, option: "--no-compile", why: "compiled files of Python, which Python writes again when it needs them"},
}

// mostHints is the maximum number of hints for one Dockerfile.
const mostHints = 50

// Hints returns the hints for commands in the stages of the image, in the order of lines.
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

// hints returns the hints for one RUN.
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
