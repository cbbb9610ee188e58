package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Limits on the output that is shown.
const (
	outputLines = 20_000
	outputWide  = 2000 // columns of a line
)

// output is the page with the output of one of the user's own commands.
type output struct {
	scroller
	lk    *look
	h     host
	name  string
	lines styledLines
}

// newOutput returns the page; err is the command's error.
func newOutput(h host, name string, out []byte, err error) *output {
	p := &output{h: h, lk: h.look(), name: h.look().line(name)}
	if err != nil {
		p.lines.add(span{p.lk.st.failure, p.lk.line(err.Error())})
	}
	rest := strings.ToValidUTF8(string(out), "\ufffd")
	for rest != "" {
		if len(p.lines) == outputLines {
			p.lines.add(span{p.lk.st.dim, "and more"})
			break
		}
		var text string
		text, rest, _ = strings.Cut(rest, "\n")
		text = p.lk.text(strings.ReplaceAll(strings.TrimSuffix(text, "\r"), "\t", "    "))
		p.lines.add(span{p.lk.st.text, cut(text, outputWide, p.lk.sg.tail)})
	}
	if len(p.lines) == 0 {
		p.lines.add(span{p.lk.st.dim, "no output"})
	}
	return p
}

func (p *output) title(int) (left, right string) { return p.name, p.lk.outOfSight(p.hidden()) }
func (p *output) foot() string                   { return "esc closes" }
func (p *output) hints(k *keyMap) []hint         { return []hint{{k.down, k.up}} }
func (p *output) groups(k *keyMap) []keyGroup    { return []keyGroup{k.moving()} }
func (p *output) restyle()                       {}
func (p *output) resize(_, h int)                { p.scroller.resize(len(p.lines), h) }

func (p *output) key(k tea.KeyPressMsg) (tea.Cmd, bool) { return nil, p.scroller.key(p.h.keys(), k) }

func (p *output) mouse(msg tea.MouseMsg, _, _ int) tea.Cmd {
	p.wheel(msg)
	return nil
}

func (p *output) render(l *line, i int) {
	l.skip(1)
	p.lines.render(l, p.top+i)
}
