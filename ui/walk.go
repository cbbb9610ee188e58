package ui

import "github.com/peelhq/peel/analyze"

// A walk goes through the nodes of a set in the order of the rows: depth first, with a
// directory's children in the pane's order. It visits only the children of directories on its
// way, so that a step is cheap for any number of nodes.
type walk struct {
	t     *analyze.Tree
	view  *analyze.View
	set   *analyze.Set
	order order
}

// A sibling is a child of a directory and its index there.
type sibling struct {
	n analyze.NodeID
	i int
}

func (w walk) less(a, b sibling) bool {
	if c := w.order.compare(w.view, a.n, b.n); c != 0 {
		return c < 0
	}
	if by, back := w.order.base(); by == byName && back {
		return a.i > b.i
	}
	return a.i < b.i
}

// beside calls f with the children of dir that are in the set or have nodes of the set below
// them.
func (w walk) beside(dir analyze.NodeID, f func(sibling)) {
	for i, k := range w.t.Children(dir) {
		if w.set.Count(k) > 0 {
			f(sibling{k, i})
		}
	}
}

// self returns n as a child of its parent.
func (w walk) self(n analyze.NodeID) sibling {
	for i, k := range w.t.Children(w.t.Parent(n)) {
		if k == n {
			return sibling{n, i}
		}
	}
	return sibling{n, 0}
}

// first returns the first node of the set at n or below it, which must exist.
func (w walk) first(n analyze.NodeID) analyze.NodeID {
	for !w.set.Has(n) {
		n = w.least(n, nil)
	}
	return n
}

// last returns the last node of the set at n or below it, which must exist.
func (w walk) last(n analyze.NodeID) analyze.NodeID {
	for {
		k := w.greatest(n, nil)
		if k == analyze.Root {
			return n
		}
		n = k
	}
}

// least returns the first of dir's children that leads to a node of the set, after behind if
// that isn't nil; Root if there is none.
func (w walk) least(dir analyze.NodeID, behind *sibling) analyze.NodeID {
	var best *sibling
	w.beside(dir, func(s sibling) {
		if (behind == nil || w.less(*behind, s)) && (best == nil || w.less(s, *best)) {
			best = &s
		}
	})
	if best == nil {
		return analyze.Root
	}
	return best.n
}

// greatest returns the last of dir's children that leads to a node of the set, before before if
// that isn't nil; Root if there is none.
func (w walk) greatest(dir analyze.NodeID, before *sibling) analyze.NodeID {
	var best *sibling
	w.beside(dir, func(s sibling) {
		if (before == nil || w.less(s, *before)) && (best == nil || w.less(*best, s)) {
			best = &s
		}
	})
	if best == nil {
		return analyze.Root
	}
	return best.n
}

// next returns the node after n, and whether it wrapped round to the beginning. The set must
// not be empty.
func (w walk) next(n analyze.NodeID) (next analyze.NodeID, wrapped bool) {
	if k := w.least(n, nil); k != analyze.Root {
		return w.first(k), false
	}
	for ; n != analyze.Root; n = w.t.Parent(n) {
		at := w.self(n)
		if k := w.least(w.t.Parent(n), &at); k != analyze.Root {
			return w.first(k), false
		}
	}
	return w.first(analyze.Root), true
}

// prior returns the node before n, and whether it wrapped round to the end. The set must not be
// empty.
func (w walk) prior(n analyze.NodeID) (prior analyze.NodeID, wrapped bool) {
	for n != analyze.Root {
		at, dir := w.self(n), w.t.Parent(n)
		if k := w.greatest(dir, &at); k != analyze.Root {
			return w.last(k), false
		}
		if w.set.Has(dir) {
			return dir, false
		}
		n = dir
	}
	return w.last(analyze.Root), true
}

// position returns n's number in the set, from 1.
func (w walk) position(n analyze.NodeID) int {
	position := 1
	for n != analyze.Root {
		at, dir := w.self(n), w.t.Parent(n)
		w.beside(dir, func(s sibling) {
			if w.less(s, at) {
				position += w.set.Count(s.n)
			}
		})
		if w.set.Has(dir) {
			position++
		}
		n = dir
	}
	return position
}
