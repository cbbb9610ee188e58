package analyze

import (
	"cmp"
	"context"
	"slices"

	"github.com/peelhq/peel/source"
)

// distinctSize is the size in bytes from which two files of the same size count
// as moved if their names or their times agree. Smaller files must agree in
// both, because equal sizes are common.
const distinctSize = 64 << 10

// moves finds deleted files that the same step added elsewhere: mv in a later step deletes a file
// and stores its content again.
type moves struct {
	t     *Tree
	added []movedFile // by layer, then size
}

// A movedFile is a file that a layer added at a new path.
type movedFile struct {
	size    int64
	version int32
	layer   uint16
}

func (f movedFile) compare(o movedFile) int {
	return cmp.Or(cmp.Compare(f.layer, o.layer), cmp.Compare(f.size, o.size), cmp.Compare(f.version, o.version))
}

// findMoves lists the files added by layers that also deleted files. The list is incomplete if
// ctx ends.
func findMoves(ctx context.Context, t *Tree, waste WasteRows) *moves {
	deleted := make([]int64, len(t.layers)) // bytes by deleting layer
	for _, w := range waste.Until(ctx) {
		if w.Cause == Deleted && w.By != w.Layer {
			deleted[w.By] += w.Bytes
		}
	}
	m := &moves{t: t}
	candidate := func(v *version) bool {
		return v.change == Added && v.kind == source.File && v.flags&duplicate == 0 && deleted[v.layer] > 0
	}
	n := 0
	for i := range t.versions {
		if candidate(&t.versions[i]) {
			n++
		}
	}
	m.added = make([]movedFile, 0, n)
	for i := range t.versions {
		if i%untilRows == 0 && ctx.Err() != nil {
			return m
		}
		v := &t.versions[i]
		if !candidate(v) {
			continue
		}
		if size := t.carried(int32(i)); size > 0 && size <= deleted[v.layer] {
			m.added = append(m.added, movedFile{size, int32(i), v.layer})
		}
	}
	slices.SortFunc(m.added, movedFile.compare)
	return m
}

// target returns the node to which the layer that deleted w moved it, or none.
// Candidates are selected by size, name and time, which every form of an image
// has; checksums decide if both are known.
func (m *moves) target(w *Waste) NodeID {
	if len(m.added) == 0 || w.By == w.Layer {
		return none
	}
	from := m.t.inLayer(w.Node, w.Layer)
	if from == none {
		return none
	}
	at, _ := slices.BinarySearchFunc(m.added, movedFile{w.Bytes, 0, uint16(w.By)}, movedFile.compare)
	for tried := 0; at < len(m.added) && tried < maxCandidates; at, tried = at+1, tried+1 {
		f := m.added[at]
		if int(f.layer) != w.By || f.size != w.Bytes {
			break
		}
		if m.same(from, f.version) {
			return m.t.versions[f.version].node
		}
	}
	return none
}

// maxCandidates is the maximum number of files of the same size that are compared with a deleted
// file: a layer may hold a million of them.
const maxCandidates = 64

// same reports whether the deleted file is the added one.
func (m *moves) same(from, to int32) bool {
	u, l := &m.t.versions[to], &m.t.versions[from]
	if l.inode == none || u.inode == l.inode && u.inode != own {
		return false
	}
	named := m.t.nameView(u.node) == m.t.nameView(l.node)
	ul, ui := m.t.carrier(to)
	ll, li := m.t.carrier(from)
	ue, le := m.t.layers[ul].Entries, m.t.layers[ll].Entries
	size := ue.Size(int(ui))
	if size != le.Size(int(li)) || size < distinctSize && !named {
		return false
	}
	a, b := ue.Attributes(int(ui)), le.Attributes(int(li))
	timed := a.Time.Equal(b.Time) && !a.Time.IsZero()
	if a.Size < distinctSize && !(named && timed) || !named && !timed {
		return false
	}
	return !a.Summed || !b.Summed || a.Kind != b.Kind || a.Sum == b.Sum
}
