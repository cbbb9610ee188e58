package analyze

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// Waste is a shadowed version whose bytes nobody can see: a row of WasteRows.
type Waste struct {
	Node  NodeID // -1 if it has none (bookkeeping of AUFS that no file uses)
	Bytes int64  // more than 0
	Cause Cause
	Layer int // carries the bytes
	By    int // hid them

	t    *Tree  // nil if the row is not of a tree
	id   int32  // in WasteRows.ids
	path string // of a row that is not of a tree
}

// Path returns the path, which is made anew at each call: see WasteRows.
func (w *Waste) Path() string {
	switch {
	case w.t == nil:
		return w.path
	case w.Node == none:
		return w.t.orphanPath(^w.id)
	}
	return w.t.Path(w.Node)
}

// At returns w as a row that is not of a tree, but, say, of a report that was read:
// its path is what it is given here.
func (w Waste) At(path string) Waste {
	w.t, w.path = nil, path
	return w
}

// WasteRows are rows of waste: largest first, then by path and layer. An image may
// have millions of them, of long paths; so a row is made when it is asked for, and
// its path only if that is. They are immutable.
type WasteRows struct {
	t     *Tree
	ids   []int32 // versions, and the complements of the inodes that have no node
	given []Waste // instead, what is not of a tree
}

// RowsOf returns rows that stand as they are given.
func RowsOf(rows []Waste) WasteRows { return WasteRows{given: rows} }

// Len returns the number of rows.
func (r WasteRows) Len() int {
	if r.t == nil {
		return len(r.given)
	}
	return len(r.ids)
}

// At returns row i, 0-based.
func (r WasteRows) At(i int) Waste {
	if r.t == nil {
		return r.given[i]
	}
	return r.t.wasteRow(r.ids[i])
}

// All goes through the rows. What w points at is good until the next row.
func (r WasteRows) All() iter.Seq2[int, *Waste] {
	return func(yield func(int, *Waste) bool) {
		for i := range r.Len() {
			if w := r.At(i); !yield(i, &w) {
				return
			}
		}
	}
}

// Only returns the rows for which keep is true. An error of keep ends it.
func (r WasteRows) Only(keep func(w *Waste) (bool, error)) (WasteRows, error) {
	out := WasteRows{t: r.t}
	for i, w := range r.All() {
		switch kept, err := keep(w); {
		case err != nil:
			return WasteRows{}, err
		case !kept:
		case r.t == nil:
			out.given = append(out.given, *w)
		default:
			out.ids = append(out.ids, r.ids[i])
		}
	}
	return out, nil
}

// Pick returns the rows with these indices, in their order.
func (r WasteRows) Pick(indices []int32) WasteRows {
	out := WasteRows{t: r.t}
	for _, i := range indices {
		if r.t == nil {
			out.given = append(out.given, r.given[i])
		} else {
			out.ids = append(out.ids, r.ids[i])
		}
	}
	return out
}

// wasteRow returns the row of that number.
func (t *Tree) wasteRow(id int32) Waste {
	if id < 0 {
		i := &t.inodes[^id]
		return Waste{Node: none, Bytes: t.stored(i.layer, i.entry), Cause: i.cause, Layer: int(i.layer), By: int(i.by), t: t, id: id}
	}
	v := &t.versions[id]
	w := Waste{Node: v.node, Bytes: t.carried(id), Cause: v.cause, Layer: int(v.layer), By: int(v.by), t: t, id: id}
	if v.inode >= 0 {
		w.Cause, w.By = t.inodes[v.inode].cause, int(t.inodes[v.inode].by)
	}
	return w
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
	for _, id := range t.orphans {
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

// waste lists what is wasted.
func (t *Tree) waste() WasteRows {
	out := WasteRows{t: t}
	for i := range t.versions {
		v := &t.versions[i]
		if v.inode != none && v.kind == source.File && t.deadFrom(v) != notHidden && t.carried(int32(i)) > 0 {
			out.ids = append(out.ids, int32(i))
		}
	}
	for _, id := range t.orphans {
		if i := &t.inodes[id]; i.by != notHidden && t.stored(i.layer, i.entry) > 0 {
			out.ids = append(out.ids, ^id)
		}
	}
	out.ids = t.byPath(out.ids)
	sortByBytes(out.ids, func(i int) int64 { return t.wasteBytes(out.ids[i]) })
	return out
}

// wasteBytes returns the bytes of a row.
func (t *Tree) wasteBytes(id int32) int64 {
	if id < 0 {
		i := &t.inodes[^id]
		return t.stored(i.layer, i.entry)
	}
	return t.carried(id)
}

// sortByBytes sorts rows, largest first, and keeps the order of those with the same bytes.
func sortByBytes[T any](rows []T, bytes func(i int) int64) {
	type sized struct {
		bytes int64
		index int32
	}
	order := make([]sized, len(rows))
	for i := range rows {
		order[i] = sized{bytes(i), int32(i)}
	}
	slices.SortFunc(order, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.index, b.index))
	})
	old := slices.Clone(rows)
	for i, x := range order {
		rows[i] = old[x.index]
	}
}

// sortWaste sorts rows, all of one tree or none, as WasteRows are.
func sortWaste(rows []Waste) []Waste {
	if len(rows) == 0 {
		return nil
	}
	if t := rows[0].t; t != nil {
		ids := make([]int32, len(rows))
		byID := make(map[int32]int32, len(rows))
		for i := range rows {
			ids[i] = rows[i].id
			byID[rows[i].id] = int32(i)
		}
		sorted := make([]Waste, len(rows))
		for i, id := range t.byPath(ids) {
			sorted[i] = rows[byID[id]]
		}
		rows = sorted
	} else {
		slices.SortStableFunc(rows, func(a, b Waste) int {
			return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.Layer, b.Layer))
		})
	}
	sortByBytes(rows, func(i int) int64 { return rows[i].Bytes })
	return rows
}
