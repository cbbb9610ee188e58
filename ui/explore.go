package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// wheelRows is how many rows one step of the mouse's wheel moves.
const wheelRows = 3

// explore takes a key that the explorer has.
func (m *model) explore(k tea.KeyPressMsg) tea.Cmd {
	keys := m.keys
	switch {
	case m.focus == layersPane && keys.toFiles.matches(k):
		m.focus = filesPane
	case m.focus == filesPane && keys.toLayers.matches(k):
		m.focus = layersPane
	case keys.above.matches(k):
		m.layers.move(1)
		return m.follow()
	case keys.below.matches(k):
		m.layers.move(-1)
		return m.follow()
	case keys.scrollDown.matches(k):
		m.scrollDetails(1)
	case keys.scrollUp.matches(k):
		m.scrollDetails(-1)
	case keys.sort.matches(k):
		m.files.wish.order = (m.files.wish.order + 1) % orderCount
		return m.files.ask()
	case keys.mode.matches(k):
		m.nextMode()
		return m.follow()
	case keys.from.matches(k):
		m.mode, m.from = analyze.Range, m.layers.cursor
		return m.follow()
	case m.focus == layersPane:
		if m.layers.key(keys, k) {
			return m.follow()
		}
	default:
		cmd, _ := m.files.key(keys, k)
		return cmd
	}
	return nil
}

// nextMode goes round the modes of the files pane. A range begins with the
// base image, so that it shows what was made of it.
func (m *model) nextMode() {
	m.mode = (m.mode + 1) % (analyze.Everything + 1)
	if m.mode == analyze.Range {
		m.from = max(min(m.a.Totals.BaseLayers, len(m.a.Layers))-1, 0)
	}
}

func (m *model) scrollDetails(n int) {
	if m.focus == layersPane {
		m.layer.by(n)
	} else {
		m.history.by(n)
	}
}

// mouse takes what the mouse does.
func (m *model) mouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	if m.help.shown {
		if _, ok := msg.(tea.MouseWheelMsg); ok {
			m.help.by(wheel(at.Button))
		}
		return nil
	}
	p, ok := m.layout.at(at.X, at.Y)
	if !ok {
		return nil
	}
	var cmd tea.Cmd
	in := m.layout.panes[p]
	switch msg.(type) {
	case tea.MouseWheelMsg:
		cmd = m.wheel(p, wheel(at.Button))
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft {
			cmd = m.click(p, at.X-in.x, at.Y-in.y)
		}
	}
	m.arrange()
	return cmd
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

// click selects what is at column x and row y of pane p: a layer, a file, or
// the layer whose column of the strip it is. A click on the selected directory
// opens or closes it, one on its sign does so at once.
func (m *model) click(p pane, x, y int) tea.Cmd {
	switch p {
	case layersPane, layerPane:
		m.focus = layersPane
	case filesPane, historyPane:
		m.focus = filesPane
	}
	switch p {
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
			if i := m.files.top + y - 1; y > 0 && i < len(m.files.rows) {
				m.files.choose(i)
			}
			return m.follow()
		}
		if y == 0 {
			return nil
		}
		return m.files.click(x, m.files.top+y-1, w, s)
	}
	return nil
}
