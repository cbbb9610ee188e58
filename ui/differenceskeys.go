package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

func (p *differences) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	for _, group := range []func(tea.KeyPressMsg) (tea.Cmd, bool){p.shapeKey, p.findKey, p.fileKey, p.paneKey} {
		if cmd, ok := group(k); ok {
			return cmd, true
		}
	}
	return nil, false
}

// shapeKey handles the keys that change how the panes show things.
func (p *differences) shapeKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.nextPane.matches(k), keys.priorPane.matches(k), p.focus == layersPane && keys.toggle.matches(k):
		if p.focus == layersPane {
			p.focus = filesPane
		} else {
			p.focus = layersPane
		}
	case keys.above.matches(k):
		p.layers.move(1)
	case keys.below.matches(k):
		p.layers.move(-1)
	case keys.scrollDown.matches(k):
		p.detail().scrollBy(1)
	case keys.scrollUp.matches(k):
		p.detail().scrollBy(-1)
	case keys.narrower.matches(k):
		p.moveDivider(p.layout.divider - dividerStep)
	case keys.wider.matches(k):
		p.moveDivider(p.layout.divider + dividerStep)
	case keys.sort.matches(k):
		p.openOrders()
	case keys.reverse.matches(k):
		return p.orderBy(p.request.order ^ diffReversed), true
	default:
		return nil, false
	}
	return nil, true
}

// detail returns the pane below the focused one.
func (p *differences) detail() *scroller {
	if p.focus == layersPane {
		return &p.layerDetail
	}
	return &p.pathDetail
}

func (p *differences) moveDivider(x int) {
	if p.layout.divider > 0 {
		p.divide = min(max(x, leastFrame), p.layout.area.w-leastFrame)
	}
}

// openOrders shows the menu of the tree's orders.
func (p *differences) openOrders() {
	current, _ := p.request.order.base()
	var items []menuItem
	for by := range diffOrders {
		items = append(items, menuItem{text: by.text(), current: by == current, do: func() tea.Cmd { return p.orderBy(by) }})
	}
	openMenu(p.h, "Order by", items, p.h.keys().sort)
}

func (p *differences) orderBy(by diffOrder) tea.Cmd {
	p.request.order = by
	return p.rowsCmd()
}

// paneKey hands a key to the pane that has the focus.
func (p *differences) paneKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	if p.focus == layersPane {
		return nil, p.layers.key(keys, k)
	}
	if p.tree.key(keys, k) {
		p.follow()
		return nil, true
	}
	r, ok := p.row()
	switch {
	case keys.openAll.matches(k), keys.foldAll.matches(k):
		*p.request.open() = opened{all: keys.openAll.matches(k)}
		return p.rowsCmd(), true
	case !ok:
		return nil, false
	case keys.toggle.matches(k) && r.kids:
		return p.flip(r), true
	case keys.open.matches(k) && r.kids:
		if p.request.open().has(analyze.NodeID(r.node)) {
			p.tree.move(1)
			p.follow()
			return nil, true
		}
		return p.flip(r), true
	case keys.close.matches(k):
		if r.kids && p.request.open().has(analyze.NodeID(r.node)) {
			return p.flip(r), true
		}
		for i := p.tree.cursor - 1; i >= 0; i-- {
			if p.rows.rows[i].depth < r.depth {
				p.tree.to(i)
				p.follow()
				break
			}
		}
		return nil, true
	}
	return nil, keys.open.matches(k)
}

// flip opens a directory, or closes it.
func (p *differences) flip(r diffRow) tea.Cmd {
	open := p.request.open()
	open.set(analyze.NodeID(r.node), !open.has(analyze.NodeID(r.node)))
	p.anchor = r.node
	return p.rowsCmd()
}

func (p *differences) hints(k *keyMap) []hint {
	if p.focus == layersPane {
		return []hint{{k.down, k.up}, {k.nextPane}, {k.scrollDown, k.scrollUp}}
	}
	summary := k.views[1]
	summary.short = pairViews()[1].short
	return []hint{{k.down, k.up}, {k.toggle}, {k.compare}, {k.view, k.viewThen}, {k.find}, {k.filter}, {k.sort}, {summary}, {k.nextPane}, {k.below, k.above},
		{k.extract}, {k.copyPath}, {k.openAll, k.foldAll}, {k.scrollDown, k.scrollUp}}
}

func (p *differences) groups(k *keyMap) []keyGroup { return differencesKeys(k) }

func differencesKeys(k *keyMap) []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Panes", []binding{k.nextPane, k.priorPane, k.scrollDown, k.scrollUp, k.narrower, k.wider}},
		{"Layers", []binding{k.above, k.below}},
		{"Files", []binding{k.toggle, k.open, k.close, k.openAll, k.foldAll, k.sort, k.reverse}},
		{"Find", []binding{k.find, k.nextMatch, k.priorMatch, k.filter, k.dropFilter}},
		{"Both versions", []binding{k.compare, k.view, k.viewThen}},
		{"Take out", []binding{k.copyPath, k.extract}},
	}
}
