package analyze

import (
	"cmp"
	"maps"
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

// settleInodes finds out which shared inodes are still reached, and what took the last
// name of the others: the highest of the layers that hid one. Where that layer
// hid several, the cause is that of the name that carries the bytes.
func (t *Tree) settleInodes() {
	t.shared = map[int32][]int32{}
	names := make([]int32, len(t.inodes))
	for i := range t.versions {
		if id := t.versions[i].inode; id >= 0 {
			names[id]++
		}
	}
	for id := range t.inodes {
		t.inodes[id].by, t.inodes[id].cause = 0, NotShadowed
	}
	for i := range t.versions {
		v := &t.versions[i]
		if v.inode < 0 {
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

// stored returns the bytes that an entry of a layer takes in its tar.
func (t *Tree) stored(layer uint16, entry int32) int64 {
	e := t.layers[layer].Entries
	if e.Type(int(entry)) != source.File {
		return 0
	}
	return e.Stored(int(entry))
}

// waste lists what is wasted: largest first, then by path and layer.
func (t *Tree) waste() []Waste {
	var out []Waste
	for i := range t.versions {
		v := &t.versions[i]
		w := Waste{Node: v.node, Layer: int(v.layer), By: int(v.by), Cause: v.cause}
		if v.inode >= 0 {
			w.By, w.Cause = int(t.inodes[v.inode].by), t.inodes[v.inode].cause
		}
		if w.By == int(notHidden) {
			continue
		}
		if w.Bytes = t.carried(int32(i)); w.Bytes == 0 {
			continue
		}
		if last := len(out) - 1; last >= 0 && out[last].Node == w.Node {
			w.Path = out[last].Path // a path that is wasted in ten layers is one string
		} else {
			w.Path = t.Path(w.Node)
		}
		out = append(out, w)
	}
	for _, id := range slices.Sorted(maps.Keys(t.orphans)) {
		i := &t.inodes[id]
		if bytes := t.stored(i.layer, i.entry); i.by != notHidden && bytes > 0 {
			out = append(out, Waste{Node: none, Path: t.orphans[id], Bytes: bytes, Cause: i.cause, Layer: int(i.layer), By: int(i.by)})
		}
	}
	return byBytes(out)
}

// byBytes sorts rows of waste: largest first, then by path and layer, then as they
// stand. It is their places that are sorted, for rows are large.
func byBytes(rows []Waste) []Waste {
	if len(rows) == 0 {
		return nil
	}
	places := make([]int32, len(rows))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(i, j int32) int {
		a, b := &rows[i], &rows[j]
		if a.Bytes != b.Bytes {
			return cmp.Compare(b.Bytes, a.Bytes)
		}
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer), cmp.Compare(i, j))
	})
	sorted := make([]Waste, len(rows))
	for to, i := range places {
		sorted[to] = rows[i]
	}
	return sorted
}
