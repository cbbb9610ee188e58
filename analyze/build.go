package analyze

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/peelhq/peel/source"
)

// Bounds on a tree, far beyond any real image's.
const (
	maxNodes    = 1 << 26
	maxNames    = math.MaxUint32 - 1<<16 // bytes
	maxFlaws    = 1000                   // of one layer; more are only counted
	maxVersions = math.MaxInt32 - 1
)

var errTooLarge = errors.New("the image has more paths than peel can hold")

// builder makes a tree by applying layers, lowest first.
type builder struct {
	t     *Tree
	table nodeTable
	flaws []source.Flaw

	// By node, while building: its newest version; and the list of its children
	// that are there now, so that hiding a directory visits nothing else.
	newest    []int32
	firstKid  []NodeID
	nextKid   []NodeID
	priorKid  []NodeID
	parts     [][]byte
	more      [][]byte
	pending   []comparison
	bookkept  map[string]int32 // inodes of AUFS's own entries, by path
	unlinked  []int32          // links of this layer whose targets may still come
	layer     int
	layerFlaw int

	// The directory of the last entry, for the next is often beside it.
	lastDir  []byte
	lastNode NodeID
}

func newBuilder(layers []*source.Layer) *builder {
	b := &builder{
		t:        &Tree{layers: layers, orphans: map[int32]string{}},
		bookkept: map[string]int32{},
	}
	// Room for the usual case, a path or two versions an entry, at once: growing
	// step by step would hold everything twice. What is not used is never touched.
	entries, most := 0, 0
	for _, l := range layers {
		entries += l.Entries.Len()
		most = max(most, l.Entries.Len())
	}
	nodes := max(most+most/4, entries/4) + spareRoom // layers have most paths in common, or few
	b.t.nodes = make([]node, 0, nodes)
	b.t.versions = make([]version, 0, entries+entries/8+spareRoom)
	b.t.inodes = make([]inode, 0, entries+spareRoom)
	b.newest = make([]int32, 0, nodes)
	b.firstKid = make([]NodeID, 0, nodes)
	b.nextKid = make([]NodeID, 0, nodes)
	b.priorKid = make([]NodeID, 0, nodes)
	b.newNode(Root, nil)
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
	b.table, b.t.names.slots = nodeTable{}, nil
	b.newest, b.firstKid, b.nextKid, b.priorKid = nil, nil, nil, nil
	b.t.seal(b.pending)
	return nil
}

