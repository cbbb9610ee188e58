package analyze

import (
	"context"
	"fmt"
	"slices"

	"github.com/peelhq/peel/source"
)

// # Merging layers
//
// Layers i..j are merged into one layer with the same effect: the union after it is the union
// after layer j. It contains
//
//	everything that layers i..j added and that is visible after j
//	a whiteout for everything visible after i-1 but not after j, unless a parent directory
//	  is removed or replaced too
//	an opaque marker in a directory in which nothing that was visible after i-1 remains,
//	  if that saves whiteouts
//	the parent directories of all these, unchanged: an engine that unpacks a layer alone
//	  creates missing ones with other attributes
//
// The order of entries is free, so it is chosen to read each merged layer once: first links to
// files that the layer itself hides, then directories with markers and everything without
// content, then files by layer in stored order, and finally hard links to those.

// A Merge is a layer made from others. It is not safe for concurrent use.
type Merge struct {
	t        *Tree
	from, to int

	stays   bitmap // nodes that show the same after to as after from-1
	keeps   bitmap // nodes below which one stays
	touched bitmap // nodes at or below which the layer changes something
	wrote   bitmap // directories already written

	first []NodeID // links to what the layer hides
	plain []NodeID // everything else except files and links, and whiteouts, in the order of paths
	files []mergedFile
	links []NodeID

	link map[NodeID]NodeID // targets of hard links
	lead map[int32]NodeID  // for each inode, the name that stores it, or a lower name

	// Sums are the checksums of the contents that WriteTar has written, by origin.
	Sums map[ContentPlace]ContentSum
}

// A ContentPlace is where content is stored.
type ContentPlace struct{ Layer, Entry int }

// mergedFile is a file with content, and the node under whose name it is written.
type mergedFile struct {
	layer uint16
	entry int32
	node  NodeID
}

// NewMerge computes the layer that replaces layers from to to, both included. It takes one pass
// over the tree. The error is ctx's, or says which layer can't be read.
func NewMerge(ctx context.Context, a *Analysis, from, to int) (*Merge, error) {
	t := a.Tree
	if err := NewPlan(a).Squash(from, to); err != nil {
		return nil, err
	}
	m := &Merge{
		t: t, from: from, to: to,
		stays: newBitmap(len(t.nodes)), keeps: newBitmap(len(t.nodes)), touched: newBitmap(len(t.nodes)), wrote: newBitmap(len(t.nodes)),
		link: map[NodeID]NodeID{}, lead: map[int32]NodeID{}, Sums: map[ContentPlace]ContentSum{},
	}
	if err := m.survey(ctx); err != nil {
		return nil, err
	}
	if err := m.walk(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(m.files, func(x, y mergedFile) int {
		if x.layer != y.layer {
			return int(x.layer) - int(y.layer)
		}
		return int(x.entry) - int(y.entry)
	})
	return m, nil
}

// lower returns the visible version of a node before the merged layers, or none.
func (m *Merge) lower(n NodeID) int32 { return m.t.at(n, m.from-1) }

// upper returns the visible version after them.
func (m *Merge) upper(n NodeID) int32 { return m.t.at(n, m.to) }

// brought reports whether version i, visible after the merged layers, comes from them.
func (m *Merge) brought(i int32) bool { return i != none && int(m.t.versions[i].layer) >= m.from }

// survey finds out what stays and what changes.
func (m *Merge) survey(ctx context.Context) error {
	t := m.t
	for n := NodeID(len(t.nodes) - 1); n >= 0; n-- { // children come before their parents
		if n%untilRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		l, u := m.lower(n), m.upper(n)
		switch {
		case u != none && l == u:
			m.stays.set(int(n))
		case u != none && l != none && t.versions[u].inode >= 0 && t.versions[u].inode == t.versions[l].inode:
			m.stays.set(int(n)) // same inode, same name
		case u != none || l != none:
			m.touched.set(int(n))
		}
		if n == Root {
			continue
		}
		up := int(t.nodes[n].parent)
		if m.stays.has(int(n)) || m.keeps.has(int(n)) {
			m.keeps.set(up)
		}
		if m.touched.has(int(n)) {
			m.touched.set(up)
		}
	}
	return nil
}

// directory reports whether version i is a directory.
func (m *Merge) directory(i int32) bool { return i != none && m.t.versions[i].kind == source.Dir }

// shownDir reports whether n is a directory after layer k; the root always is.
func (m *Merge) shownDir(n NodeID, i int32) bool { return n == Root || m.directory(i) }

// walk visits the changes, parents first, in the order of names.
func (m *Merge) walk(ctx context.Context) error {
	type step struct {
		n      NodeID
		hidden bool // an opaque marker above hides the lower layers' content
	}
	for stack := []step{{Root, false}}; len(stack) > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		u := m.upper(s.n)
		if !m.stays.has(int(s.n)) {
			m.place(s.n, u, s.hidden)
		} else if m.directory(u) && s.n != Root {
			m.plain = append(m.plain, s.n)
		}
		if !m.shownDir(s.n, u) {
			continue
		}
		hidden := s.hidden
		if !hidden && m.opaque(s.n) {
			m.plain = append(m.plain, opaqueMark|s.n)
			hidden = true
		}
		for _, kid := range slices.Backward(m.t.Children(s.n)) {
			if m.touched.has(int(kid)) {
				stack = append(stack, step{kid, hidden})
			}
		}
	}
	return nil
}

