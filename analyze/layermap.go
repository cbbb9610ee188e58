package analyze

import (
	"cmp"
	"context"
	"slices"
)

// A LayerMap says for every directory what each layer stores at and below it,
// and from which layer on those bytes are dead. It is immutable and safe for
// concurrent use.
//
// Bytes belong to the entries that store them, as in a view of Everything:
// those of a hard link belong to the name that stores them, and content without
// a node belongs to the root. Bytes live until a layer takes their last name.
// That layer covers them if it, or their own layer, has something else at the
// path, and removes them otherwise (see docs/rules.md, "Bytes that die").
type LayerMap struct {
	t     *Tree
	depth int // of the deepest directories with sums of their own

	fates []fate // sorted by layer
	// By a directory's place among directories: its sums start at first, and there are count of
	// them. Directories with the same bytes share sums.
	first, count []int32
	// The sums: a fate and a number of bytes. Those of a directory are in the order of fates.
	fate  []int32
	bytes []int64
}

// A fate is what happens to bytes.
type fate struct {
	layer   uint16 // the layer that stores them
	by      uint16 // the layer that hides them; notHidden if none does
	removed bool   // they are removed; otherwise covered
}

func compareFates(a, b fate) int {
	if c := cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.by, b.by)); c != 0 || a.removed == b.removed {
		return c
	}
	if b.removed {
		return -1
	}
	return 1
}

// A MapCell is what one layer stores at and below a directory, and how much of
// that is live, covered and removed after some layer, in bytes. Before the
// layer itself, all three are 0.
type MapCell struct {
	Layer                          int
	Stored, Live, Covered, Removed int64
}

// A Death is bytes that a layer covers or removes.
type Death struct {
	By      int
	Removed bool
	Bytes   int64
}

// maxSums is the maximum number of sums in a map, of 12 bytes each. If an image has more, the
// deepest directories have no sums of their own. A variable for tests.
var maxSums = 1 << 22

// NewLayerMap computes the map of a tree in one pass over all versions. The error is the
// context's.
func NewLayerMap(ctx context.Context, t *Tree) (*LayerMap, error) {
	deepest := 0
	for _, d := range t.dirDepths() {
		deepest = max(deepest, int(d))
	}
	for depth := deepest; ; depth /= 2 {
		b := layerMapper{LayerMap: LayerMap{t: t, depth: depth}, ctx: ctx}
		ok, err := b.run()
		if err != nil {
			return nil, err
		}
		if ok || depth <= 1 {
			return &b.LayerMap, nil
		}
	}
}

// dirDepths returns the depth of each directory by its place; the root's is 0.
func (t *Tree) dirDepths() []int32 {
	depths := make([]int32, t.dirs)
	for n := 1; n < len(t.nodes); n++ { // parents before their children
		if dir := t.nodes[n].dir; dir != none {
			depths[dir] = depths[t.nodes[t.nodes[n].parent].dir] + 1
		}
	}
	return depths
}

// layerMapper computes a LayerMap.
type layerMapper struct {
	LayerMap
	ctx context.Context

	top []int32 // by place: the directory that the place's bytes are counted at
	// Bytes of versions, by the directory that they are counted at: those of a directory start at
	// from and end at the next one's.
	parcels []parcel
	from    []int32

	sums    []int64 // by fate, for the current directory
	touched []int32 // fates of the current directory
}

// A parcel is a number of bytes with the same fate.
type parcel struct {
	dir   int32 // a place among directories
	fate  int32
	bytes int64
}

// run computes the map, and reports whether it stays within limits.
func (b *layerMapper) run() (bool, error) {
	b.cutOff()
	if err := b.gather(); err != nil {
		return false, err
	}
	return b.sumUp()
}

// cutOff determines the directory that each directory's bytes are counted at: for those below the
// map's depth, their ancestor at that depth.
func (b *layerMapper) cutOff() {
	t, depths := b.t, b.t.dirDepths()
	b.top = make([]int32, t.dirs)
	for n := range t.nodes {
		dir := t.nodes[n].dir
		switch {
		case dir == none:
		case int(depths[dir]) > b.depth:
			b.top[dir] = b.top[t.nodes[t.nodes[n].parent].dir]
		default:
			b.top[dir] = dir
		}
	}
}

