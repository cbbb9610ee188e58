package ui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A diffOrder is the order of differences in a directory.
type diffOrder uint8

const (
	diffByDifference diffOrder = iota // the largest growth or shrinkage
	diffByNow                         // the largest in the new image
	diffByThen                        // the largest in the old image
	diffByName
	diffOrders

	diffReversed diffOrder = 1 << 4 // added to one of these to reverse it
)

// base returns the order without its direction, and whether it is reversed.
func (o diffOrder) base() (by diffOrder, back bool) { return o &^ diffReversed, o&diffReversed != 0 }

func (o diffOrder) String() string {
	return [diffOrders]string{"growth", "now", "then", "name"}[o]
}

// text says, for the menu, what comes first.
func (o diffOrder) text() string {
	return [diffOrders]string{"difference in size, largest first", "size now, largest first", "size then, largest first", "name"}[o]
}

// A diffRequest says what to show of a comparison.
type diffRequest struct {
	order  diffOrder
	opened opened // by index in the tree
	filter string

	filtered opened // the open directories while a filter is on
	reveal   string // a path to make visible, or ""
}

// open returns the directories that are open.
func (q *diffRequest) open() *opened {
	if q.filter == "" {
		return &q.opened
	}
	return &q.filtered
}

// clone returns a copy that shares nothing with q.
func (q *diffRequest) clone() diffRequest {
	out := *q
	out.opened, out.filtered = q.opened.clone(), q.filtered.clone()
	return out
}

// A diffRow is a line of the tree. A directory that contains only one other directory shares its
// row.
type diffRow struct {
	head, node int32 // the first and the last of these directories
	depth      int32
	kids       bool
}

// A diffSum is the sum of a node and everything below it that a filter leaves.
type diffSum struct {
	moved, before, after int64
	matched              int32
}

// diffRows are the rows of the tree. A command computes them, and then they don't change.
type diffRows struct {
	c    *compared
	made diffRequest
	rows []diffRow
	sums []diffSum // by node; nil without a filter

	revealed int32 // the node of the requested path; 0 without one
}

// sizes returns the bytes of node i, and how many of them moved.
func (r *diffRows) sizes(i int32) diffSum {
	if r.sums != nil {
		return r.sums[i]
	}
	moved, before, after := r.c.tree.Sizes(int(i))
	return diffSum{moved: moved, before: before, after: after}
}

// shows reports whether a filter leaves node i, or something below it.
func (r *diffRows) shows(i int32) bool { return len(r.sums) == 0 || r.sums[i].matched > 0 }

// find returns the row of node i, or of its nearest parent that has one. It reads all rows.
func (r *diffRows) find(i int32) int {
	t := r.c.tree
	at := 0
	for k, row := range r.rows {
		if int(row.head) > int(i) || int(i) >= t.End(int(row.head)) {
			continue
		}
		at = k // rows further down are deeper
		if row.node == i || row.head == i {
			break
		}
	}
	return at
}

// The initial rows: how many are opened automatically, and the maximum number of children for
// that.
const (
	diffFirstRows = 30
	diffFirstKids = 100
)

// firstDiffRequest opens the directories that hold most of the differences.
func firstDiffRequest(t *analyze.DiffTree) diffRequest {
	var q diffRequest
	if t.Len() <= diffFirstRows {
		q.opened.all = true
		return q
	}
	var shown []int
	open := func(i int) bool {
		var kids []int
		for k := i + 1; k < t.End(i); k = t.End(k) {
			if kids = append(kids, k); len(kids) > diffFirstKids {
				return false
			}
		}
		q.opened.set(analyze.NodeID(i), true)
		shown = append(shown, kids...)
		return true
	}
	if !open(0) {
		return q
	}
	for rows := len(shown); len(shown) > 0 && rows < diffFirstRows; {
		best := 0
		for i, n := range shown {
			if moved, _, _ := t.Sizes(n); moved > movedBy(t, shown[best]) {
				best = i
			}
		}
		n := shown[best]
		shown = slices.Delete(shown, best, best+1)
		before := len(shown)
		if t.End(n) > n+1 {
			open(n)
		}
		rows += len(shown) - before
	}
	return q
}

