package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

func (e *explorer) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	cmd, ok := e.takeKey(k)
	return tea.Batch(cmd, e.followPreview()), ok
}

// takeKey passes a key to the group that handles it.
func (e *explorer) takeKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	for _, group := range []func(tea.KeyPressMsg) (tea.Cmd, bool){e.markKey, e.layerKey, e.shapeKey, e.findKey, e.hideKey, e.paneKey, e.takeOutKey, e.ownKey} {
		if cmd, ok := group(k); ok {
			return cmd, true
		}
	}
	return nil, false
}

// layerKey handles the keys that choose a layer, a mode, or a file to view.
func (e *explorer) layerKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := e.h.keys()
	switch {
	case keys.view.matches(k), e.focus == filesPane && keys.toggle.matches(k) && e.onFile():
		return e.openViewer(), true
	case keys.compare.matches(k):
		return e.openComparison(), true
	case keys.pager.matches(k):
		return e.openPager(), true
	case keys.above.matches(k):
		e.layers.move(1)
		return e.follow(), true
	case keys.below.matches(k):
		e.layers.move(-1)
		return e.follow(), true
	case keys.mode.matches(k):
		e.nextMode(1)
		return e.follow(), true
	case keys.priorMode.matches(k):
		e.nextMode(-1)
		return e.follow(), true
	case keys.from.matches(k):
		e.mode, e.from = analyze.Range, e.layers.cursor
		return e.follow(), true
	}
	return nil, false
}

// ownKey handles the keys of the user's own commands.
func (e *explorer) ownKey(k tea.KeyPressMsg) (tea.Cmd, bool) { return ownKey(e.h, k, e.chosen) }

// shapeKey handles the keys that change how the panes show things.
func (e *explorer) shapeKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := e.h.keys()
	switch {
	case keys.nextPane.matches(k):
		e.turn(1)
	case keys.priorPane.matches(k):
		e.turn(-1)
	case e.focus == layersPane && keys.enter.matches(k):
		e.focus = filesPane
	case keys.scrollDown.matches(k):
		e.scrollDetails(1)
	case keys.scrollUp.matches(k):
		e.scrollDetails(-1)
	case keys.sort.matches(k):
		e.openOrders()
	case keys.reverse.matches(k):
		return e.orderBy(e.files.request.order ^ reversed), true
	case keys.flat.matches(k):
		return e.setFlat(!e.files.request.flat), true
	case keys.columns.matches(k):
		e.files.attrs = e.files.attrs.flipped(e.files.showAttrs(e.layout.panes[filesPane].w))
	case keys.zoom.matches(k), e.zoomed && keys.back.matches(k):
		e.zoomed = !e.zoomed
	case keys.preview.matches(k):
		return e.flipPreview(), true
	case keys.narrower.matches(k):
		e.moveDivider(e.layout.divider - dividerStep)
	case keys.wider.matches(k):
		e.moveDivider(e.layout.divider + dividerStep)
	default:
		return nil, false
	}
	return nil, true
}

// findKey handles the keys of searches and filters.
func (e *explorer) findKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := e.h.keys()
	switch {
	case keys.find.matches(k):
		return e.askSearch(), true
	case keys.nextMatch.matches(k):
		return e.nextMatch(forward), true
	case keys.priorMatch.matches(k):
		return e.nextMatch(backward), true
	case keys.filter.matches(k):
		e.askFilter()
	case keys.dropFilter.matches(k):
		return e.dropFilter(), true
	case keys.back.matches(k) && e.files.found != nil:
		e.files.found = nil
	default:
		return nil, false
	}
	return nil, true
}

// paneKey passes a key to the pane that has the focus, and reports whether the pane handled it.
func (e *explorer) paneKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := e.h.keys()
	switch e.focus {
	case layersPane:
		if e.layers.key(keys, k) {
			return e.follow(), true
		}
	case historyPane:
		if keys.jump.matches(k) {
			return e.jumpToItem(), true
		}
		return nil, e.history.key(keys, k)
	default:
		return e.files.key(keys, k)
	}
	return nil, false
}

// turn moves the focus to the next or the previous visible pane. If there is room for only one
// column, layers and files alternate.
func (e *explorer) turn(n int) {
	around := []pane{layersPane, filesPane, historyPane}
	i := slices.Index(around, e.focus)
	for range around {
		i = (i + n + len(around)) % len(around)
		if around[i] != historyPane || e.zoomed || !e.layout.panes[historyPane].empty() {
			break
		}
	}
	e.focus = around[i]
}

// dividerStep is how many columns a key moves the divider.
const dividerStep = 4

// moveDivider puts the line between the left frame and the right one at column x.
func (e *explorer) moveDivider(x int) {
	if e.layout.divider > 0 {
		e.divide = min(max(x, leastFrame), e.layout.area.w-leastFrame)
	}
}

// jumpToItem goes to the item under the history's cursor: the layer of a version, or a path below
// that wastes bytes.
func (e *explorer) jumpToItem() tea.Cmd {
	it, ok := e.history.item()
	if !ok {
		return nil
	}
	if it.waste != nil {
		return e.h.jump(it.waste.Node, it.waste.Layer, analyze.Union)
	}
	mode := analyze.Union
	if it.version.Change() == analyze.Removed || it.version.Duplicate() {
		mode = analyze.Alone // the union doesn't show it
	}
	return e.h.jump(e.history.node, it.version.Layer(), mode)
}