// gather makes the parcels, grouped by directory.
func (b *layerMapper) gather() error {
	t := b.t
	ids := map[fate]int32{}
	known, id := fate{}, int32(none) // most versions have the fate of the previous one
	add := func(dir int32, f fate, bytes int64) {
		if id == none || f != known {
			var ok bool
			if id, ok = ids[f]; !ok {
				id = int32(len(b.fates))
				ids[f] = id
				b.fates = append(b.fates, f)
			}
			known = f
		}
		b.parcels = append(b.parcels, parcel{dir, id, bytes})
	}
	for i := range t.versions {
		if i%(1<<16) == 0 && b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		if bytes := t.carried(int32(i)); bytes > 0 {
			v := &t.versions[i]
			dir := t.nodes[v.node].dir
			if dir == none {
				dir = t.nodes[t.nodes[v.node].parent].dir
			}
			add(b.top[dir], t.fateOf(v), bytes)
		}
	}
	for _, id := range t.orphans {
		x := &t.inodes[id]
		if bytes := t.stored(x.layer, x.entry); bytes > 0 {
			add(t.nodes[Root].dir, fate{x.layer, x.by, x.cause == Deleted || x.cause == Opaque}, bytes)
		}
	}
	b.orderFates()
	b.orderParcels()
	return nil
}

// fateOf returns the fate of the bytes that v stores.
func (t *Tree) fateOf(v *version) fate {
	f, cause := fate{layer: v.layer, by: t.deadFrom(v)}, v.cause
	if v.inode >= 0 {
		cause = t.inodes[v.inode].cause
	}
	f.removed = f.by != notHidden && (cause == Deleted || cause == Opaque)
	return f
}

// orderFates sorts the fates.
func (b *layerMapper) orderFates() {
	order := make([]int32, len(b.fates))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int { return compareFates(b.fates[x], b.fates[y]) })
	sorted, place := make([]fate, len(order)), make([]int32, len(order))
	for i, was := range order {
		sorted[i], place[was] = b.fates[was], int32(i)
	}
	b.fates = sorted
	for i := range b.parcels {
		b.parcels[i].fate = place[b.parcels[i].fate]
	}
}

// orderParcels groups the parcels by directory.
func (b *layerMapper) orderParcels() {
	b.from = make([]int32, b.t.dirs+1)
	for i := range b.parcels {
		b.from[b.parcels[i].dir+1]++
	}
	for dir := range b.t.dirs {
		b.from[dir+1] += b.from[dir]
	}
	next := slices.Clone(b.from)
	sorted := make([]parcel, len(b.parcels))
	for _, p := range b.parcels {
		sorted[next[p.dir]] = p
		next[p.dir]++
	}
	b.parcels = sorted
}

// sumUp computes the sums of the directories, children before parents, and reports whether they
// stay within limits.
func (b *layerMapper) sumUp() (bool, error) {
	t := b.t
	b.first, b.count = make([]int32, t.dirs), make([]int32, t.dirs)
	b.sums = make([]int64, len(b.fates))
	for n := NodeID(len(t.nodes) - 1); n >= 0; n-- {
		dir := t.nodes[n].dir
		if dir == none || b.top[dir] != dir {
			continue
		}
		if b.ctx.Err() != nil {
			return false, b.ctx.Err()
		}
		b.sumUpDir(n, dir)
		if len(b.bytes) > maxSums {
			return false, nil
		}
	}
	b.fate, b.bytes = slices.Clip(b.fate), slices.Clip(b.bytes)
	return true, nil
}

