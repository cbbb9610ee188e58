package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// trailLength is how many places the way back has.
const trailLength = 100

// A place is where the reader has been.
type place struct {
	view  viewID
	focus pane
	layer int
	mode  analyze.Mode
	from  int
	node  analyze.NodeID
}

// here is where the reader is.
func (m *model) here() place {
	return place{view: m.view, focus: m.focus, layer: m.layers.cursor, mode: m.mode, from: m.from, node: m.files.anchor}
}

// remember notes where the reader is, before something takes them elsewhere.
func (m *model) remember() { m.rememberPlace(m.here()) }

// rememberPlace notes a place where the reader was.
func (m *model) rememberPlace(p place) {
	if n := len(m.trail); n > 0 && m.trail[n-1] == p {
		return
	}
	m.trail = append(m.trail, p)
	if len(m.trail) > trailLength {
		m.trail = append(m.trail[:0], m.trail[1:]...)
	}
}

// goBack returns to the place that was left last.
func (m *model) goBack() tea.Cmd {
	n := len(m.trail)
	if n == 0 {
		return m.say("there is no way back from here")
	}
	p := m.trail[n-1]
	m.trail = m.trail[:n-1]
	return m.settleAt(p)
}

// settleAt shows a place.
func (m *model) settleAt(p place) tea.Cmd {
	m.view, m.focus, m.mode, m.from = p.view, p.focus, p.mode, p.from
	m.layers.to(p.layer)
	return m.reveal(p.node)
}

// jump goes to a node in the files view, in the union after a layer or in what
// that alone holds, and leaves a way back.
func (m *model) jump(node analyze.NodeID, layer int, mode analyze.Mode) tea.Cmd {
	m.remember()
	m.closePages()
	m.files.sought = true
	return m.settleAt(place{view: filesView, focus: filesPane, layer: layer, mode: mode, from: m.from, node: node})
}

// reveal puts the cursor on a node, and opens the directories above it.
func (m *model) reveal(node analyze.NodeID) tea.Cmd {
	t := m.a.Tree
	m.files.anchor = node
	for n := t.Parent(node); n != analyze.Root; n = t.Parent(n) {
		m.files.wish.open().set(n, true)
	}
	m.files.wish.spec = m.spec()
	cmd := m.files.ask()
	m.arrange()
	return cmd
}
