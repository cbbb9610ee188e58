package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// top returns the body on the screen; nil while there is only progress to show.
func (m *model) top() body {
	if n := len(m.over); n > 0 {
		return m.over[n-1]
	}
	if len(m.views) > 0 {
		return m.views[m.view]
	}
	return nil
}

// bodies returns all views and pages.
func (m *model) bodies() []body { return slices.Concat(m.views, m.over) }

func (m *model) open(p page) {
	m.over = append(m.over, inFrame(&m.lk, p))
	m.arrange()
}

// closePages closes all pages on top of the views.
func (m *model) closePages() {
	for len(m.over) > 0 {
		m.closePage()
	}
}

func (m *model) closePage() {
	if n := len(m.over); n > 0 {
		if c, ok := m.over[n-1].(closer); ok {
			c.closed()
		}
		m.over[n-1] = nil
		m.over = m.over[:n-1]
	}
	m.arrange()
}

// bodyKey passes a key to the current body, and handles it itself if the body does not.
func (m *model) bodyKey(b body, k tea.KeyPressMsg) tea.Cmd {
	cmd, ok := b.key(k)
	if ok {
		return cmd
	}
	if cmd, ok := m.anywhereKey(k); ok {
		return cmd
	}
	switch {
	case len(m.over) == 0:
		return m.globalKey(k)
	case m.km.back.matches(k), m.km.quit.matches(k):
		m.closePage()
		return nil
	}
	return m.unknownKey(k)
}

// anywhereKey handles a key that means the same on views and on pages, and reports whether it did.
func (m *model) anywhereKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch {
	case m.km.help.matches(k):
		m.openHelp()
	case m.km.palette.matches(k):
		m.openPalette()
	case m.km.dropChip.matches(k):
		return m.dropChip(), true
	case m.km.copyCommand.matches(k):
		return m.copyCommand(), true
	case m.km.mouse.matches(k):
		return m.turnMouse(), true
	default:
		return nil, false
	}
	return nil, true
}

// globalKey handles a key that means the same in every view.
func (m *model) globalKey(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.km.quit.matches(k):
		return tea.Quit
	case m.km.redo.matches(k):
		return m.goForward()
	case m.km.pick.matches(k):
		return m.openPicker()
	case m.km.undo.matches(k):
		return m.goBack()
	case m.km.back.matches(k):
		return m.show(filesView)
	default:
		for v, b := range m.km.views {
			if b.matches(k) && v < len(m.views) {
				return m.show(viewID(v))
			}
		}
		return m.unknownKey(k)
	}
}

// unknownKey says that a key does nothing here, because users who expect another view would go on
// typing.
func (m *model) unknownKey(k tea.KeyPressMsg) tea.Cmd {
	name := k.Text
	if letter, ok := strings.CutPrefix(k.Keystroke(), "ctrl+"); ok && name == "" {
		name = "^" + letter
	}
	if name == "" {
		return nil
	}
	return m.say(m.lk.text(name) + " does nothing here: " + m.km.help.first() + " lists the keys")
}

// show changes the view.
func (m *model) show(v viewID) tea.Cmd {
	if v == m.view || int(v) >= len(m.views) {
		return nil
	}
	m.remember(m.here())
	return m.turnTo(v)
}

// turnTo shows a view.
func (m *model) turnTo(v viewID) tea.Cmd {
	m.view = v
	if b, ok := m.views[v].(shower); ok {
		return b.shown()
	}
	return nil
}

// trailLength is the maximum length of the way back.
const trailLength = 100

// A location is a place that the user visited.
type location struct {
	view  viewID
	files explorerLocation // where the files view was
}

func (m *model) here() location {
	if m.explorer == nil { // a comparison
		return location{view: m.view}
	}
	return location{m.view, m.explorer.location()}
}

func (m *model) remember(l location) {
	m.ahead = nil
	if n := len(m.trail); n > 0 && m.trail[n-1] == l {
		return
	}
	m.trail = append(m.trail, l)
	if len(m.trail) > trailLength {
		m.trail = append(m.trail[:0], m.trail[1:]...)
	}
}

// goBack returns to the previous location.
func (m *model) goBack() tea.Cmd {
	n := len(m.trail)
	switch {
	case n == 0 && len(m.past) > 0:
		return m.backToImage()
	case n == 0:
		return m.say("nothing to go back to")
	}
	l := m.trail[n-1]
	m.trail = m.trail[:n-1]
	m.ahead = append(m.ahead, m.here())
	return m.goTo(l)
}

// goForward undoes goBack. Going elsewhere clears the way forward.
func (m *model) goForward() tea.Cmd {
	n := len(m.ahead)
	if n == 0 {
		return m.say("nothing to go forward to")
	}
	l := m.ahead[n-1]
	m.ahead = m.ahead[:n-1]
	m.trail = append(m.trail, m.here())
	return m.goTo(l)
}

// goTo shows a location.
func (m *model) goTo(l location) tea.Cmd {
	if m.explorer == nil {
		return m.turnTo(l.view)
	}
	return tea.Batch(m.turnTo(l.view), m.explorer.goTo(l.files))
}

func (m *model) jump(node analyze.NodeID, layer int, mode analyze.Mode) tea.Cmd {
	m.remember(m.here())
	m.closePages()
	return m.goTo(location{filesView, m.explorer.jumpTo(node, layer, mode)})
}

func (m *model) jumpTo(node analyze.NodeID, from, layer int, mode analyze.Mode, filter analyze.Filter) tea.Cmd {
	m.remember(m.here())
	m.closePages()
	m.explorer.files.requestFilter(filter, opened{}, true)
	to := m.explorer.location()
	to.focus, to.node, to.from, to.layer, to.mode = filesPane, node, from, layer, mode
	return tea.Batch(m.goTo(location{filesView, to}), m.say("only these files: "+m.km.dropFilter.first()+" shows all again, "+m.km.undo.first()+" goes back"))
}

func (m *model) jumpToLayer(layer int) tea.Cmd {
	return m.jump(m.explorer.files.anchor, layer, analyze.Alone)
}
