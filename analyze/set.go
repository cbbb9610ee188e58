package analyze

import "context"

// A Set is a set of a tree's nodes with the number of members below each
// directory. With that, a caller can step from member to member in any order of
// children, and find the index of a member, without sorting the set. It is
// immutable and safe for concurrent use.
type Set struct {
	t     *Tree
	in    bitmap
	sums  []int32 // by a node's place among directories: members at and below it
	count int
}

// newSet returns the nodes among in for which keep holds.
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

// Len returns the size of the set.
func (s *Set) Len() int { return s.count }

// Has reports whether n is in the set.
func (s *Set) Has(n NodeID) bool { return s.in.has(int(n)) }

// Count returns the number of members at and below n.
func (s *Set) Count(n NodeID) int {
	if dir := s.t.nodes[n].dir; dir != none {
		return int(s.sums[dir])
	}
	if s.Has(n) {
		return 1
	}
	return 0
}

// First returns the member with the lowest number, Root if the set is empty.
func (s *Set) First() NodeID {
	for n := range s.t.nodes {
		if s.in.has(n) {
			return NodeID(n)
		}
	}
	return Root
}