// apply puts one layer over what is there. Opaque markers come first and then
// whiteouts, wherever they stand in the layer, for they speak of lower layers
// only; then the other entries, in order.
func (b *builder) apply(ctx context.Context, k int, e *source.Entries) error {
	b.layer, b.layerFlaw = k, 0
	b.unlinked = b.unlinked[:0]
	var markers []int
	for i := range e.Len() {
		if mayBeMarker(e.NameBytes(i)) {
			markers = append(markers, i)
		}
	}
	for _, wanted := range []pathKind{pathOpaque, pathWhiteout} {
		for _, i := range markers {
			b.marker(e, i, wanted)
		}
	}
	b.lastDir = nil
	for i := range e.Len() {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(b.t.nodes) > maxNodes || len(b.t.versions) > maxVersions || len(b.t.names.text) > maxNames {
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

// marker hides what the marker that is entry i hides, if it is of the wanted kind.
func (b *builder) marker(e *source.Entries, i int, wanted pathKind) {
	b.parts, _ = splitPath(e.NameBytes(i), b.parts)
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

// special deals with an entry that is no path of the filesystem, and tells what
// it is; pathPlain means that it is one after all.
func (b *builder) special(e *source.Entries, i int) pathKind {
	var climbed bool
	b.parts, climbed = splitPath(e.NameBytes(i), b.parts)
	kind, _ := kindOf(b.parts)
	if kind == pathPlain {
		return kind
	}
	if climbed {
		b.flaw(string(e.NameBytes(i)), "the name climbs out of the image with \"..\"; it is taken inside the root")
	}
	if kind == pathMalformed {
		b.flaw(cleanPath(string(e.NameBytes(i))), "a whiteout of nothing: ignored")
	}
	// Its bytes are shipped all the same, and hard links may point at AUFS's.
	if e.Type(i) == source.File && (e.Stored(i) > 0 || kind == pathAUFS) {
		b.orphan(i, cleanPath(string(e.NameBytes(i))))
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
	name := e.NameBytes(i)
	n := b.locate(name)
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
		b.t.inodes = append(b.t.inodes, inode{entry: int32(i), carrier: int32(len(b.t.versions)), layer: v.layer, by: notHidden})
		v.inode = int32(len(b.t.inodes) - 1)
	}
	at := b.place(v)
	if v.inode == none && e.Type(i) == source.Hardlink {
		b.unlinked = append(b.unlinked, at)
	}
	if v.inode != none && e.Type(i) != source.Hardlink {
		b.t.inodes[v.inode].carrier = at
	}
}

// locate returns the node of an entry's name, made if it is new, with all
// directories above it in place.
func (b *builder) locate(name []byte) NodeID {
	// The common case: a file beside the last one, its name without any of the
	// spellings that splitPath is there for.
	if slash := lastSlash(name); slash > 0 && slash == len(b.lastDir) && string(name[:slash]) == string(b.lastDir) {
		if last := trimSlash(name[slash+1:]); simple(last) {
			return b.nodeAt(b.lastNode, last)
		}
	}
	var climbed bool
	b.parts, climbed = splitPath(name, b.parts)
	if climbed {
		b.flaw(string(name), "the name climbs out of the image with \"..\"; it is taken inside the root")
	}
	parts := b.parts
	if len(parts) == 0 {
		return Root
	}
	at := Root
	for _, part := range parts[:len(parts)-1] {
		at = b.nodeAt(at, part)
		b.implyDir(at)
	}
	b.lastDir = nil
	if slash := lastSlash(name); slash > 0 && !climbed {
		b.lastDir, b.lastNode = name[:slash], at
		if len(trimSlash(name[slash+1:])) == 0 || !simple(trimSlash(name[slash+1:])) {
			b.lastDir = nil
		}
	}
	return b.nodeAt(at, parts[len(parts)-1])
}

// lastSlash returns where the last slash stands that something follows, -1 if
// there is none.
func lastSlash(name []byte) int {
	return bytes.LastIndexByte(trimSlash(name), '/')
}

func trimSlash(name []byte) []byte {
	for len(name) > 0 && name[len(name)-1] == '/' {
		name = name[:len(name)-1]
	}
	return name
}

// simple reports whether a component is a plain name.
func simple(part []byte) bool {
	return len(part) > 0 && string(part) != "." && string(part) != ".."
}

func (b *builder) nodeAt(parent NodeID, name []byte) NodeID {
	id := b.t.names.intern(name)
	if n := b.table.find(b.t.nodes, parent, id); n != none {
		return n
	}
	n := b.newNode(parent, &id)
	b.table.add(b.t.nodes, n)
	return n
}

func (b *builder) newNode(parent NodeID, name *uint32) NodeID {
	var id uint32
	if name != nil {
		id = *name
	} else {
		id = b.t.names.intern([]byte("/"))
	}
	b.t.nodes = append(b.t.nodes, node{parent: parent, name: id})
	b.newest = append(b.newest, none)
	b.firstKid = append(b.firstKid, none)
	b.nextKid = append(b.nextKid, none)
	b.priorKid = append(b.priorKid, none)
	return NodeID(len(b.t.nodes) - 1)
}

// lookup returns the node of a path, none if no layer so far has mentioned it.
func (b *builder) lookup(parts [][]byte) NodeID {
	at := Root
	for _, part := range parts {
		if at = b.table.find(b.t.nodes, at, b.t.names.intern(part)); at == none {
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
