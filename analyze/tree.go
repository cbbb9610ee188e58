package analyze

import (
	"slices"
	"sort"
	"strings"

	"github.com/peelhq/peel/source"
)

// # The one tree
//
// An image of n layers has n unions, the filesystems as seen after each layer.
// Keeping a tree for each is the obvious way and the slow one: a copy of
// everything for each layer, and then comparisons between copies.
//
// Here there is one tree. A node is a path that any layer mentions; it holds
// its versions, oldest first, one for each layer that says something of it:
//
//	               layer 0      layer 5      layer 6       layer 9
//	/srv/app                    added                      metadata
//	/srv/app/model.bin          added 64 MB  metadata      removed
//	/usr/bin/git   added                                   removed
//
// A layer is unpacked alone first (unpack.go) and then laid over the others
// (overlay.go). If it deletes a directory, makes it opaque, or puts a file in its
// place, it leaves a "removed" version on every node that it hides. That is all
// it takes for every question to be a look-up in the same tree:
//
//	the union after layer k   of each node the newest version at or below k, unless removed
//	what layer k holds        the versions of layer k
//	what i..k changed         the nodes whose versions after i and after k differ
//	who shadows whom          a version's successor
//
// Versions are pushed while the layers are applied, lowest first. Each push
// looks at nothing but the node's newest version, and hiding a directory
// visits only what is there to be hidden (the lists of live children below),
// so that the whole costs time and memory linear in entries plus hidden nodes,
// whatever the number of layers.
//
// Nodes and versions live in flat slices and refer to each other by index; a
// node's name is that of an entry. A parent's index is lower than its children's,
// so that sums over directories are one loop from the last node to the first.
//
// # Bytes
//
// Content belongs to an inode: the entry that carries it in its layer's tar.
// Versions are its names: one, or more with hard links, in this layer or in
// higher ones. An inode's bytes are visible while a name of it shows, and dead
// from the layer on that hides the last. Only inodes that had, or can still get,
// another name than their own entry's are kept as such.

// A NodeID is the index of a node in its Tree. Root is 0.
type NodeID int32

// Root is the node of "/".
const Root NodeID = 0

const none = -1

// A node is one path. What it refers to ends where the next node's begins. While
// the tree is built, three of its fields have another meaning.
type node struct {
	parent NodeID
	name   uint32 // the entry of its layer that has the name; if that is noLayer, in Tree.extra
	first  int32  // in Tree.versions, which are oldest first; while building, the newest version
	kids   int32  // in Tree.children, which are by name; while building, the first child that is listed
	dir    int32  // its place among directories, for sums, none if nothing ever lies below it; while building, the next in its parent's list
	layer  uint16
	path   uint16 // length of the path in bytes, 0 for Root
}

// noLayer is where names come from that no entry has.
const noLayer = ^uint16(0)

// unlisted is the next of a node that is in no list.
const unlisted = -2

// A version is what one layer says of one node.
type version struct {
	node  NodeID
	entry int32 // in its layer's entries; none for removed and implied ones
	inode int32 // what it names: own, or in Tree.inodes; none for directories, removed ones and links to nowhere
	layer uint16
	by    uint16 // the layer that hid it, notHidden if none did

	change Change
	cause  Cause
	kind   source.Type // a hard link's is that of its inode
	flags  versionFlags
}

type versionFlags uint8

const (
	duplicate      versionFlags = 1 << iota // covered by a later entry of its own layer
	implied                                 // a directory that no entry names
	unsettled                               // its change awaits a comparison of contents
	unsettledCause                          // that of the version that covers it does
)

const notHidden = ^uint16(0)

// own is the inode of a version that is its only name.
const own = -2

// An inode is content, or whatever else hard links can share, that is not own.
type inode struct {
	entry   int32 // the entry that carries it
	carrier int32 // the version of that entry; none for AUFS's bookkeeping and other entries that show nowhere
	layer   uint16
	by      uint16 // the layer that hid its last name, notHidden while one shows
	cause   Cause
}

// A Tree is every path that any layer of an image mentions, with its versions.
// It is immutable and safe for concurrent use.
type Tree struct {
	layers   []*source.Layer
	nodes    []node
	versions []version
	inodes   []inode
	children []NodeID
	extra    names // of directories that were met in the names of what lies below, and the like
	dirs     int32 // nodes with a place among directories

	// names of inodes that have more than one: versions, in the order in which
	// they appeared
	shared map[int32][]int32
	// inodes that have no node, ascending
	orphans []int32

	views  viewCache
	search *nameIndex
	owned  *packageCache
}

// Len returns the number of nodes; their IDs are 0 to Len()-1.
func (t *Tree) Len() int { return len(t.nodes) }

// LayerCount returns the number of the image's layers.
func (t *Tree) LayerCount() int { return len(t.layers) }

// Name returns the last component of n's path, "/" for Root.
func (t *Tree) Name(n NodeID) string {
	if n == Root {
		return "/"
	}
	return string(t.name(n))
}

// Parent returns the node above n; Root's is Root.
func (t *Tree) Parent(n NodeID) NodeID { return t.nodes[n].parent }

