package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A narrowing is a text that filters a list: only rows that contain it are shown. It is
// case-sensitive if the text has a capital letter.
type narrowing struct{ text string }

// ask asks for the text, which applies while it is typed, through changed; esc restores the
// previous text.
func (n *narrowing) ask(h host, changed func() tea.Cmd) {
	before := n.text
	set := func(text string) tea.Cmd {
		n.text = text
		return changed()
	}
	p := newPrompt("show only rows with:", before)
	p.changed, p.chips = set, true
	p.dropped = func() tea.Cmd { return set(before) }
	h.ask(p)
}

// on reports whether the list is narrowed.
func (n *narrowing) on() bool { return n.text != "" }

// drop shows everything again.
func (n *narrowing) drop() { n.text = "" }

// holds reports whether to show a row with these texts.
func (n *narrowing) holds(texts ...string) bool {
	if n.text == "" {
		return true
	}
	fold := n.text == strings.ToLower(n.text)
	for _, s := range texts {
		if fold {
			s = strings.ToLower(s)
		}
		if strings.Contains(s, n.text) {
			return true
		}
	}
	return false
}

// chips returns the filter text as a chip, which calls changed when it is removed.
func (n *narrowing) chips(lk *look, changed func() tea.Cmd) []chip {
	if n.text == "" {
		return nil
	}
	return []chip{{"with " + lk.text(n.text), func() tea.Cmd {
		n.drop()
		return changed()
	}}}
}

// lines returns those of p that hold the text, each with the title of its section
// before it, and their indices. isTitle says which lines are titles.
func (n *narrowing) lines(p styledLines, isTitle func(i int) bool) (out styledLines, from []int) {
	title := -1
	for i, spans := range p {
		if isTitle(i) {
			title = i
		}
		if len(spans) == 0 || !n.holds(lineText(spans)) {
			continue
		}
		if title >= 0 && title != i {
			out, from = append(out, p[title]), append(from, title)
		}
		title = -1
		out, from = append(out, spans), append(from, i)
	}
	return out, from
}

// lineText returns the text of a line.
func lineText(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.text)
	}
	return b.String()
}
