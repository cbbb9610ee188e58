package analyze

import "context"

// A Set is some nodes of a tree, with how many of them lie below each
// directory: enough to go from one to the next in any order of the children,
// and to tell the how-manieth one is, without putting all of them into that
// order. It is immutable and safe for concurrent use.
type Set struct {
	t     *Tree
	in    bitmap
	sums  []int32 // by a node's place among directories: how many are there and below
	count int
}

// newSet returns those nodes among in for which keep holds.
func newSet(ctx context.Context, t *Tree, in bitmap, keep func(NodeID) bool) (*Set, error) {
	s := &Set{t: t, in: newBitmap(len(t.nodes)), sums: make([]int32, t.dirs)}
	for n := range t.nodes {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !in.has(n) || !keep(NodeID(n)) {
			continue
		}
		s.in.set(n)
		s.count++
		if dir := t.nodes[n].dir; dir != none {
			s.sums[dir]++
		} else {
			s.sums[t.nodes[t.nodes[n].parent].dir]++
		}
	}
	for n := len(t.nodes) - 1; n > 0; n-- { // children before their parents
		if dir := t.nodes[n].dir; dir != none {
			s.sums[t.nodes[t.nodes[n].parent].dir] += s.sums[dir]
		}
	}
	return s, nil
}

// Len returns how many nodes are in the set.
func (s *Set) Len() int { return s.count }

// Has reports whether n is in the set.
func (s *Set) Has(n NodeID) bool { return s.in.has(int(n)) }

// Count returns how many of the set are at n and below it.
func (s *Set) Count(n NodeID) int {
	if dir := s.t.nodes[n].dir; dir != none {
		return int(s.sums[dir])
	}
	if s.Has(n) {
		return 1
	}
	return 0
}

// First returns the node of the lowest number, Root if the set is empty.
func (s *Set) First() NodeID {
	for n := range s.t.nodes {
		if s.in.has(n) {
			return NodeID(n)
		}
	}
	return Root
}
