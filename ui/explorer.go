package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// explorer is the view of files by layer: on the left, panes for the layers and the details of one;
// on the right, panes for the files and the history of one.
type explorer struct {
	h  host
	lk *look
	a  *analyze.Analysis

	initial initial
	layout  layout
	line    rect // of the files' chips; empty without chips, or without room
	divide  int  // columns of the left frame; 0: depends on the width
	divided bool // the divider between the frames is being dragged
	zoomed  bool // the pane with the focus has the whole screen
	placed  bool // the cursor is in its initial place
	focus   pane

	layers  layers
	layer   layer
	files   files
	history history
	preview preview
	mode    analyze.Mode
	from    int // the range's other end

	search search
	typed  *typedSearch // nil unless the user is typing a search
	filter *prompt      // the prompt for a filter, or nil
}

// openExplorer opens the explorer, for the table of views.
func openExplorer(h host, s *snapshot) (body, tea.Cmd) {
	e := &explorer{h: h, lk: h.look(), a: s.a, initial: s.initial, divide: s.initial.divide, focus: filesPane}
	e.layers = newLayers(e.lk, s)
	e.layers.to(max(s.a.Read()-1, 0))
	e.layer = layer{lk: e.lk, a: s.a, facts: s.layers, at: s.lines, index: -1}
	e.history = history{lk: e.lk, a: s.a, commands: s.commands, at: s.lines}
	e.files = files{ctx: h.context(), lk: e.lk, a: s.a, request: s.rows.request, anchor: s.start, attrs: s.initial.attrs, onRows: e.showRows}
	e.mode, e.from = s.initial.mode, rangeStart(s.a)
	e.files.page = max(s.rows.rows.len(), 1) // until it is arranged
	e.files.install(s.rows)
	return e, nil
}

// adopt takes an analysis of more layers, or one with its comparisons made.
// Nodes keep their IDs, so the user's place stays; a selection of the highest
// layer moves to the new highest one.
func (e *explorer) adopt(s *snapshot) tea.Cmd {
	atTop := e.layers.cursor == e.a.Read()-1
	sameTree := e.a.Tree == s.a.Tree
	e.a, e.history.a, e.files.a = s.a, s.a, s.a
	e.layers.take(s)
	e.layer.a, e.layer.facts, e.layer.at, e.history.at = s.a, s.layers, s.lines, s.lines
	e.restyle()
	if atTop && e.mode != analyze.Range {
		e.layers.to(max(e.a.Read()-1, 0))
		e.files.request.spec = e.spec()
	}
	var refind tea.Cmd
	if !sameTree {
		e.files.cache = nil // its views belong to another tree
		refind = e.refindCmd()
	}
	return tea.Batch(refind, e.files.ask())
}

// restyle recreates the texts that contain styles.
func (e *explorer) restyle() { e.layer.wide, e.history.wide = 0, 0 }

// waits reports whether keys must wait for a running command.
func (e *explorer) waits() bool {
	return e.search.busy || e.files.busy && e.focus != layersPane
}

// arrange lays out the panes, and makes them follow the selection.
func (e *explorer) arrange(area rect) {
	lay := arrange
	if e.preview.on {
		lay = withPreview
	}
	e.layout = lay(area, e.divide, e.focus)
	if e.focus == historyPane && !e.zoomed && e.layout.panes[historyPane].empty() {
		e.focus = filesPane
		e.layout = lay(area, e.divide, e.focus)
	}
	if e.zoomed {
		e.layout = zoom(area, e.focus)
	}
	e.placeChips()
	at := func(p pane) rect { return e.layout.panes[p] }
	page := func(p pane, now int) int { // what isn't on the screen doesn't change
		if at(p).empty() {
			return now
		}
		return at(p).h - 1
	}
	e.layers.resize(e.layers.rows, page(layersPane, e.layers.page))
	e.files.resize(e.files.rows.len(), page(filesPane, e.files.page))
	e.layer.show(e.layers.cursor, at(layerPane).w-1, at(layerPane).h)
	e.placeFirst()
	n, ok := e.files.current()
	e.history.show(n, ok, at(historyPane).w, at(historyPane).h)
}

