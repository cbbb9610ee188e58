package analyze

import (
	"hash/maphash"
	"unsafe"

	"github.com/peelhq/peel/source"
)

// names are strings in one byte slice.
type names struct {
	text []byte
	from []uint32 // start of name i; it ends at the start of the next
}

func (s *names) at(i uint32) []byte {
	to := uint32(len(s.text))
	if int(i)+1 < len(s.from) {
		to = s.from[i+1]
	}
	return s.text[s.from[i]:to]
}

// view returns name i as a string without copying, like nameView.
func (s *names) view(i uint32) string {
	b := s.at(i)
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // b is never written to again
}

// add adds name and returns its index.
func (s *names) add(name []byte) uint32 {
	s.from = append(s.from, uint32(len(s.text)))
	s.text = append(s.text, name...)
	return uint32(len(s.from) - 1)
}

// name returns the last component of n's path, "" for Root. The bytes must not be modified.
func (t *Tree) name(n NodeID) []byte {
	x := &t.nodes[n]
	if x.layer == noLayer {
		return t.extra.at(x.name)
	}
	return t.layers[x.layer].Entries.Base(int(x.name))
}

// nameView is name as a string without a copy: names never change.
func (t *Tree) nameView(n NodeID) string {
	b := t.name(n)
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // b is never written to again
}

// nodeTable finds a node by parent and name while the tree is built. It is a
// hash table with open addressing. A slot is 0 if free; otherwise its low bits
// hold 1 + the node, and the bits above hold part of the hash, to avoid most
// comparisons with other nodes.
type nodeTable struct {
	slots []uint32
	used  int
	seed  maphash.Seed
}

const slotBits = 26 // bits of the node in a slot

// room grows the table for this many nodes. It never shrinks.
func (t *nodeTable) room(tree *Tree, nodes int) {
	size := 1024
	for size*3 < nodes*4 {
		size *= 2
	}
	if size <= len(t.slots) {
		return
	}
	if t.slots == nil {
		t.seed = maphash.MakeSeed()
	}
	old := t.slots
	t.slots = make([]uint32, size)
	for _, slot := range old {
		if slot != 0 {
			n := NodeID(slot&(1<<slotBits-1)) - 1
			t.put(n, t.hash(tree.nodes[n].parent, tree.name(n)))
		}
	}
}

func (t *nodeTable) hash(parent NodeID, name []byte) uint64 {
	// Multiplication by an odd constant (2^64 / golden ratio), with the high half folded down.
	h := (maphash.Bytes(t.seed, name) ^ uint64(uint32(parent))) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// find returns the node, or none, and the hash of the key.
func (t *nodeTable) find(tree *Tree, parent NodeID, name []byte) (n NodeID, hash uint64) {
	hash = t.hash(parent, name)
	return t.findBy(tree, hash, parent, name), hash
}

// findBy is find with a known hash.
func (t *nodeTable) findBy(tree *Tree, hash uint64, parent NodeID, name []byte) NodeID {
	mask := uint64(len(t.slots) - 1)
	for at := hash & mask; t.slots[at] != 0; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot>>slotBits != tag(hash) {
			continue
		}
		n := NodeID(slot&(1<<slotBits-1)) - 1
		if tree.nodes[n].parent == parent && string(tree.name(n)) == string(name) {
			return n
		}
	}
	return none
}

// A lookAhead holds the hashes of the names of neighbours in one directory. Finding nodes mostly
// waits for memory; reading many slots in a row lets the accesses overlap.
type lookAhead struct {
	entries  *source.Entries
	from, to int // range of entries
	parent   NodeID
	hashes   [32]uint64
	touched  uint32 // keeps the compiler from removing the reads
}

// hash returns the hash of the name of entry i, in directory dir of its layer, below parent.
func (l *lookAhead) hash(tree *Tree, t *nodeTable, e *source.Entries, i, dir int, parent NodeID) uint64 {
	if l.entries != e || i < l.from || i >= l.to || l.parent != parent {
		l.entries, l.from, l.to, l.parent = e, i, i, parent
		l.look(tree, t, dir)
	}
	return l.hashes[i-l.from]
}

// look computes the hashes of entries from l.from on, as long as they are in the directory, and
// touches the slots that findBy will read.
func (l *lookAhead) look(tree *Tree, t *nodeTable, dir int) {
	var slots [len(l.hashes)]uint32
	mask := uint64(len(t.slots) - 1)
	for l.to < min(l.from+len(l.hashes), l.entries.Len()) && l.entries.Dir(l.to) == dir {
		hash := t.hash(l.parent, l.entries.Base(l.to))
		l.hashes[l.to-l.from] = hash
		slots[l.to-l.from] = t.slots[hash&mask]
		l.to++
	}
	for k := range l.to - l.from {
		if slot := slots[k]; slot != 0 && slot>>slotBits == tag(l.hashes[k]) {
			l.touched += tree.nodes[slot&(1<<slotBits-1)-1].name
		}
	}
}

func tag(hash uint64) uint32 { return uint32(hash >> (64 - 32 + slotBits)) }

// add inserts a new node by the hash of its parent and name.
func (t *nodeTable) add(tree *Tree, n NodeID, hash uint64) {
	if 4*t.used >= 3*len(t.slots) {
		t.room(tree, t.used+t.used/2)
	}
	t.put(n, hash)
	t.used++
}

func (t *nodeTable) put(n NodeID, hash uint64) {
	mask := uint64(len(t.slots) - 1)
	at := hash & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = tag(hash)<<slotBits | uint32(n+1)
}
