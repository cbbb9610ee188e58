package analyze

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/peelhq/peel/internal/grow"
	"github.com/peelhq/peel/source"
)

// builder makes a tree by applying layers, lowest first. Each layer is unpacked
// (unpack.go) and then laid over those below it (overlay.go).
type builder struct {
	t     *Tree
	table nodeTable
	flaws flawList

	prev     []int32 // by version: the version of its node that counts in the layers below its own, none if there is none
	name     []byte  // of the entry that is looked at
	parts    [][]byte
	more     [][]byte
	pending  []comparison
	bookkept map[uint64]int32 // inodes that have no node, by the sum of the path
	seed     maphash.Seed     // of that sum
	layer    int
	disk     disk
	walk     walk
	paths    int64 // bytes of the paths of all versions
	bounds   bounds
	failed   error // the first bound that was met

	// The directory of the last entry in source.Entries, for the next is often
	// beside it; none if that is not sure.
	lastDir     int
	lastNode    NodeID
	lastThrough bool // symlinks
	ahead       lookAhead
}

func newBuilder(layers []*source.Layer) *builder {
	b := &builder{
		t:        &Tree{layers: layers, search: &nameIndex{}, owned: &packageCache{}},
		bookkept: map[uint64]int32{},
		seed:     maphash.MakeSeed(),
		bounds:   treeBounds,
	}
	b.t.nodes = []node{{name: b.t.extra.add(nil), layer: noLayer, first: none, kids: none, dir: unlisted}}
	return b
}

// spareRoom is for the directories that no entry names.
const spareRoom = 1024

// largeTree is from how many versions on a tree is not copied to where there is
// more room before it is known how much is needed. A variable for tests.
var largeTree = 1 << 18

// room makes room for the versions of a layer with so many entries, and of those
// above it, for the usual case: at most one path an entry and few removals. Growing
// step by step would hold everything twice. What is not used is never touched.
func (b *builder) room(ctx context.Context, in *arrivals, entries int) error {
	if len(b.t.versions)+entries <= cap(b.t.versions) && len(b.t.nodes)+entries <= cap(b.t.nodes) {
		return nil
	}
	if len(b.t.versions) > largeTree {
		if err := in.all(ctx); err != nil {
			return err
		}
	}
	all, most := in.expected()
	versions := max(all+all/8, len(b.t.versions)+entries) + spareRoom
	b.t.versions, b.prev = grow.To(b.t.versions, versions), grow.To(b.prev, versions)
	b.t.nodes = grow.To(b.t.nodes, max(all, len(b.t.nodes)+entries)+spareRoom)
	b.table.room(b.t, max(most+most/4, all-all/5)) // most paths are in one layer
	return nil
}

// build applies every layer, as soon as it is there, and makes the tree, whose
// contents have yet to be compared.
func (b *builder) build(ctx context.Context, in *arrivals) error {
	for k, l := range b.t.layers {
		a, err := in.wait(ctx, k)
		if err != nil {
			return err
		}
		if l.Entries == nil {
			continue
		}
		if err := b.room(ctx, in, l.Entries.Len()); err != nil {
			return err
		}
		if err := b.apply(ctx, k, a.markers); err != nil {
			return fmt.Errorf("layer %d: %w", k, err)
		}
	}
	// What only building needs is let go of before the tree takes its last form.
	b.table, b.disk = nodeTable{}, disk{}
	err := b.t.seal(b.pending, b.prev)
	b.prev = nil
	return err
}

// apply puts one layer over what is there.
func (b *builder) apply(ctx context.Context, k int, markers []int) error {
	b.layer = k
	b.lastDir = none
	b.disk.begin(len(b.t.versions))
	if err := b.unpack(ctx, b.t.layers[k].Entries, markers); err != nil {
		return err
	}
	b.layOver()
	return b.full()
}

// nodeAt returns the node of a name below parent, made if it is new. entry is the
// one of this layer that has the name for its base, none if there is none.
func (b *builder) nodeAt(parent NodeID, name []byte, entry int) NodeID {
	n, hash := b.table.find(b.t, parent, name)
	return b.orNew(n, hash, parent, name, entry)
}

// orNew returns n, or the node that nodeAt makes if that is none.
func (b *builder) orNew(n NodeID, hash uint64, parent NodeID, name []byte, entry int) NodeID {
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
	if path := int(b.t.nodes[parent].path) + 1 + len(name); path <= maxPath {
		x.path = uint16(path)
	} else {
		b.fail(errLongPath)
	}
	b.t.nodes = grow.Append(b.t.nodes, x)
	return NodeID(len(b.t.nodes) - 1)
}

// top returns n's newest version, nil if there is none. It is valid until the
// next push.
func (b *builder) top(n NodeID) *version {
	v := b.t.nodes[n].first
	if v == none {
		return nil
	}
	return &b.t.versions[v]
}

// below returns the version of n that counts in the layers below, none if they
// say nothing of it. It may be a removal.
func (b *builder) below(n NodeID) int32 {
	v := b.t.nodes[n].first
	if v == none {
		return none
	}
	if x := &b.t.versions[v]; int(x.layer) == b.layer || x.flags&duplicate != 0 {
		return b.prev[v]
	}
	return v
}

// shown returns the version of n that shows in the union of the layers below, nil
// if it is not there.
func (b *builder) shown(n NodeID) *version {
	v := b.below(n)
	if v == none || b.t.versions[v].change == Removed {
		return nil
	}
	return &b.t.versions[v]
}

// push adds a version to its node.
func (b *builder) push(v version) int32 {
	at := int32(len(b.t.versions))
	b.paths += int64(b.t.nodes[v.node].path)
	b.prev = grow.Append(b.prev, b.below(v.node))
	b.t.versions = grow.Append(b.t.versions, v)
	b.t.nodes[v.node].first = at
	return at
}
