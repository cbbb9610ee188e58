package ui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A mapRequest says which rows the map must have.
type mapRequest struct {
	order  order
	opened opened
	only   narrowing
	screen int // open only the branches that hold most bytes, for this many rows; 0: don't change what is open
}

// ask computes the rows again, after a change of the request or the analysis.
func (p *mapView) ask() tea.Cmd {
	p.request.only = p.narrow
	p.seq++
	return p.start()
}

func (p *mapView) start() tea.Cmd {
	if p.busy || p.have == p.seq {
		return nil
	}
	p.busy = true
	return p.rowsCmd()
}

// mapMsg brings the rows for request number seq, and the sums that they are made from.
type mapMsg struct {
	p    *mapView
	seq  int
	sums *analyze.LayerMap
	rows []row
	at   int // the row of the anchor
	// which directories are open, if requested
	opened *opened
	err    error
}

func (msg mapMsg) update() tea.Cmd {
	p := msg.p
	p.busy = false
	if msg.err != nil { // the image was closed
		return nil
	}
	if msg.sums != p.sums {
		p.scale = 0
		for _, c := range msg.sums.AppendCells(nil, analyze.Root, 0) {
			p.scale = max(p.scale, c.Stored)
		}
	}
	if msg.opened != nil && msg.seq == p.seq {
		p.request.opened, p.request.screen = msg.opened.clone(), 0
	}
	above := p.cursor - p.top
	p.sums, p.rows, p.have, p.wide = msg.sums, msg.rows, msg.seq, 0
	p.layer = max(min(p.layer, p.layers()-1), 0)
	p.list.rows, p.cursor, p.top = len(p.rows), msg.at, msg.at-above
	p.to(msg.at)
	return p.start()
}

// rowsCmd computes the rows, and also the sums if the current ones belong to another tree.
func (p *mapView) rowsCmd() tea.Cmd {
	ctx, tree, sums, msg, anchor := p.h.context(), p.a.Tree, p.sums, mapMsg{p: p, seq: p.seq}, p.anchor
	req := p.request
	req.opened = req.opened.clone()
	return func() tea.Msg {
		if sums == nil || sums.Tree() != tree {
			if sums, msg.err = analyze.NewLayerMap(ctx, tree); msg.err != nil {
				return msg
			}
		}
		msg.sums = sums
		if req.screen > 0 {
			whole, _ := sums.Stored(analyze.Root)
			b := &mapRowMaker{m: sums, t: tree}
			if req.opened, msg.err = branches(ctx, mapBranches{b}, whole, req.screen-1); msg.err != nil { // the root has a row
				return msg
			}
			req.screen, msg.opened = 0, &req.opened
		}
		msg.rows, msg.err = mapRows(ctx, sums, req)
		msg.at = rowOf(msg.rows, tree, anchor)
		return msg
	}
}

// rowOf returns the row of a node, or of its nearest parent that has one.
func rowOf(rows []row, t *analyze.Tree, n analyze.NodeID) int {
	place := make(map[analyze.NodeID]int, len(rows))
	for i, r := range rows {
		place[r.head], place[r.node] = i, i
	}
	for ; n != analyze.Root; n = t.Parent(n) {
		if i, ok := place[n]; ok {
			return i
		}
	}
	return 0
}

// mapRows returns the root and the requested directories below it. It reads
// only the children of open ones, unless the rows are filtered. The error is
// the context's.
func mapRows(ctx context.Context, m *analyze.LayerMap, req mapRequest) ([]row, error) {
	b := mapRowMaker{ctx: ctx, m: m, t: m.Tree(), req: req}
	if m.Has(analyze.Root) {
		b.rows = append(b.rows, row{head: analyze.Root, node: analyze.Root})
		b.below(analyze.Root, 0, false)
	}
	return b.rows, ctx.Err()
}

// mapRowMaker makes the rows of a map.
type mapRowMaker struct {
	ctx  context.Context
	m    *analyze.LayerMap
	t    *analyze.Tree
	req  mapRequest
	rows []row
}

// below adds the rows of the directories in n, and reports whether it added any. A directory that
// the user opened has all its rows, even with a filter.
func (b *mapRowMaker) below(n analyze.NodeID, depth int32, whole bool) bool {
	if b.ctx.Err() != nil {
		return false
	}
	found := false
	for _, k := range mapDirs(b.m, b.req.order, n) {
		r := b.row(k, depth)
		place := len(b.rows)
		b.rows = append(b.rows, r)
		open := b.req.opened.has(r.node)
		if !b.req.only.on() {
			if open {
				b.below(r.node, depth+1, false)
			}
			continue
		}
		hit := whole || b.holds(r)
		if below := b.below(r.node, depth+1, hit && open); !hit && !below {
			b.rows = b.rows[:place]
			continue
		}
		found = true
	}
	return found
}

// holds reports whether a row contains the filter text: in its name, or, if the text has a slash,
// in its path.
func (b *mapRowMaker) holds(r row) bool {
	if strings.Contains(b.req.only.text, "/") {
		return b.req.only.holds(b.t.Path(r.node))
	}
	return b.req.only.holds(r.name(b.t))
}

// row returns the row whose first node is head. Directories that contain only one other directory
// share its row.
func (b *mapRowMaker) row(head analyze.NodeID, depth int32) row {
	n := head
	for {
		kids := 0
		only := n
		for _, k := range b.t.Children(n) {
			if b.m.Has(k) {
				kids, only = kids+1, k
			}
		}
		if kids != 1 || !b.m.Shares(n, only) {
			return row{head: head, node: n, depth: depth, kids: kids > 0}
		}
		n = only
	}
}

// mapDirs returns the directories in n that store anything, in order.
func mapDirs(m *analyze.LayerMap, by order, n analyze.NodeID) []analyze.NodeID {
	type ranked struct {
		node         analyze.NodeID
		stored, dead int64
	}
	var dirs []ranked
	for _, k := range m.Tree().Children(n) {
		if m.Has(k) {
			stored, dead := m.Stored(k)
			dirs = append(dirs, ranked{k, stored, dead})
		}
	}
	by, back := by.base()
	if by != byName {
		slices.SortStableFunc(dirs, func(a, b ranked) int {
			if back {
				a, b = b, a
			}
			if c := cmp.Compare(b.dead, a.dead); c != 0 && by == byWaste {
				return c
			}
			return cmp.Compare(b.stored, a.stored)
		})
	} else if back {
		slices.Reverse(dirs)
	}
	out := make([]analyze.NodeID, len(dirs))
	for i, d := range dirs {
		out[i] = d.node
	}
	return out
}
