package analyze

import (
	"context"
	"fmt"
	"slices"

	"github.com/peelhq/peel/source"
)

// # Merging layers
//
// Layers i..j are merged into one that does to the layers below what they did together:
// the union after it is the union after layer j. It holds
//
//	what layers i..j brought and what still shows after j
//	a whiteout of what shows after i-1 and no longer after j, unless a directory above it
//	  goes as well, or becomes something else
//	an opaque marker in a directory of which nothing shows any more that shows after i-1,
//	  if that saves whiteouts
//	the directories above all these, as they are: an engine that unpacks a layer alone
//	  makes missing ones with attributes of its own
//
// Nothing of the order of the merged layers is left, and so the order is chosen for
// reading each of them once: links to files that the layer itself hides, directories with
// markers and whatever has no content, files by layer as they are stored there, and then
// hard links to those.

// A Merge is a layer made of others. It is not safe for concurrent use.
type Merge struct {
	t        *Tree
	from, to int

	stays   bitmap // nodes that show after to what they showed after from-1
	keeps   bitmap // nodes below which one stays
	touched bitmap // nodes of which, or below which, the layer says something
	wrote   bitmap // directories that have been written

	first []NodeID // links to what the layer hides
	plain []NodeID // the rest but for files and links, and whiteouts, in order of paths
	files []mergedFile
	links []NodeID

	link map[NodeID]NodeID // what hard links link to
	lead map[int32]NodeID  // of an inode the name that carries it, or the lower one

	// Sums are of the contents that WriteTar has written, by where they came from.
	Sums map[ContentPlace]ContentSum
}

// A ContentPlace is where a content is stored.
type ContentPlace struct{ Layer, Entry int }

// mergedFile is a file with content, and the node under whose name it is written.
type mergedFile struct {
	layer uint16
	entry int32
	node  NodeID
}

// NewMerge works out what layers from to to, both included, come to as one layer. It
// takes a pass over the tree; the error is ctx's, or says which layer cannot be read.
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

// lower is the version of a node that shows before the merged layers, none if none does.
func (m *Merge) lower(n NodeID) int32 { return m.t.at(n, m.from-1) }

// upper is the one that shows after them.
func (m *Merge) upper(n NodeID) int32 { return m.t.at(n, m.to) }

// brought reports whether version i, which shows after the merged layers, comes from
// them.
func (m *Merge) brought(i int32) bool { return i != none && int(m.t.versions[i].layer) >= m.from }

// survey finds out what stays, and where something changes.
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
			m.stays.set(int(n)) // the same inode under the same name
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

// directory reports whether version i is one.
func (m *Merge) directory(i int32) bool { return i != none && m.t.versions[i].kind == source.Dir }

// shownDir reports whether n is a directory after layer k; the root always is.
func (m *Merge) shownDir(n NodeID, i int32) bool { return n == Root || m.directory(i) }

// walk goes through what changes, parents first, in the order of names.
func (m *Merge) walk(ctx context.Context) error {
	type step struct {
		n      NodeID
		hidden bool // an opaque marker above it hides what the lower layers have
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

// opaqueMark says of a node in Merge.plain that its opaque marker is meant.
const opaqueMark NodeID = -1 << 31

// opaque reports whether a directory gets an opaque marker: nothing of the lower layers
// stays below it, and two or more whiteouts are saved. The root gets none: overlayfs
// passes over it.
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

// place decides what the layer says of one node.
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

// leaf places what is no directory.
func (m *Merge) leaf(n NodeID, u int32) {
	v := &m.t.versions[u]
	switch {
	case v.inode == none:
		m.links = append(m.links, n) // to nothing
		return
	case v.inode >= 0:
		lead, known := m.lead[v.inode]
		if !known {
			lead = m.lowerName(n, v.inode)
			if lead != none && !m.stays.has(int(lead)) {
				m.link[n] = lead
				m.first = append(m.first, n)
				m.lead[v.inode] = n // it is there now
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

// lowerName returns a name of an inode that shows before the merged layers, none if
// there is none that n can be linked to. One that stays comes first.
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

// above reports whether a is n or lies above it.
func (m *Merge) above(a, n NodeID) bool {
	for ; n > a; n = m.t.nodes[n].parent {
	}
	return n == a
}

// String says what is merged.
func (m *Merge) String() string { return fmt.Sprintf("layers %d..%d", m.from, m.to) }
