package analyze

import (
	"cmp"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// Waste is a shadowed version whose bytes nobody can see.
type Waste struct {
	Node  NodeID // -1 if it has none (bookkeeping of AUFS that no file uses)
	Path  string
	Bytes int64 // more than 0
	Cause Cause
	Layer int // carries the bytes
	By    int // hid them
}

// settleInodes finds out which inodes are still reached, and what took the last
// name of the others: the highest of the layers that hid one. Where that layer
// hid several, the cause is that of the name that carries the bytes.
func (t *Tree) settleInodes() {
	t.shared = map[int32][]int32{}
	names := make([]int32, len(t.inodes))
	for i := range t.versions {
		if id := t.versions[i].inode; id != none {
			names[id]++
		}
	}
	for id := range t.inodes {
		t.inodes[id].by, t.inodes[id].cause = 0, NotShadowed
	}
	for i := range t.versions {
		v := &t.versions[i]
		if v.inode == none {
			continue
		}
		if names[v.inode] > 1 {
			t.shared[v.inode] = append(t.shared[v.inode], int32(i))
		}
		// notHidden is higher than any layer: once a name shows, that stays.
		id := &t.inodes[v.inode]
		if v.by > id.by || v.by == id.by && (id.cause == NotShadowed || id.carrier == int32(i)) {
			id.by, id.cause = v.by, v.cause
		}
	}
	for id := range t.orphans {
		// What no name reaches never showed: its own layer hid it.
		if names[id] == 0 {
			t.inodes[id].by, t.inodes[id].cause = t.inodes[id].layer, Deleted
		}
	}
}

// stored returns the bytes that an inode takes in its layer's tar.
func (t *Tree) stored(id int32) int64 {
	i := &t.inodes[id]
	e := t.layers[i.layer].Entries
	if e.Type(int(i.entry)) != source.File {
		return 0
	}
	return e.Stored(int(i.entry))
}

// waste lists what is wasted: largest first, then by path and layer.
func (t *Tree) waste() []Waste {
	var out []Waste
	paths := map[NodeID]string{} // a path that is wasted in ten layers is one string
	for id := range t.inodes {
		i := &t.inodes[id]
		bytes := t.stored(int32(id))
		if i.by == notHidden || bytes == 0 {
			continue
		}
		w := Waste{Node: none, Bytes: bytes, Cause: i.cause, Layer: int(i.layer), By: int(i.by)}
		if i.carrier != none {
			w.Node = t.versions[i.carrier].node
			if w.Path = paths[w.Node]; w.Path == "" {
				w.Path = t.Path(w.Node)
				paths[w.Node] = w.Path
			}
		} else {
			w.Path = t.orphans[int32(id)]
		}
		out = append(out, w)
	}
	sortWaste(out)
	return out
}

func sortWaste(rows []Waste) {
	slices.SortStableFunc(rows, func(a, b Waste) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
	})
}