// Children returns the nodes right below n by name, bytewise, whether they show
// in any union or not. The slice is the tree's own.
func (t *Tree) Children(n NodeID) []NodeID {
	from, to := t.nodes[n].kids, int32(len(t.children))
	if int(n)+1 < len(t.nodes) {
		to = t.nodes[n+1].kids
	}
	return t.children[from:to:to]
}

// hasChildren reports whether anything ever lies below n.
func (t *Tree) hasChildren(n NodeID) bool { return len(t.Children(n)) > 0 }

// orphanPath returns the path that the entry of an inode without a node has.
func (t *Tree) orphanPath(id int32) string {
	i := &t.inodes[id]
	return cleanPath(string(t.layers[i.layer].Entries.AppendName(nil, int(i.entry))))
}

// Path returns n's absolute path.
func (t *Tree) Path(n NodeID) string {
	if n == Root {
		return "/"
	}
	return string(t.appendPath(nil, n))
}

// appendPath appends n's absolute path to b, nothing for Root.
func (t *Tree) appendPath(b []byte, n NodeID) []byte {
	size := len(b) + int(t.nodes[n].path)
	b = slices.Grow(b, size-len(b))[:size]
	for p := n; p != Root; p = t.nodes[p].parent {
		name := t.name(p)
		size -= len(name)
		copy(b[size:], name)
		size--
		b[size] = '/'
	}
	return b
}

// Lookup returns the node of a path, which may be written in any way
// ("usr//lib/", "/usr/./lib"). It follows no links.
func (t *Tree) Lookup(path string) (NodeID, bool) {
	n := Root
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
			n = t.nodes[n].parent
			continue
		}
		child, ok := t.child(n, part)
		if !ok {
			return Root, false
		}
		n = child
	}
	return n, true
}

func (t *Tree) child(n NodeID, name string) (NodeID, bool) {
	kids := t.Children(n)
	i := sort.Search(len(kids), func(i int) bool { return t.nameView(kids[i]) >= name })
	if i < len(kids) && t.nameView(kids[i]) == name {
		return kids[i], true
	}
	return Root, false
}

// Versions returns what the layers say of n, oldest first. A layer that holds
// the path more than once appears as often, the one that counts last.
func (t *Tree) Versions(n NodeID) []Version {
	from, to := t.versionRange(n)
	out := make([]Version, to-from)
	for i := range out {
		out[i] = Version{t, from + int32(i)}
	}
	return out
}

// versionRange returns where the versions of n are: Tree.versions[from:to].
func (t *Tree) versionRange(n NodeID) (from, to int32) {
	from, to = t.nodes[n].first, int32(len(t.versions))
	if int(n)+1 < len(t.nodes) {
		to = t.nodes[n+1].first
	}
	return from, to
}

// At returns the version of n that shows in the union after layer k, and whether
// there is one.
func (t *Tree) At(n NodeID, k int) (Version, bool) {
	v := t.at(n, k)
	return Version{t, v}, v != none
}

func (t *Tree) at(n NodeID, k int) int32 {
	from, to := t.versionRange(n)
	return behind(from, latest(t.versions[from:to], k))
}

// upTo returns how many of a node's versions are of layers up to k. They are in the
// order of layers; a node may have one in each of thousands, so that those of the
// layers above k are not gone through one by one.
func upTo(vs []version, k int) int {
	if n := len(vs); n == 0 || int(vs[n-1].layer) <= k {
		return n
	}
	return sort.Search(len(vs), func(i int) bool { return int(vs[i].layer) > k })
}

// latest returns which of a node's versions shows in the union after layer k.
func latest(vs []version, k int) int32 {
	for n := upTo(vs, k); n > 0; {
		v := &vs[n-1]
		if v.flags&duplicate == 0 {
			if v.change == Removed {
				return none
			}
			return int32(n - 1)
		}
		// What counts of a layer stands behind its duplicates, of which there may be
		// thousands: there is nothing else.
		n = upTo(vs[:n], int(v.layer)-1)
	}
	return none
}

// behind returns the index of what is the ith from another index on; none stays
// none.
func behind(from, i int32) int32 {
	if i == none {
		return none
	}
	return from + i
}

// InLayer returns what layer k says of n, a removal too, and whether it says
// anything.
func (t *Tree) InLayer(n NodeID, k int) (Version, bool) {
	v := t.inLayer(n, k)
	return Version{t, v}, v != none
}

func (t *Tree) inLayer(n NodeID, k int) int32 {
	from, to := t.versionRange(n)
	return behind(from, ofLayer(t.versions[from:to], k))
}

// ofLayer returns which of a node's versions is what layer k says of it.
func ofLayer(vs []version, k int) int32 {
	// What counts stands behind the duplicates of its layer.
	i := upTo(vs, k) - 1
	if i >= 0 && int(vs[i].layer) == k && vs[i].flags&duplicate == 0 {
		return int32(i)
	}
	return none
}

// carrier returns the layer and the entry that carry what version i names; it must
// name something.
func (t *Tree) carrier(i int32) (layer uint16, entry int32) {
	v := &t.versions[i]
	if v.inode == own {
		return v.layer, v.entry
	}
	id := &t.inodes[v.inode]
	return id.layer, id.entry
}
