package analyze

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/peelhq/peel/source"
)

// Bounds on a tree, far beyond any real image's.
const (
	maxNodes    = 1<<slotBits - 1<<16    // one entry makes fewer than 1<<16
	maxNames    = math.MaxUint32 - 1<<16 // bytes of names that no entry has
	maxFlaws    = 1000                   // of one layer; more are only counted
	maxVersions = math.MaxInt32 - 1
)

var errTooLarge = errors.New("the image has more paths than peel can hold")

// builder makes a tree by applying layers, lowest first.
type builder struct {
	t     *Tree
	table nodeTable
	flaws []source.Flaw

	prev      []int32 // by version: its node's next older one, none for the first
	name      []byte  // of the entry that is looked at
	parts     [][]byte
	more      [][]byte
	pending   []comparison
	bookkept  map[string]int32 // inodes of AUFS's own entries, by path
	unlinked  []int32          // links of this layer whose targets may still come
	layer     int
	layerFlaw int

	// The directory of the last entry in source.Entries, for the next is often
	// beside it; none if that is not sure.
	lastDir  int
	lastNode NodeID
}

func newBuilder(layers []*source.Layer) *builder {
	b := &builder{
		t:        &Tree{layers: layers, orphans: map[int32]string{}, search: &nameIndex{}},
		bookkept: map[string]int32{},
	}
	// Room for the usual case, at most one path an entry and few removals, at
	// once: growing step by step would hold everything twice. What is not used is
	// never touched.
	entries, most := 0, 0
	for _, l := range layers {
		entries += l.Entries.Len()
		most = max(most, l.Entries.Len())
	}
	versions := entries + entries/8 + spareRoom
	b.t.nodes = make([]node, 0, entries+spareRoom)
	b.t.versions = make([]version, 0, versions)
	b.prev = make([]int32, 0, versions)
	b.table = newNodeTable(max(most+most/4, entries/2)) // layers have most paths in common, or few
	b.newNode(Root, nil, none)
	return b
}

// spareRoom is for the directories that no entry names.
const spareRoom = 1024

// build applies every layer and returns the tree, whose contents have yet to be
// compared.
func (b *builder) build(ctx context.Context) error {
	for k, l := range b.t.layers {
		if l.Entries == nil {
			continue
		}
		if err := b.apply(ctx, k, l.Entries); err != nil {
			return fmt.Errorf("layer %d: %w", k, err)
		}
	}
	// What only building needs is let go of before the tree takes its last form.
	b.table = nodeTable{}
	b.t.seal(b.pending, b.prev)
	b.prev = nil
	return nil
}

// apply puts one layer over what is there. Opaque markers come first and then
// whiteouts, wherever they stand in the layer, for they speak of lower layers
// only; then the other entries, in order.
func (b *builder) apply(ctx context.Context, k int, e *source.Entries) error {
	b.layer, b.layerFlaw = k, 0
	b.unlinked = b.unlinked[:0]
	markers := findMarkers(e)
	for _, wanted := range []pathKind{pathOpaque, pathWhiteout} {
		for _, i := range markers {
			b.marker(e, i, wanted)
		}
	}
	b.lastDir = none
	for i := range e.Len() {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(b.t.nodes) > maxNodes || len(b.t.versions) > maxVersions || len(b.t.extra.text) > maxNames {
			return errTooLarge
		}
		if len(markers) > 0 && markers[0] == i {
			markers = markers[1:]
			if kind := b.special(e, i); kind != pathPlain {
				continue
			}
		}
		b.entry(e, i)
	}
	for _, v := range b.unlinked {
		b.relink(e, v)
	}
	if n := b.layerFlaw - maxFlaws; n > 0 {
		b.flaws = append(b.flaws, source.Flaw{Layer: k, Problem: fmt.Sprintf("%d more", n)})
	}
	return nil
}

// findMarkers returns the entries that may be markers.
func findMarkers(e *source.Entries) (markers []int) {
	dir, within := none, false
	for i := range e.Len() {
		if d := e.Dir(i); d != dir {
			dir, within = d, mayBeMarker(e.DirBytes(d))
		}
		if within || mayBeMarker(e.Base(i)) {
			markers = append(markers, i)
		}
	}
	return markers
}

// marker hides what the marker that is entry i hides, if it is of the wanted kind.
func (b *builder) marker(e *source.Entries, i int, wanted pathKind) {
	b.split(e, i)
	kind, hidden := kindOf(b.parts)
	if kind != wanted {
		return
	}
	n := b.lookup(hidden)
	switch {
	case n == none || !b.present(n):
	case kind == pathWhiteout:
		b.hide(n, Deleted)
	default:
		b.hideKids(n, Opaque)
	}
}

