package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// explore takes a key that the explorer has, or that all views have.
func (m *model) explore(k tea.KeyPressMsg) tea.Cmd {
	keys := m.keys
	switch {
	case keys.nextPane.matches(k):
		m.turn(1)
	case keys.priorPane.matches(k):
		m.turn(-1)
	case m.focus == layersPane && keys.enter.matches(k):
		m.focus = filesPane
	case keys.view.matches(k), m.focus == filesPane && keys.toggle.matches(k) && m.onFile():
		return m.openViewer()
	case keys.compare.matches(k):
		return m.openComparison()
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
	case keys.columns.matches(k):
		m.files.attrs = m.files.attrs.flipped(m.files.showAttrs(m.layout.panes[filesPane].w))
	case keys.narrower.matches(k):
		m.moveDivider(m.layout.divider - dividerStep)
	case keys.wider.matches(k):
		m.moveDivider(m.layout.divider + dividerStep)
	case keys.find.matches(k):
		return m.askSearch()
	case keys.nextMatch.matches(k):
		return m.nextMatch(forward)
	case keys.priorMatch.matches(k):
		return m.nextMatch(backward)
	case keys.filter.matches(k):
		m.askFilter()
	case keys.dropFilter.matches(k):
		return m.dropFilter()
	case keys.back.matches(k) && m.files.lit != nil:
		m.files.lit = nil
	default:
		if cmd, ok := m.paneKey(k); ok {
			return cmd
		}
		if cmd, ok := m.handout(k); ok {
			return cmd
		}
		return m.globalKey(k)
	}
	return nil
}

// paneKey hands a key to the pane that has the focus, and reports whether that
// wants it.
func (m *model) paneKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch m.focus {
	case layersPane:
		if m.layers.key(m.keys, k) {
			return m.follow(), true
		}
	case historyPane:
		if m.keys.jump.matches(k) {
			return m.jumpToItem(), true
		}
		return nil, m.history.key(m.keys, k)
	default:
		return m.files.key(m.keys, k)
	}
	return nil, false
}

// turn gives the focus to the next pane that is on the screen, or to the one
// before. With room for one column alone, layers and files take turns.
func (m *model) turn(n int) {
	around := []pane{layersPane, filesPane, historyPane}
	i := slices.Index(around, m.focus)
	for range around {
		i = (i + n + len(around)) % len(around)
		if around[i] != historyPane || !m.layout.panes[historyPane].empty() {
			break
		}
	}
	m.focus = around[i]
}

// dividerStep is how many columns a key moves the divider.
const dividerStep = 4

// moveDivider puts the line between the left frame and the right one at column x.
func (m *model) moveDivider(x int) {
	if m.layout.divider > 0 {
		m.divide = min(max(x, leastFrame), m.w-leastFrame)
	}
}

// jumpToItem goes to what the cursor of the history is on: the layer of a
// version, or a path that is wasted below.
func (m *model) jumpToItem() tea.Cmd {
	it, ok := m.history.item()
	if !ok {
		return nil
	}
	if it.waste != nil {
		return m.jump(it.waste.Node, it.waste.Layer, analyze.Union)
	}
	mode := analyze.Union
	if it.version.Change() == analyze.Removed || it.version.Duplicate() {
		mode = analyze.Alone // the union does not show it
	}
	return m.jump(m.history.node, it.version.Layer(), mode)
}

// onFile reports whether the cursor of the files is on something that has nothing
// below it, and is no directory.
func (m *model) onFile() bool {
	f := &m.files
	if f.cursor >= f.rows.len() {
		return false
	}
	r := f.rows.at(f.cursor)
	return !r.kids && !isDir(f.view, r.node)
}

// chosen returns the version that acts are about: that under the history's
// cursor if it has the focus, else the one that the files show; of a path that
// is removed there, the one that was removed.
func (m *model) chosen() (analyze.Version, bool) {
	if m.focus == historyPane {
		if it, ok := m.history.item(); ok && it.waste == nil {
			return it.version, true
		}
	}
	n, ok := m.files.current()
	if !ok {
		return analyze.Version{}, false
	}
	v, ok := m.files.view.Version(n)
	if ok && v.Change() == analyze.Removed {
		if older := below(m.a.Tree.Versions(n), v.Layer()); older != nil {
			return *older, true
		}
	}
	return v, ok
}

// nextMode goes round the modes of the files pane. A range begins with the
// base image, so that it shows what was made of it.
func (m *model) nextMode() {
	m.mode = (m.mode + 1) % (analyze.Everything + 1)
	if m.mode == analyze.Range {
		m.from = rangeStart(m.a)
	}
}

// rangeStart is the last layer of the base image.
func rangeStart(a *analyze.Analysis) int {
	return max(min(a.Totals.BaseLayers, len(a.Layers))-1, 0)
}

func (m *model) scrollDetails(n int) {
	if m.focus == layersPane {
		m.layer.by(n)
	} else {
		m.history.by(n)
	}
}
