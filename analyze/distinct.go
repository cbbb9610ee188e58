package analyze

import (
	"hash/maphash"
	"sync"
)

// distinctNames are a tree's names without duplicates, and the name of each
// node. Searches use them: many nodes share a name, and names in one byte slice
// can be searched as one text.
type distinctNames struct {
	names
	of []uint32 // by node: an index in names
}

// A nameIndex is built on first use, because a tree without searches needs none. Trees with the
// same nodes share one.
type nameIndex struct {
	once  sync.Once
	index distinctNames
}

// distinct returns the tree's names. The first call takes one pass over the nodes.
func (t *Tree) distinct() *distinctNames {
	t.search.once.Do(func() { t.search.index = newDistinctNames(t) })
	return &t.search.index
}

// PrepareSearch does the work that would slow down the first search. It is optional, and may be
// called at any time from any goroutine.
func (t *Tree) PrepareSearch() { t.distinct() }

func newDistinctNames(t *Tree) distinctNames {
	d := distinctNames{of: make([]uint32, len(t.nodes))}
	seed := maphash.MakeSeed()
	slots := make([]uint32, 1024) // 1 + index of a name; 0: free
	for n := range t.nodes {
		if 2*len(d.from) >= len(slots) {
			slots = make([]uint32, 4*len(slots))
			for i := range d.from {
				h := maphash.Bytes(seed, d.at(uint32(i))) & uint64(len(slots)-1)
				for slots[h] != 0 {
					h = (h + 1) & uint64(len(slots)-1)
				}
				slots[h] = uint32(i + 1)
			}
		}
		name := t.name(NodeID(n))
		h := maphash.Bytes(seed, name) & uint64(len(slots)-1)
		for slots[h] != 0 && string(d.at(slots[h]-1)) != string(name) {
			h = (h + 1) & uint64(len(slots)-1)
		}
		if slots[h] == 0 {
			slots[h] = d.add(name) + 1
		}
		d.of[n] = slots[h] - 1
	}
	return d
}