// split takes the name of entry i apart, into b.parts.
func (b *builder) split(e *source.Entries, i int) (climbed bool) {
	b.name = e.AppendName(b.name[:0], i)
	b.parts, climbed = splitPath(b.name, b.parts)
	return climbed
}

// special deals with an entry that is no path of the filesystem, and tells what
// it is; pathPlain means that it is one after all.
func (b *builder) special(e *source.Entries, i int) pathKind {
	climbed := b.split(e, i)
	kind, _ := kindOf(b.parts)
	if kind == pathPlain {
		return kind
	}
	name := string(b.name)
	if climbed {
		b.flaw(name, "the name climbs out of the image with \"..\"; it is taken inside the root")
	}
	if kind == pathMalformed {
		b.flaw(cleanPath(name), "a whiteout of nothing: ignored")
	}
	// Its bytes are shipped all the same, and hard links may point at AUFS's.
	if e.Type(i) == source.File && (e.Stored(i) > 0 || kind == pathAUFS) {
		b.orphan(i, cleanPath(name))
	}
	return kind
}

// orphan makes an inode of entry i, which has no node.
func (b *builder) orphan(i int, path string) {
	b.t.inodes = append(b.t.inodes, inode{entry: int32(i), carrier: none, layer: uint16(b.layer), by: notHidden})
	id := int32(len(b.t.inodes) - 1)
	b.t.orphans[id] = path
	b.bookkept[path] = id
}

// entry puts entry i, a path of the filesystem, over what is there.
func (b *builder) entry(e *source.Entries, i int) {
	n := b.locate(e, i)
	v := version{node: n, entry: int32(i), inode: none, by: notHidden, layer: uint16(b.layer), kind: e.Type(i)}
	if n == Root && v.kind != source.Dir {
		b.flaw("/", "an entry that makes the root a "+v.kind.String()+": ignored")
		if e.Stored(i) > 0 {
			b.orphan(i, "/")
		}
		return
	}
	switch v.kind {
	case source.Dir:
	case source.Hardlink:
		v.inode, v.kind = b.target(e, i)
	default:
		v.inode = own
	}
	at := b.place(v)
	if v.inode == none && e.Type(i) == source.Hardlink {
		b.unlinked = append(b.unlinked, at)
	}
}

// locate returns the node of an entry's name, made if it is new, with all
// directories above it in place.
func (b *builder) locate(e *source.Entries, i int) NodeID {
	// The common case: a file beside the last one, its name without any of the
	// spellings that splitPath is there for.
	dir, base := e.Dir(i), e.Base(i)
	usual := simple(base)
	if usual && dir == b.lastDir {
		return b.nodeAt(b.lastNode, base, i)
	}
	climbed := b.split(e, i)
	if climbed {
		b.flaw(string(b.name), "the name climbs out of the image with \"..\"; it is taken inside the root")
	}
	parts := b.parts
	if len(parts) == 0 {
		return Root
	}
	at := Root
	for _, part := range parts[:len(parts)-1] {
		at = b.nodeAt(at, part, none)
		b.implyDir(at)
	}
	if !usual {
		b.lastDir = none
		return b.nodeAt(at, parts[len(parts)-1], none)
	}
	b.lastDir, b.lastNode = dir, at
	if climbed {
		b.lastDir = none // the next one is to be told of as well
	}
	return b.nodeAt(at, base, i)
}

// simple reports whether the last part of a name is a component as it is.
func simple(base []byte) bool {
	return len(base) > 0 && base[len(base)-1] != '/' && string(base) != "." && string(base) != ".."
}

// nodeAt returns the node of a name below parent, made if it is new. entry is the
// one of this layer that has the name for its base, none if there is none.
func (b *builder) nodeAt(parent NodeID, name []byte, entry int) NodeID {
	n, hash := b.table.find(b.t, parent, name)
	if n == none {
		n = b.newNode(parent, name, entry)
		b.table.add(b.t, n, hash)
	}
	return n
}

func (b *builder) newNode(parent NodeID, name []byte, entry int) NodeID {
	x := node{parent: parent, name: uint32(entry), layer: uint16(b.layer), first: none, kids: none, dir: unlisted}
	if entry == none {
		x.name, x.layer = b.t.extra.add(name), noLayer
	}
	b.t.nodes = append(b.t.nodes, x)
	return NodeID(len(b.t.nodes) - 1)
}

// lookup returns the node of a path, none if no layer so far has mentioned it.
func (b *builder) lookup(parts [][]byte) NodeID {
	at := Root
	for _, part := range parts {
		if at, _ = b.table.find(b.t, at, part); at == none {
			return none
		}
	}
	return at
}

func (b *builder) flaw(path, problem string) {
	if b.layerFlaw++; b.layerFlaw <= maxFlaws {
		b.flaws = append(b.flaws, source.Flaw{Layer: b.layer, Path: path, Problem: problem})
	}
}
