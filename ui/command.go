package ui

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A commander is a body or a page whose content a command of peel can print
// too. args are that command's words without the program's name and the image,
// which follows the first word. The error says why there is no such command.
type commander interface {
	command() (args []string, err error)
}

// copyCommand copies the command that prints what the screen shows.
func (m *model) copyCommand() tea.Cmd {
	if m.a == nil {
		return m.say("no image is open")
	}
	if m.pair != nil {
		sides := m.pair.sides
		if sides[then].Ref == "" || sides[now].Ref == "" {
			return m.say("no command can read these images again")
		}
		words := append([]string{"peel", "diff", "--format=text"}, m.flags("diff")...)
		for i, flag := range []string{then: "--from=", now: "--to="} {
			if at := sides[i].At; at >= 0 {
				words = append(words, flag+strconv.Itoa(at))
			}
		}
		words = append(words, "--", sides[then].Ref)
		if sides[then].At < 0 && sides[now].At < 0 || sides[then].Ref != sides[now].Ref {
			words = append(words, sides[now].Ref)
		}
		return m.copyWords(words)
	}
	if m.ref == "" {
		return m.say("no command can read this image again: it came from standard input")
	}
	args := []string{"report"} // the only command that covers every view
	c, ok := m.top().(commander)
	if f, framed := m.top().(*framed); framed {
		c, ok = f.page.(commander)
	}
	switch {
	case ok:
		var err error
		if args, err = c.command(); err != nil {
			return m.fail(err)
		}
	case len(m.over) > 0:
		return m.say("no command prints this")
	}
	words := append([]string{"peel", args[0]}, m.flags(args[0])...)
	if strings.HasPrefix(m.ref, "-") { // it would be parsed as a flag
		words = slices.Concat(words, flagsOf(args[1:]), []string{"--", m.ref}, operandsOf(args[1:]))
	} else {
		words = slices.Concat(words, []string{m.ref}, operandsOf(args[1:]), flagsOf(args[1:]))
	}
	return m.copyWords(words)
}

// flags returns the program's own flags that a command of this name needs as well.
func (m *model) flags(command string) []string {
	if m.options.Flags == nil {
		return nil
	}
	return m.options.Flags(command)
}

// copyWords copies a command.
func (m *model) copyWords(words []string) tea.Cmd {
	text := shellLine(words)
	return tea.Batch(tea.SetClipboard(text), m.say("command copied, if the terminal allows it: "+m.lk.line(text)))
}

// flagsOf returns the flags among arguments, each of which is one word. operandsOf returns the
// others.
func flagsOf(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(s string) bool { return !strings.HasPrefix(s, "-") })
}

func operandsOf(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(s string) bool { return strings.HasPrefix(s, "-") })
}

// shellLine quotes words for a POSIX shell, which reads back exactly these words.
func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellWord(w)
	}
	return strings.Join(quoted, " ")
}

// shellWord quotes a word if necessary. Characters that a terminal could act
// on, and invalid bytes, become octal escapes in $'...' (POSIX.1-2024, 2.2.4),
// so that only printable text is pasted.
func shellWord(w string) string {
	plain, raw := w != "" && w[0] != '=' && w[0] != '~', false
	for i := 0; i < len(w); {
		r, n := utf8.DecodeRuneInString(w[i:])
		switch {
		case r == utf8.RuneError && n < 2, !unicode.IsPrint(r):
			raw = true
		case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_@%+=:,./-", r)):
		default:
			plain = false
		}
		i += n
	}
	switch {
	case raw:
		return rawWord(w)
	case plain:
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// rawWord writes a word with bytes that can't be shown.
func rawWord(w string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(w); {
		r, n := utf8.DecodeRuneInString(w[i:])
		switch {
		case r == utf8.RuneError && n < 2, !unicode.IsPrint(r):
			for _, c := range []byte(w[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		default:
			b.WriteString(w[i : i+n])
		}
		i += n
	}
	b.WriteString("'")
	return b.String()
}

// command returns peel ls with the same layer and filter, or, for the history, peel log.
func (e *explorer) command() ([]string, error) {
	f := &e.files
	n, ok := f.current()
	if e.focus == historyPane && ok {
		return []string{"log", e.a.Tree.Path(n)}, nil
	}
	spec := e.spec()
	args := []string{"ls", "-l"}
	switch spec.Mode {
	case analyze.Everything:
		return nil, fmt.Errorf("no command lists what every layer mentions: %s chooses another mode", e.h.keys().mode.first())
	case analyze.Range:
		return []string{"diff", "--format=text", fmt.Sprintf("--from=%d", spec.From), fmt.Sprintf("--to=%d", spec.At), "--most=0"}, nil
	case analyze.Alone:
		args = append(args, fmt.Sprintf("--layer=%d", spec.At))
	case analyze.Union:
		if spec.At < len(e.a.Layers)-1 {
			args = append(args, fmt.Sprintf("--at=%d", spec.At))
		}
	}
	if filter := f.request.filter; !filter.Empty() {
		args = append(args, "--filter="+filter.String())
		by, back := f.request.order.base()
		if by == bySize {
			args = append(args, "--sort=size")
		}
		if back {
			args = append(args, "--reverse")
		}
		return args, nil
	}
	if ok && e.onFile() {
		n = e.a.Tree.Parent(n)
	}
	if ok && n != analyze.Root {
		args = append(args, e.a.Tree.Path(n))
	}
	return args, nil
}

// command returns the command that prints the viewed file.
func (p *viewer) command() ([]string, error) {
	if p.raw != nil {
		return nil, errors.New("no command prints this")
	}
	if p.v.Kind() != analyze.TypeFile {
		return []string{"log", p.a.Tree.Path(p.v.Node())}, nil
	}
	return []string{"cat", p.a.Tree.Path(p.v.Node()), fmt.Sprintf("--layer=%d", p.v.Layer())}, nil
}

// command returns the command that lists the packages in the same order, if it has that order.
func (p *packages) command() ([]string, error) { //nolint:unparam // like every commander
	args := []string{"packages"}
	by, back := p.order.base()
	if by != packagesByVersions { // which the command doesn't have
		args = append(args, "--sort="+by.String())
	}
	if back {
		args = append(args, "--reverse")
	}
	return args, nil
}

// command returns peel fix with the same choice and the same Dockerfile.
func (p *fix) command() ([]string, error) { //nolint:unparam // like every commander
	if p.grouped() != nil {
		return []string{"report"}, nil
	}
	args := []string{"fix"}
	if p.work == nil {
		return args, nil
	}
	if d := p.work.a.Dockerfile; d != nil {
		args = append(args, "--dockerfile="+d.Name())
	}
	for i, on := range p.plan.chosen {
		if on && !p.plan.all {
			args = append(args, "--choose="+p.work.fixes[i].ID)
		}
	}
	return args, nil
}