// opaqueMark marks a node in Merge.plain as an opaque marker.
const opaqueMark NodeID = -1 << 31

// opaque reports whether a directory gets an opaque marker: nothing of the lower layers remains
// below it, and the marker saves at least two whiteouts. The root gets none, because overlayfs
// ignores it.
func (m *Merge) opaque(n NodeID) bool {
	if n == Root || m.keeps.has(int(n)) || !m.directory(m.lower(n)) {
		return false
	}
	gone := 0
	for _, kid := range m.t.Children(n) {
		if m.lower(kid) != none && m.upper(kid) == none {
			if gone++; gone == 2 {
				return true
			}
		}
	}
	return false
}

// place adds the layer's entry for one node.
func (m *Merge) place(n NodeID, u int32, hidden bool) {
	switch {
	case u == none && n == Root:
	case u == none:
		if !hidden && m.lower(n) != none {
			m.plain = append(m.plain, n)
		}
	case m.directory(u):
		if n != Root || m.brought(u) && m.t.versions[u].entry != none {
			m.plain = append(m.plain, n)
		}
	default:
		m.leaf(n, u)
	}
}

// leaf places a node that is not a directory.
func (m *Merge) leaf(n NodeID, u int32) {
	v := &m.t.versions[u]
	switch {
	case v.inode == none:
		m.links = append(m.links, n) // to a missing file
		return
	case v.inode >= 0:
		lead, known := m.lead[v.inode]
		if !known {
			lead = m.lowerName(n, v.inode)
			if lead != none && !m.stays.has(int(lead)) {
				m.link[n] = lead
				m.first = append(m.first, n)
				m.lead[v.inode] = n // it now exists
				return
			}
		}
		if lead != none {
			m.link[n] = lead
			m.lead[v.inode] = lead
			m.links = append(m.links, n)
			return
		}
		m.lead[v.inode] = n
	}
	if v.kind != source.File {
		m.plain = append(m.plain, n)
		return
	}
	layer, entry := m.t.carrier(u)
	m.files = append(m.files, mergedFile{layer, entry, n})
}

// lowerName returns a linkable name of an inode that is visible before the merged layers, or
// none. It prefers a name that stays.
func (m *Merge) lowerName(n NodeID, inode int32) NodeID {
	hidden := NodeID(none)
	for _, i := range m.t.shared[inode] {
		v := &m.t.versions[i]
		switch {
		case int(v.layer) >= m.from, m.lower(v.node) != i:
		case m.stays.has(int(v.node)):
			return v.node
		case hidden == none && !m.above(v.node, n):
			hidden = v.node
		}
	}
	return hidden
}

// above reports whether a is n or one of its ancestors.
func (m *Merge) above(a, n NodeID) bool {
	for ; n > a; n = m.t.nodes[n].parent {
	}
	return n == a
}

// String names the merged layers.
func (m *Merge) String() string { return fmt.Sprintf("layers %d..%d", m.from, m.to) }