// sumUpDir computes the sums of one directory.
func (b *layerMapper) sumUpDir(n NodeID, dir int32) {
	own := b.parcels[b.from[dir]:b.from[dir+1]]
	parts, only := 0, int32(none)
	for _, k := range b.t.Children(n) {
		if kid := b.t.nodes[k].dir; kid != none && b.top[kid] == kid && b.count[kid] > 0 {
			parts, only = parts+1, kid
		}
	}
	if len(own) == 0 && parts == 1 {
		b.first[dir], b.count[dir] = b.first[only], b.count[only]
		return
	}
	for _, p := range own {
		b.add(p.fate, p.bytes)
	}
	for _, k := range b.t.Children(n) {
		if kid := b.t.nodes[k].dir; kid != none && b.top[kid] == kid {
			for i := b.first[kid]; i < b.first[kid]+b.count[kid]; i++ {
				b.add(b.fate[i], b.bytes[i])
			}
		}
	}
	slices.Sort(b.touched)
	b.first[dir], b.count[dir] = int32(len(b.bytes)), int32(len(b.touched))
	for _, f := range b.touched {
		b.fate, b.bytes = append(b.fate, f), append(b.bytes, b.sums[f])
		b.sums[f] = 0
	}
	b.touched = b.touched[:0]
}

func (b *layerMapper) add(f int32, bytes int64) {
	if b.sums[f] == 0 {
		b.touched = append(b.touched, f)
	}
	b.sums[f] += bytes
}

// Tree returns the tree of m.
func (m *LayerMap) Tree() *Tree { return m.t }

// Depth returns the depth of the deepest directories with their own sums: children of the root
// have depth 1. Deeper directories are counted at their ancestors.
func (m *LayerMap) Depth() int { return m.depth }

// sumsOf returns the range of n's sums.
func (m *LayerMap) sumsOf(n NodeID) (from, to int32) {
	dir := m.t.nodes[n].dir
	if dir == none {
		return 0, 0
	}
	return m.first[dir], m.first[dir] + m.count[dir]
}

// Has reports whether n is a directory of the map: a directory with something stored at or below
// it.
func (m *LayerMap) Has(n NodeID) bool {
	from, to := m.sumsOf(n)
	return to > from
}

// Shares reports whether all bytes of a directory are at or below one directory in it.
func (m *LayerMap) Shares(n, kid NodeID) bool {
	from, to := m.sumsOf(n)
	kidFrom, kidTo := m.sumsOf(kid)
	return to > from && from == kidFrom && to == kidTo
}

// Stored returns the bytes that all layers store at and below n, and how many of them are dead in
// the end.
func (m *LayerMap) Stored(n NodeID) (stored, dead int64) {
	from, to := m.sumsOf(n)
	for i := from; i < to; i++ {
		stored += m.bytes[i]
		if m.fates[m.fate[i]].by != notHidden {
			dead += m.bytes[i]
		}
	}
	return stored, dead
}

// AppendCells appends to dst a cell for each layer with content at or below n, lowest first, in
// the state after layer k.
func (m *LayerMap) AppendCells(dst []MapCell, n NodeID, k int) []MapCell {
	from, to := m.sumsOf(n)
	begin := len(dst)
	for i := from; i < to; i++ {
		f, bytes := m.fates[m.fate[i]], m.bytes[i]
		if len(dst) == begin || dst[len(dst)-1].Layer != int(f.layer) {
			dst = append(dst, MapCell{Layer: int(f.layer)})
		}
		c := &dst[len(dst)-1]
		c.Stored += bytes
		switch {
		case int(f.layer) > k:
		case int(f.by) > k || f.by == notHidden:
			c.Live += bytes
		case f.removed:
			c.Removed += bytes
		default:
			c.Covered += bytes
		}
	}
	return dst
}

// Deaths returns what happens to the bytes that a layer stores at and below n, by hiding layer,
// lowest first.
func (m *LayerMap) Deaths(n NodeID, layer int) []Death {
	var out []Death
	from, to := m.sumsOf(n)
	for i := from; i < to; i++ {
		if f := m.fates[m.fate[i]]; int(f.layer) == layer && f.by != notHidden {
			out = append(out, Death{By: int(f.by), Removed: f.removed, Bytes: m.bytes[i]})
		}
	}
	return out
}
