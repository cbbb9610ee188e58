package analyze

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// Waste is a shadowed version with bytes that are no longer visible: a row of WasteRows.
type Waste struct {
	Node  NodeID // -1 if it has none (unused bookkeeping of AUFS)
	Bytes int64  // more than 0
	Cause Cause
	Layer int // that stores the bytes
	By    int // the layer that hid them

	t    *Tree  // nil if the row does not come from a tree
	id   int32  // in WasteRows.ids
	path string // of a row that does not come from a tree
}

// Path returns the path. Each call builds it anew: see WasteRows.
func (w *Waste) Path() string {
	switch {
	case w.t == nil:
		return w.path
	case w.Node == none:
		return w.t.orphanPath(^w.id)
	}
	return w.t.Path(w.Node)
}

// At returns w as a row with the given path that does not come from a tree, but from a report,
// for example.
func (w Waste) At(path string) Waste {
	w.t, w.path = nil, path
	return w
}

// WasteRows are rows of waste, sorted by size (largest first), then by path and layer. An image
// may have millions of them with long paths, so a row, and its path, is created only on request.
// They are immutable.
type WasteRows struct {
	t     *Tree
	ids   []int32 // versions, and complements of inodes without a node
	given []Waste // instead of ids, rows that do not come from a tree
}

// RowsOf returns rows in the given order.
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

// By returns the layer that hid row i, like At(i).By but cheaper.
func (r WasteRows) By(i int) int {
	if r.t == nil {
		return r.given[i].By
	}
	return r.t.hider(r.ids[i])
}

// Node returns the node of row i, like At(i).Node but cheaper.
func (r WasteRows) Node(i int) NodeID {
	if r.t == nil {
		return r.given[i].Node
	}
	if id := r.ids[i]; id >= 0 {
		return r.t.versions[id].node
	}
	return none
}

// All iterates over the rows. w is valid until the next row.
func (r WasteRows) All() iter.Seq2[int, *Waste] {
	return func(yield func(int, *Waste) bool) {
		for i := range r.Len() {
			if w := r.At(i); !yield(i, &w) {
				return
			}
		}
	}
}

// untilRows is the number of rows between two context checks in Until.
const untilRows = 4096

// Until is like All, but stops early after ctx ends: check ctx.Err() then.
func (r WasteRows) Until(ctx context.Context) iter.Seq2[int, *Waste] {
	return func(yield func(int, *Waste) bool) {
		for i, w := range r.All() {
			if i%untilRows == 0 && ctx.Err() != nil || !yield(i, w) {
				return
			}
		}
	}
}

// Only returns the rows for which keep is true. It stops at the first error of keep.
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

// Pick returns the rows with these indexes, in their order.
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

// wasteRow returns the row with that number.
func (t *Tree) wasteRow(id int32) Waste { return t.wasteOf(id, t.wasteBytes(id)) }

// wasteOf is wasteRow with known bytes.
func (t *Tree) wasteOf(id int32, bytes int64) Waste {
	w := Waste{Node: none, Bytes: bytes, By: t.hider(id), t: t, id: id}
	if id < 0 {
		i := &t.inodes[^id]
		w.Cause, w.Layer = i.cause, int(i.layer)
		return w
	}
	v := &t.versions[id]
	w.Node, w.Cause, w.Layer = v.node, v.cause, int(v.layer)
	if v.inode >= 0 {
		w.Cause = t.inodes[v.inode].cause
	}
	return w
}

// hider returns the layer that hid the row with that number.
func (t *Tree) hider(id int32) int {
	if id < 0 {
		return int(t.inodes[^id].by)
	}
	return int(t.deadFrom(&t.versions[id]))
}