func movedBy(t *analyze.DiffTree, i int) int64 {
	moved, _, _ := t.Sizes(i)
	return moved
}

// makeDiffRows computes the rows for a request. A filter takes a pass over the nodes of both
// images. The error is the filter's or the context's.
func makeDiffRows(ctx context.Context, c *compared, q diffRequest) (*diffRows, error) {
	r := &diffRows{c: c}
	if q.filter != "" {
		matched, err := matchDiff(ctx, c, q.filter)
		if err != nil {
			return nil, err
		}
		r.sums = sumMatched(c.tree, matched)
	}
	if q.reveal != "" {
		r.revealed = lookupDiff(c.tree, q.reveal)
		for i := c.tree.Parent(int(r.revealed)); i > 0; i = c.tree.Parent(i) {
			q.open().set(analyze.NodeID(i), true)
		}
		q.reveal = ""
	}
	r.made = q
	if err := r.below(ctx, 0, 0); err != nil {
		return nil, err
	}
	return r, ctx.Err()
}

// lookupDiff returns the node of a path, or of the nearest directory above it; 0 if that is the
// root.
func lookupDiff(t *analyze.DiffTree, path string) int32 {
	at := 0
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		k := at + 1
		for k < t.End(at) && t.Name(k) != name {
			k = t.End(k)
		}
		if k >= t.End(at) {
			break
		}
		at = k
	}
	return int32(at)
}

// below appends the rows below node i.
func (r *diffRows) below(ctx context.Context, i, depth int32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, k := range r.kids(i) {
		row := diffRow{head: k, node: k, depth: depth}
		for first, only := r.firstKid(k); first > 0; first, only = r.firstKid(row.node) {
			if row.kids = true; !only || r.c.tree.Change(int(row.node)) != analyze.Identical || r.c.tree.End(int(first)) == int(first)+1 {
				break
			}
			row.node = first
		}
		r.rows = append(r.rows, row)
		if row.kids && r.made.open().has(analyze.NodeID(row.node)) {
			if err := r.below(ctx, row.node, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstKid returns the first visible child of node i, or 0, and whether it is the only one.
func (r *diffRows) firstKid(i int32) (first int32, only bool) {
	t := r.c.tree
	for k := int(i) + 1; k < t.End(int(i)); k = t.End(k) {
		switch {
		case !r.shows(int32(k)):
		case first > 0:
			return first, false
		default:
			first = int32(k)
		}
	}
	return first, first > 0
}

// kids returns the children of node i that are shown, in order.
func (r *diffRows) kids(i int32) []int32 {
	t := r.c.tree
	var kids []int32
	for k := int(i) + 1; k < t.End(int(i)); k = t.End(k) {
		if r.shows(int32(k)) {
			kids = append(kids, int32(k))
		}
	}
	by, back := r.made.order.base()
	if by != diffByName {
		slices.SortStableFunc(kids, func(a, b int32) int {
			x, y := r.sizes(a), r.sizes(b)
			switch by {
			case diffByNow:
				return cmp.Compare(y.after, x.after)
			case diffByThen:
				return cmp.Compare(y.before, x.before)
			}
			return cmp.Compare(y.moved, x.moved)
		})
	}
	if back {
		slices.Reverse(kids)
	}
	return kids
}

// diffRowsMsg brings requested rows.
type diffRowsMsg struct {
	p    *differences
	seq  int
	rows *diffRows
	at   int // the row of the cursor
	err  error
}

func (msg diffRowsMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	if msg.seq == msg.p.seq {
		msg.p.install(msg)
	}
	return nil
}

// rowsCmd computes the rows for the current request, with the cursor on the anchor.
func (p *differences) rowsCmd() tea.Cmd {
	p.seq++
	p.busy = true
	ctx, c, q, seq, anchor := p.h.context(), p.c, p.request.clone(), p.seq, p.anchor
	return func() tea.Msg {
		msg := diffRowsMsg{p: p, seq: seq}
		if msg.rows, msg.err = makeDiffRows(ctx, c, q); msg.err == nil {
			if msg.rows.revealed > 0 {
				anchor = msg.rows.revealed
			}
			msg.at = msg.rows.find(anchor)
		}
		return msg
	}
}
