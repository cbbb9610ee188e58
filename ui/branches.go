package ui

import (
	"cmp"
	"container/heap"
	"context"
	"slices"

	"github.com/peelhq/peel/analyze"
)

// To show where the bytes are, the branches of a tree that have most of its bytes are opened,
// largest first. A branch stays closed if opening it would push a row off the screen that has at
// least half the bytes of the largest row in the branch.

// A branchTree is a tree of directories, in the order of a list: the largest first.
type branchTree interface {
	// row returns the row whose first node is head.
	row(head analyze.NodeID) row

	// each calls f with the first node of each row in a directory, and its bytes.
	each(dir analyze.NodeID, f func(head analyze.NodeID, bytes int64))
}

// A branch is a row that holds much.
type branch struct {
	row
	bytes int64
	large []*branch // rows in it that also hold much, the largest first; nil until they are read
	rest  int       // number of other rows in it
	open  bool
}

// largeShare defines a large row: one with at least this fraction of the screen's bytes for each
// row of the screen.
const largeShare = 4

// branches returns the directories to open for a screen with this many rows. It reads only the
// children of those and of large ones next to them. The error is the context's.
func branches(ctx context.Context, t branchTree, whole int64, rows int) (opened, error) {
	least := max(whole/int64(max(rows, 1)*largeShare), 1)
	root := &branch{row: row{kids: true}}
	look := func(b *branch) {
		b.large, b.rest = []*branch{}, 0
		t.each(b.node, func(head analyze.NodeID, bytes int64) {
			if bytes < least {
				b.rest++
				return
			}
			b.large = append(b.large, &branch{row: t.row(head), bytes: bytes})
		})
		slices.SortStableFunc(b.large, func(x, y *branch) int { return cmp.Compare(y.bytes, x.bytes) })
	}
	look(root)
	root.open = true
	closed := branchHeap(withKids(root.large))
	heap.Init(&closed)
	var out opened
	for len(closed) > 0 {
		if err := ctx.Err(); err != nil {
			return opened{}, err
		}
		b := heap.Pop(&closed).(*branch) //nolint:errcheck // nothing else is in it
		look(b)
		if len(b.large) == 0 {
			continue // many small files: nothing in it stands out
		}
		b.open = true
		if last, _ := root.last(b.large[0].bytes / 2); last > rows {
			b.open = false
			continue
		}
		out.set(b.node, true)
		for _, k := range withKids(b.large) {
			heap.Push(&closed, k)
		}
	}
	return out, nil
}

// withKids returns the branches that have rows in them.
func withKids(all []*branch) []*branch {
	var out []*branch
	for _, b := range all {
		if b.kids {
			out = append(out, b)
		}
	}
	return out
}

// last returns the number of rows in b up to the last one that has at least this many bytes, and
// the number of all rows.
func (b *branch) last(bytes int64) (last, all int) {
	for _, k := range b.large {
		all++
		if k.bytes >= bytes {
			last = all
		}
		if k.open {
			inside, more := k.last(bytes)
			if inside > 0 {
				last = all + inside
			}
			all += more
		}
	}
	return last, all + b.rest
}

// branchHeap has the branch with the most bytes on top.
type branchHeap []*branch

func (h branchHeap) Len() int           { return len(h) }
func (h branchHeap) Less(i, j int) bool { return h[i].bytes > h[j].bytes }
func (h branchHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *branchHeap) Push(x any)        { *h = append(*h, x.(*branch)) } //nolint:errcheck // nothing else is pushed
func (h *branchHeap) Pop() any {
	last := len(*h) - 1
	b := (*h)[last]
	*h = (*h)[:last]
	return b
}

// viewBranches are the directories of a view.
type viewBranches struct{ view *analyze.View }

func (v viewBranches) row(head analyze.NodeID) row { return viewRow(v.view, head, 0) }

func (v viewBranches) each(dir analyze.NodeID, f func(analyze.NodeID, int64)) {
	for _, k := range v.view.Tree().Children(dir) {
		if v.view.Shows(k) {
			f(k, v.view.Bytes(k))
		}
	}
}

// mapBranches are those of the map: only directories.
type mapBranches struct{ rows *mapRowMaker }

func (b mapBranches) row(head analyze.NodeID) row { return b.rows.row(head, 0) }

func (b mapBranches) each(dir analyze.NodeID, f func(analyze.NodeID, int64)) {
	for _, k := range b.rows.t.Children(dir) {
		if b.rows.m.Has(k) {
			stored, _ := b.rows.m.Stored(k)
			f(k, stored)
		}
	}
}
