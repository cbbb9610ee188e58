package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// differences is the view of the differences between two images: on the left, their layers side by
// side, and on the right, a tree of the paths that differ, with old and new sizes; below each,
// details of the selection.
type differences struct {
	h    host
	lk   *look
	pair *pairing
	c    *compared

	layout  layout
	line    rect // of the chips; empty without chips, or without room
	divide  int  // columns of the left frame; 0: depends on the width
	divided bool // the divider between the frames is being dragged
	focus   pane

	layers list
	tree   list
	rows   *diffRows
	anchor int32 // the node for the cursor

	request diffRequest
	seq     int     // of the rows requested last
	busy    bool    // rows are being computed
	asked   *prompt // the prompt for a filter, or nil

	text     string  // the text of the search
	hits     []int32 // the nodes that contain it
	hit      int     // index in hits of the last one that the cursor went to
	searched int     // of the last search
	finding  bool    // a search is running
	seeking  *prompt // the prompt for a search, or nil

	layerDetail, pathDetail scroller
	layerLines, pathLines   styledLines
	layerOf                 int   // the row that layerLines is about; -1 for none
	pathOf                  int32 // the node that pathLines is about; -1 for none
	wideOf                  [2]int
}

// openDifferences opens the view, for the table of views of a comparison.
func openDifferences(h host, p *pairing) body {
	d := &differences{h: h, lk: h.look(), pair: p, c: p.shown, focus: filesPane, rows: p.shown.rows, layerOf: -1, pathOf: -1}
	d.request = d.rows.made.clone()
	d.layers.resize(len(d.c.diff.Layers), 1)
	d.layers.to(max(slices.IndexFunc(d.c.diff.Layers, func(g analyze.LayerGrowth) bool { return !g.Same }), 0))
	d.tree.resize(len(d.rows.rows), 1)
	d.follow()
	return d
}

// waits reports whether keys must wait for a running command.
func (p *differences) waits() bool { return p.busy || p.finding }

// restyle recreates the texts that contain styles.
func (p *differences) restyle() { p.layerOf, p.pathOf = -1, -1 }

// arrange lays out the panes, and makes them follow the selection.
func (p *differences) arrange(area rect) {
	p.layout = arrange(area, p.divide, p.focus)
	p.line = rect{}
	if in := &p.layout.panes[filesPane]; len(p.chips()) > 0 && chipsFit(in.w, in.h) {
		in.h--
		p.line = rect{in.x, in.y + in.h, in.w, 1}
	}
	at := func(x pane) rect { return p.layout.panes[x] }
	p.layers.resize(len(p.c.diff.Layers), at(layersPane).h-1)
	p.tree.resize(len(p.rows.rows), at(filesPane).h-1)
	wide := [2]int{at(layerPane).w, at(historyPane).w}
	if wide != p.wideOf {
		p.wideOf, p.layerOf, p.pathOf = wide, -1, -1
	}
	if p.layerOf != p.layers.cursor {
		p.layerOf, p.layerDetail.top = p.layers.cursor, 0
		p.layerLines = p.describeLayer(wide[0] - 2)
	}
	node := int32(0)
	if r, ok := p.row(); ok {
		node = r.node
	}
	if p.pathOf != node {
		p.pathOf, p.pathDetail.top = node, 0
		p.pathLines = p.describePath(node, wide[1]-2)
	}
	p.layerDetail.resize(len(p.layerLines), at(layerPane).h)
	p.pathDetail.resize(len(p.pathLines), at(historyPane).h)
}

// chips returns the tree's filter, its order unless it is the initial one, and the search.
func (p *differences) chips() []chip {
	var out []chip
	if p.request.order != diffByDifference {
		by, back := p.request.order.base()
		text := "by " + by.String()
		if back {
			text += " " + p.lk.sg.back
		}
		out = append(out, chip{text, func() tea.Cmd { return p.orderBy(diffByDifference) }})
	}
	if p.request.filter != "" {
		out = append(out, chip{"filter: " + p.lk.line(p.request.filter), func() tea.Cmd { return p.filterBy("") }})
	}
	return out
}

// row returns the row under the cursor.
func (p *differences) row() (diffRow, bool) {
	if p.tree.cursor >= len(p.rows.rows) {
		return diffRow{}, false
	}
	return p.rows.rows[p.tree.cursor], true
}

// follow sets the anchor to the cursor.
func (p *differences) follow() {
	if r, ok := p.row(); ok {
		p.anchor = r.node
	}
}

// path returns the path under the cursor.
func (p *differences) path() string {
	r, ok := p.row()
	if !ok {
		return ""
	}
	return p.c.tree.Path(int(r.node))
}

// reveal puts the cursor on a path, if it differs.
func (p *differences) reveal(path string) tea.Cmd {
	p.request.reveal = path
	return p.rowsCmd()
}

// seek puts the cursor on a node, and opens its parent directories.
func (p *differences) seek(node int32) tea.Cmd {
	p.anchor = node
	for i := p.c.tree.Parent(int(node)); i > 0; i = p.c.tree.Parent(i) {
		p.request.open().set(analyze.NodeID(i), true)
	}
	return p.rowsCmd()
}

// install shows computed rows.
func (p *differences) install(msg diffRowsMsg) {
	p.busy = false
	if msg.err != nil {
		if p.asked != nil {
			p.asked.aside, p.asked.failed = p.lk.line(msg.err.Error()), true
		}
		return
	}
	p.rows = msg.rows
	if p.request.reveal != "" {
		p.request = msg.rows.made.clone()
	}
	p.tree.resize(len(p.rows.rows), p.tree.page)
	p.tree.to(msg.at)
	p.follow()
	p.pathOf = -1
	if p.asked != nil {
		p.asked.aside, p.asked.failed = "", false
		if p.rows.sums != nil {
			p.asked.aside = counted(int(p.rows.sums[0].matched), "path")
		}
	}
}
