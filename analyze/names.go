package analyze

import (
	"hash/maphash"
	"unsafe"
)

// names are interned strings: each is kept once, in one run of bytes.
type names struct {
	text []byte
	from []uint32 // where name i begins; it ends where the next begins

	// A hash table of names, open addressing; dropped when the tree is built.
	slots []uint32 // 1 + index of a name; 0: free
	seed  maphash.Seed
}

func (s *names) at(i uint32) []byte {
	to := uint32(len(s.text))
	if int(i)+1 < len(s.from) {
		to = s.from[i+1]
	}
	return s.text[s.from[i]:to]
}

// view is at without a copy, as a string: the text never changes once written.
func (s *names) view(i uint32) string {
	b := s.at(i)
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // b is never written to again
}

// intern returns the index of name, which is added if it is new.
func (s *names) intern(name []byte) uint32 {
	if 2*len(s.from) >= len(s.slots) {
		s.grow()
	}
	mask := uint64(len(s.slots) - 1)
	for h := maphash.Bytes(s.seed, name) & mask; ; h = (h + 1) & mask {
		switch i := s.slots[h]; {
		case i == 0:
			s.from = append(s.from, uint32(len(s.text)))
			s.text = append(s.text, name...)
			s.slots[h] = uint32(len(s.from))
			return uint32(len(s.from) - 1)
		case string(s.at(i-1)) == string(name):
			return i - 1
		}
	}
}

func (s *names) grow() {
	if s.slots == nil {
		s.seed = maphash.MakeSeed()
	}
	s.slots = make([]uint32, max(1024, 2*len(s.slots)))
	mask := uint64(len(s.slots) - 1)
	for i := range s.from {
		h := maphash.Bytes(s.seed, s.at(uint32(i))) & mask
		for s.slots[h] != 0 {
			h = (h + 1) & mask
		}
		s.slots[h] = uint32(i + 1)
	}
}

// nodeTable finds a node by its parent and name while the tree is built.
type nodeTable struct {
	slots []int32 // 1 + node; 0: free
	used  int
}

func hashNode(parent NodeID, name uint32) uint64 {
	// Multiplication by an odd constant with many bits (2^64 / golden ratio),
	// the high half folded down.
	h := (uint64(uint32(parent))<<32 | uint64(name)) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// find returns the node, or none.
func (t *nodeTable) find(nodes []node, parent NodeID, name uint32) NodeID {
	if len(t.slots) == 0 {
		return none
	}
	mask := uint64(len(t.slots) - 1)
	for h := hashNode(parent, name) & mask; t.slots[h] != 0; h = (h + 1) & mask {
		n := t.slots[h] - 1
		if nodes[n].parent == parent && nodes[n].name == name {
			return NodeID(n)
		}
	}
	return none
}

// add puts in a node that is not there yet.
func (t *nodeTable) add(nodes []node, n NodeID) {
	if 2*t.used >= len(t.slots) {
		old := t.slots
		t.slots = make([]int32, max(1024, 2*len(old)))
		for _, s := range old {
			if s != 0 {
				t.put(nodes, NodeID(s-1))
			}
		}
	}
	t.put(nodes, n)
	t.used++
}

func (t *nodeTable) put(nodes []node, n NodeID) {
	mask := uint64(len(t.slots) - 1)
	h := hashNode(nodes[n].parent, nodes[n].name) & mask
	for t.slots[h] != 0 {
		h = (h + 1) & mask
	}
	t.slots[h] = int32(n) + 1
}