// placeFirst sets the initial cursor once the number of rows is known. It never scrolls the first
// rows of the tree out of sight: if the path to select is further down, it selects the nearest
// visible parent.
func (e *explorer) placeFirst() {
	f := &e.files
	if e.placed || e.layout.panes[filesPane].empty() {
		return
	}
	e.placed = true
	f.top = 0
	at := f.rows.find(f.anchor)
	if at < f.page {
		f.to(at)
		return
	}
	for n := f.anchor; at >= f.page && n != analyze.Root; {
		n = e.a.Tree.Parent(n)
		at = f.rows.find(n)
	}
	if at >= f.page {
		at = 0
	}
	f.choose(at)
}

// spec returns the view for the mode and the selected layer.
func (e *explorer) spec() analyze.Spec { return specOf(e.a, e.mode, e.from, e.layers.cursor) }

func specOf(a *analyze.Analysis, mode analyze.Mode, from, at int) analyze.Spec {
	switch mode {
	case analyze.Range:
		return analyze.Spec{Mode: analyze.Range, From: min(from, at), At: max(from, at)}
	case analyze.Everything:
		return analyze.Spec{Mode: analyze.Everything, At: max(len(a.Layers)-1, 0)}
	}
	return analyze.Spec{Mode: mode, At: at}
}

// follow requests the rows for the mode and the selected layer, unless they were the last ones
// requested.
func (e *explorer) follow() tea.Cmd {
	spec := e.spec()
	if spec == e.files.request.spec {
		return nil
	}
	e.files.request.spec = spec
	return e.files.ask()
}

// showRows shows computed rows.
func (e *explorer) showRows(msg rowsMsg) tea.Cmd {
	cmd := e.files.install(msg)
	e.filterChanged()
	return tea.Batch(cmd, e.sayIfFiltered(), e.followPreview())
}

// An explorerLocation is the user's place in the explorer.
type explorerLocation struct {
	focus pane
	layer int
	mode  analyze.Mode
	from  int
	node  analyze.NodeID
}

func (e *explorer) location() explorerLocation {
	return explorerLocation{focus: e.focus, layer: e.layers.cursor, mode: e.mode, from: e.from, node: e.files.anchor}
}

// jumpTo returns the location of a node to go to, with a message if a filter hides it.
func (e *explorer) jumpTo(node analyze.NodeID, layer int, mode analyze.Mode) explorerLocation {
	e.files.jumped = true
	return explorerLocation{focus: filesPane, layer: layer, mode: mode, from: e.from, node: node}
}

// goTo shows a location.
func (e *explorer) goTo(s explorerLocation) tea.Cmd {
	if e.files.request.flat && s.node != analyze.Root && !isFile(e.a.Tree, s.node) {
		e.files.request.flat = false // it has no row there
	}
	e.focus, e.mode, e.from = s.focus, s.mode, s.from
	e.layers.to(s.layer)
	return e.reveal(s.node)
}

// reveal puts the cursor on a node, and opens its parent directories.
func (e *explorer) reveal(node analyze.NodeID) tea.Cmd {
	t := e.a.Tree
	e.files.anchor, e.files.roomy = node, true
	for n := t.Parent(node); n != analyze.Root; n = t.Parent(n) {
		e.files.request.open().set(n, true)
	}
	e.files.request.spec = e.spec()
	return e.files.ask()
}

// chosen returns the version for actions: the one under the history's cursor if
// the history has the focus, else the one that the files show; for a removal,
// the removed version.
func (e *explorer) chosen() (analyze.Version, bool) {
	if e.focus == historyPane {
		if it, ok := e.history.item(); ok && it.waste == nil {
			if it.version.Change() == analyze.Removed {
				if older := versionBelow(e.a.Tree.Versions(it.version.Node()), it.version.Layer()); older != nil {
					return *older, true
				}
			}
			return it.version, true
		}
	}
	n, ok := e.files.current()
	if !ok {
		return analyze.Version{}, false
	}
	return e.files.shownVersion(n)
}

// rangeStart is the last layer of the base image.
func rangeStart(a *analyze.Analysis) int {
	return max(min(a.Totals.BaseLayers, len(a.Layers))-1, 0)
}