// onFile reports whether the cursor of the files is on something that isn't a directory and has
// nothing below it.
func (e *explorer) onFile() bool {
	f := &e.files
	if f.cursor >= f.rows.len() {
		return false
	}
	r := f.rows.at(f.cursor)
	return !r.kids && !isDir(f.view, r.node)
}

// nextMode cycles through the modes of the files pane. A range begins with the base image, so that
// it shows what was built on it. If nothing matches the filter here, the next mode is the one that
// shows the matches in other layers.
func (e *explorer) nextMode(n int) {
	if n > 0 && e.files.request.elsewhere > 0 {
		e.setMode(analyze.Everything)
		return
	}
	const modes = int(analyze.Everything) + 1
	e.setMode(analyze.Mode((int(e.mode) + n + modes) % modes))
}

func (e *explorer) setMode(mode analyze.Mode) {
	if e.mode = mode; e.mode == analyze.Range {
		e.from = rangeStart(e.a)
	}
}

// openOrders shows the menu of the rows' orders.
func (e *explorer) openOrders() {
	openOrderMenu(e.h, e.files.request.order, e.orderBy)
}

// openOrderMenu shows the menu of orders for the rows of directories.
func openOrderMenu(h host, current order, orderBy func(order) tea.Cmd) {
	now, _ := current.base()
	var items []menuItem
	for by := range orderCount {
		text := [orderCount]string{"size, largest first", "wasted bytes, most first", "name"}[by]
		items = append(items, menuItem{text: text, current: by == now, do: func() tea.Cmd { return orderBy(by) }})
	}
	openMenu(h, "Order by", items, h.keys().sort)
}

// setFlat shows the files as a list without directories, the largest first, or as a
// tree again.
func (e *explorer) setFlat(flat bool) tea.Cmd {
	f := &e.files
	f.request.flat = flat
	if !flat {
		return e.reveal(f.anchor)
	}
	f.request.order = bySize
	f.anchor = analyze.Root // from the first row on
	return f.ask()
}

func (e *explorer) orderBy(by order) tea.Cmd {
	e.files.request.order = by
	return e.files.ask()
}

func (e *explorer) scrollDetails(n int) {
	if e.focus == layersPane {
		e.layer.scrollBy(n)
	} else {
		e.history.scrollBy(n)
	}
}

// hints returns the hints of the pane that has the focus.
func (e *explorer) hints(k *keyMap) []hint { return paneHints(k, e.focus) }

func paneHints(k *keyMap, focus pane) []hint {
	next, others := k.otherViews("files")
	var h []hint
	switch focus {
	case layersPane:
		h = append([]hint{{k.down, k.up}, {k.enter}}, next...)
		h = append(h, hint{k.mode}, hint{k.from}, hint{k.sort}, hint{k.nextPane})
		h = append(h, others...)
		return append(h, hint{k.zoom}, hint{k.scrollDown, k.scrollUp})
	case historyPane:
		return []hint{{k.down, k.up}, {k.jump}, {k.view}, {k.compare}, {k.nextPane}, {k.extract}, {k.below, k.above}, {k.copyPath}, {k.zoom}}
	}
	h = append([]hint{{k.down, k.up}, {k.toggle}, {k.nextPane}, {k.below, k.above}}, next...)
	h = append(h, hint{k.find}, hint{k.filter}, hint{k.view}, hint{k.sort}, hint{k.mode}, hint{k.extract}, hint{k.mark}, hint{k.compare})
	h = append(h, others...)
	return append(h, hint{k.branches}, hint{k.flat}, hint{k.zoom}, hint{k.preview}, hint{k.columns}, hint{k.copyPath}, hint{k.openAll, k.foldAll}, hint{k.scrollDown, k.scrollUp})
}

func (e *explorer) groups(k *keyMap) []keyGroup { return explorerKeys(k) }

// explorerKeys returns the keys of all the explorer's panes.
func explorerKeys(k *keyMap) []keyGroup {
	return append([]keyGroup{
		k.moving(),
		{"Panes", []binding{k.nextPane, k.priorPane, k.scrollDown, k.scrollUp, k.zoom, k.preview, k.narrower, k.wider}},
		{"Layers", []binding{k.enter, k.above, k.below, k.mode, k.priorMode, k.from}},
		{"Files", []binding{k.toggle, k.mark, k.open, k.close, k.openAll, k.foldAll, k.branches, k.flat, k.sort, k.reverse, k.columns}},
		{"Find", []binding{k.find, k.nextMatch, k.priorMatch, k.fuzzy, k.filter, k.dropFilter}},
		{"Show or hide", k.hideKeys()},
		{"History", []binding{k.jump}},
		{"Versions", []binding{k.view, k.compare, k.pager}},
		{"Take out", []binding{k.copyPath, k.copyDigest, k.extract, k.export}},
	}, k.ownGroup()...)
}

// paneKeys returns the keys that only one pane of the explorer has. All panes share the others.
func paneKeys(k *keyMap) map[string][]binding {
	return map[string][]binding{
		"layers":  {k.enter},
		"files":   {k.toggle, k.mark, k.open, k.close, k.openAll, k.foldAll, k.branches},
		"history": {k.jump},
	}
}
