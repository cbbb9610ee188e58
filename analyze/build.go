package analyze

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/peelhq/peel/internal/grow"
	"github.com/peelhq/peel/source"
)

// builder makes a tree by applying layers, lowest first. Each layer is unpacked (unpack.go) and
// then applied to those below it (overlay.go).
type builder struct {
	t     *Tree
	table nodeTable
	flaws flawList

	prev     []int32 // by version: the version of its node that counts in the layers below, or none
	name     []byte  // name of the current entry
	parts    [][]byte
	more     [][]byte
	pending  []comparison
	bookkept map[uint64]int32 // inodes without a node, by hash of the path
	seed     maphash.Seed     // of that hash
	layer    int
	disk     disk
	walk     walk
	paths    int64 // bytes of all versions' paths
	bounds   bounds
	failed   error // first limit that was reached

	// The directory of the last entry in source.Entries, because the next entry is often in the
	// same directory; none if not certain.
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

// spareRoom is for directories that no entry names.
const spareRoom = 1024

// largeTree is the number of versions from which a growing tree is not moved early to a larger
// allocation. A variable for tests.
var largeTree = 1 << 18

// room allocates space for the versions of a layer with this many entries and of the layers
// above, for the usual case: at most one path for each entry, and few removals. Growing step by
// step would need twice the memory. Unused space is never touched.
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
	least := func(n int) int { return n + max(entries, n/4) } // else many small layers would each copy everything
	versions := max(all+all/8, least(len(b.t.versions))) + spareRoom
	b.t.versions, b.prev = grow.To(b.t.versions, versions), grow.To(b.prev, versions)
	b.t.nodes = grow.To(b.t.nodes, max(all, least(len(b.t.nodes)))+spareRoom)
	b.table.room(b.t, max(most+most/4, all-all/5)) // one layer has most paths
	return nil
}

// build applies every layer as it arrives and makes the tree, without comparing contents.
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
	// Free the builder's own data before sealing the tree.
	b.table, b.disk = nodeTable{}, disk{}
	err := b.t.seal(b.pending, b.prev)
	b.prev = nil
	return err
}

// apply applies one layer.
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

// nodeAt returns the node of a name below parent and creates it if necessary. entry is this
// layer's entry with that base name, or none.
func (b *builder) nodeAt(parent NodeID, name []byte, entry int) NodeID {
	n, hash := b.table.find(b.t, parent, name)
	return b.orNew(n, hash, parent, name, entry)
}

// orNew returns n, or calls nodeAt if n is none.
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

// top returns n's newest version or nil. It is valid until the next push.
func (b *builder) top(n NodeID) *version {
	v := b.t.nodes[n].first
	if v == none {
		return nil
	}
	return &b.t.versions[v]
}

// below returns the version of n that counts in the layers below, or none. It may be a removal.
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

// shown returns the version of n that is visible in the union of the layers below, or nil.
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
