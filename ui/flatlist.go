package ui

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/peelhq/peel/analyze"
)

// A flatList is the rows of the files pane as a list without directories: everything else in a
// view, in order, with full paths. It is made by a command and immutable.
type flatList struct {
	nodes []analyze.NodeID
	place []int32 // by node: its index in nodes, or -1
}

// flatRows makes the rows of a view without its directories. It takes a pass over its nodes, and
// sorts them. The error is the context's.
func flatRows(ctx context.Context, v *analyze.View, by order) (*rowList, error) {
	t := v.Tree()
	l := &rowList{tree: t, view: v, order: by, flat: &flatList{place: make([]int32, t.Len())}}
	all, err := v.Leaves(ctx)
	if err != nil {
		return nil, err
	}
	for n := range l.flat.place {
		l.flat.place[n] = -1
	}
	for i, x := range all { // by path, so that equal nodes stay in that order
		l.flat.place[x.Node] = int32(i)
	}
	by, back := by.base()
	if by != byName {
		slices.SortFunc(all, func(a, b analyze.Leaf) int {
			c := 0
			if by == byWaste {
				c = cmp.Compare(b.Wasted, a.Wasted)
			}
			if c == 0 {
				c = cmp.Compare(b.Bytes, a.Bytes)
			}
			if back {
				c = -c
			}
			if c == 0 {
				c = cmp.Compare(l.flat.place[a.Node], l.flat.place[b.Node])
			}
			return c
		})
	} else if back {
		slices.Reverse(all)
	}
	l.flat.nodes = make([]analyze.NodeID, len(all))
	for i, r := range all {
		l.flat.nodes[i] = r.Node
		l.flat.place[r.Node] = int32(i)
	}
	l.count = len(all)
	return l, nil
}

// row returns the row of a node, which includes its parent directories.
func (f *flatList) row(t *analyze.Tree, n analyze.NodeID) row {
	head := n
	for p := t.Parent(n); p != analyze.Root; p = t.Parent(p) {
		head = p
	}
	return row{head: head, node: n}
}

// all goes through the rows.
func (f *flatList) all(t *analyze.Tree) iter.Seq[row] {
	return func(yield func(row) bool) {
		for _, n := range f.nodes {
			if !yield(f.row(t, n)) {
				return
			}
		}
	}
}

// has reports whether a node has a row.
func (f *flatList) has(n analyze.NodeID) bool { return int(n) < len(f.place) && f.place[n] >= 0 }

// find returns the row of a node, 0 if it has none.
func (f *flatList) find(n analyze.NodeID) int {
	if !f.has(n) {
		return 0
	}
	return int(f.place[n])
}

// byPlace chooses a match in the order of a flat list. It skips matches without a row, such as
// directories.
func (j seekJob) byPlace(msg *foundMsg) {
	var hits []int // places
	for i, node := range j.flat.nodes {
		if msg.set.Has(node) {
			hits = append(hits, i)
		}
	}
	if msg.n = len(hits); msg.n == 0 {
		return
	}
	at, there := 0, false
	if j.flat.has(j.from) {
		at, there = slices.BinarySearch(hits, j.flat.find(j.from))
	}
	switch {
	case j.to == backward:
		at--
	case j.to == forward && there:
		at++
	}
	if msg.wrapped = at < 0 || at == len(hits); msg.wrapped {
		at = (at + len(hits)) % len(hits)
	}
	msg.at, msg.nth = j.flat.nodes[hits[at]], at+1
}

// isFile reports whether a node is something other than a directory in some layer.
func isFile(t *analyze.Tree, n analyze.NodeID) bool {
	return slices.ContainsFunc(t.Versions(n), func(v analyze.Version) bool {
		return v.Change() != analyze.Removed && v.Kind() != analyze.TypeDir
	})
}