// shareInodes records the versions of inodes with several names.
func (t *Tree) shareInodes() {
	if t.shared != nil {
		return
	}
	t.shared = map[int32][]int32{}
	names := make([]int32, len(t.inodes))
	for i := range t.versions {
		if id := t.versions[i].inode; id >= 0 {
			names[id]++
		}
	}
	for i := range t.versions {
		if id := t.versions[i].inode; id >= 0 && names[id] > 1 {
			t.shared[id] = append(t.shared[id], int32(i))
		}
	}
}

// settleInodes finds out which shared inodes are still reachable, and what removed the last name
// of the others: the highest layer that hid one. If that layer hid several, the cause is that of
// the name that stores the bytes.
func (t *Tree) settleInodes() {
	t.shareInodes()
	named := make([]bool, len(t.inodes))
	for id := range t.inodes {
		t.inodes[id].by, t.inodes[id].cause = 0, NotShadowed
	}
	for i := range t.versions {
		v := &t.versions[i]
		if v.inode < 0 {
			continue
		}
		named[v.inode] = true
		// notHidden is higher than any layer, so a visible name stays decisive.
		id := &t.inodes[v.inode]
		if v.by > id.by || v.by == id.by && (id.cause == NotShadowed || id.carrier == int32(i)) {
			id.by, id.cause = v.by, v.cause
		}
	}
	for _, id := range t.orphans {
		// An inode without names was never visible: its own layer hid it.
		if !named[id] {
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

// A sizedRow is a row of waste, by number, with its bytes.
type sizedRow struct {
	bytes int64
	id    int32
	place int32 // in the order of paths
}

// wasted lists the rows of waste by number.
func (t *Tree) wasted() (rows []sizedRow) {
	for _, id := range slices.Backward(t.orphans) {
		if t.inodes[id].by == notHidden {
			continue
		}
		if bytes := t.wasteBytes(^id); bytes > 0 {
			rows = append(rows, sizedRow{bytes: bytes, id: ^id})
		}
	}
	for i := range t.versions {
		v := &t.versions[i]
		if v.inode == none || v.kind != source.File || t.deadFrom(v) == notHidden {
			continue
		}
		if bytes := t.carried(int32(i)); bytes > 0 {
			rows = append(rows, sizedRow{bytes: bytes, id: int32(i)})
		}
	}
	return rows
}

// inOrder sorts rows, given by number, into WasteRows.
func (t *Tree) inOrder(rows []sizedRow) WasteRows {
	ids := make([]int32, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	for place, i := range t.byPath(ids) {
		rows[i].place = int32(place)
	}
	slices.SortFunc(rows, func(a, b sizedRow) int {
		if a.bytes != b.bytes {
			return cmp.Compare(b.bytes, a.bytes)
		}
		return cmp.Compare(a.place, b.place)
	})
	for i := range rows {
		ids[i] = rows[i].id
	}
	return WasteRows{t: t, ids: ids}
}

// wasteBytes returns the bytes of a row.
func (t *Tree) wasteBytes(id int32) int64 {
	if id < 0 {
		i := &t.inodes[^id]
		return t.stored(i.layer, i.entry)
	}
	return t.carried(id)
}

// sortWaste sorts rows, all of the same tree or of none, like WasteRows.
func sortWaste(rows []Waste) []Waste {
	if len(rows) == 0 {
		return nil
	}
	t := rows[0].t
	if t == nil {
		slices.SortStableFunc(rows, func(a, b Waste) int {
			return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.path, b.path), cmp.Compare(a.Layer, b.Layer))
		})
		return rows
	}
	byID := slices.Clone(rows)
	slices.SortFunc(byID, func(a, b Waste) int { return cmp.Compare(a.id, b.id) })
	sized := make([]sizedRow, len(rows))
	for i := range byID {
		sized[i] = sizedRow{bytes: byID[i].Bytes, id: byID[i].id}
	}
	for i, id := range t.inOrder(sized).ids {
		at, _ := slices.BinarySearchFunc(byID, id, func(w Waste, id int32) int { return cmp.Compare(w.id, id) })
		rows[i] = byID[at]
	}
	return rows
}
