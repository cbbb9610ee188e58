package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// wheelRows is how many rows one step of the mouse's wheel moves.
const wheelRows = 3

// doubleClick is the longest time between the two clicks of a double click.
const doubleClick = 400 * time.Millisecond

// A click is where and when the mouse was pressed.
type click struct {
	x, y int
	at   time.Time
}

// mouse takes what the mouse does.
func (m *model) mouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	if top := m.top(); top != nil {
		in := m.pageRoom()
		if !in.has(at.X, at.Y) {
			return nil
		}
		cmd := top.mouse(m, msg, at.X-in.x, at.Y-in.y)
		m.arrange()
		return cmd
	}
	var cmd tea.Cmd
	switch msg.(type) {
	case tea.MouseWheelMsg:
		if p, ok := m.layout.at(at.X, at.Y); ok {
			cmd = m.wheel(p, wheel(at.Button))
		}
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft {
			cmd = m.pressed(at.X, at.Y)
		}
	case tea.MouseMotionMsg:
		if m.drag {
			m.moveDivider(at.X)
		}
	case tea.MouseReleaseMsg:
		m.drag = false
	}
	m.arrange()
	return cmd
}

// pressed takes a press of the left button: on the border between the frames it
// begins to drag that.
func (m *model) pressed(x, y int) tea.Cmd {
	if d := m.layout.divider; d > 0 && (x == d || x == d-1) && !m.layout.header.hasRow(y) && !m.layout.footer.hasRow(y) {
		m.drag = true
		return nil
	}
	p, ok := m.layout.at(x, y)
	if !ok {
		return nil
	}
	in := m.layout.panes[p]
	return m.click(p, x-in.x, y-in.y, m.double(x, y))
}

// double notes a click, and reports whether it is the second at one place.
func (m *model) double(x, y int) bool {
	now := m.now()
	twice := m.clicked.x == x && m.clicked.y == y && now.Sub(m.clicked.at) <= doubleClick
	m.clicked = click{x, y, now}
	if twice {
		m.clicked.at = time.Time{} // a third one begins anew
	}
	return twice
}

func wheel(b tea.MouseButton) int {
	switch b {
	case tea.MouseWheelUp:
		return -wheelRows
	case tea.MouseWheelDown:
		return wheelRows
	}
	return 0
}

func (m *model) wheel(p pane, n int) tea.Cmd {
	switch p {
	case layersPane:
		m.layers.scroll(n)
		return m.follow()
	case filesPane:
		m.files.scroll(n)
		m.files.keep()
	case layerPane:
		m.layer.by(n)
	case historyPane:
		m.history.by(n)
	}
	return nil
}

// click selects what is at column x and row y of pane p: a layer, a file, a
// version, or the layer whose column of the strip it is. A click on the selected
// directory opens or closes it, one on its sign does so at once. The second click
// of two does what enter does.
func (m *model) click(p pane, x, y int, twice bool) tea.Cmd {
	m.focus = p
	if p == layerPane {
		m.focus = layersPane
	}
	switch p {
	case historyPane:
		m.history.click(y)
		if twice {
			return m.jumpToItem()
		}
	case layersPane:
		if i := m.layers.top + y - 1; y > 0 && i < m.layers.rows {
			m.layers.to(i)
			return m.follow()
		}
	case filesPane:
		w := m.layout.panes[p].w
		s := m.files.strip(w, m.layers.cursor)
		if k, ok := s.layer(x - 1); ok {
			m.layers.to(k)
			if i := m.files.top + y - 1; y > 0 && i < m.files.rows.len() {
				m.files.choose(i)
			}
			return m.follow()
		}
		if y == 0 {
			return nil
		}
		i := m.files.top + y - 1
		cmd := m.files.click(x, i, w, s)
		if twice && i < m.files.rows.len() && m.onFile() {
			return m.openViewer()
		}
		return cmd
	}
	return nil
}
