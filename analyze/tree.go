package analyze

import (
	"slices"
	"sort"
	"strings"

	"github.com/peelhq/peel/source"
)

// # The tree
//
// An image of n layers has n unions, the filesystems after each layer. Keeping a tree for each is
// the obvious but slow solution: it copies everything for each layer, and then compares the
// copies.
//
// Here there is a single tree. A node is a path that any layer mentions. It holds its versions,
// oldest first, one for each layer that mentions it:
//
//	               layer 0      layer 5      layer 6       layer 9
//	/srv/app                    added                      metadata
//	/srv/app/model.bin          added 64 MB  metadata      removed
//	/usr/bin/git   added                                   removed
//
// A layer is first unpacked alone (unpack.go) and then applied to the others (overlay.go). If it
// deletes a directory, makes it opaque, or replaces it with a file, it leaves a "removed" version
// on every node that it hides. Every question is then a lookup in the same tree:
//
//	the union after layer k   the newest version of each node at or below k, unless removed
//	what layer k holds        the versions of layer k
//	what i..k changed         the nodes whose versions after i and after k differ
//	who shadows whom          a version's successor
//
// Versions are added while the layers are applied, lowest first. Each addition reads only the
// node's newest version, and hiding a directory visits only what it has to hide (the lists of
// live children below). So time and memory are linear in entries plus hidden nodes, whatever the
// number of layers.
//
// Nodes and versions are in flat slices and refer to each other by index; a node's name is that
// of an entry. A parent's index is lower than its children's, so a sum over directories is one
// loop from the last node to the first.
//
// # Bytes
//
// Content belongs to an inode: the entry that stores it in its layer's tar. Versions are its
// names: one, or several with hard links, in the same or in higher layers. An inode's bytes are
// visible while one of its names is, and dead from the layer on that hides the last one. Only
// inodes that had, or may still get, a name besides their own entry's are stored as such.

// A NodeID is the index of a node in its Tree. Root is 0.
type NodeID int32

// Root is the node of "/".
const Root NodeID = 0

const none = -1

// A node is one path. Its ranges of versions and children end where the next node's start. Three
// of its fields have another meaning while the tree is built.
type node struct {
	parent NodeID
	name   uint32 // the entry of its layer with that name; if that is noLayer, an index in Tree.extra
	first  int32  // in Tree.versions, oldest first; while building, the newest version
	kids   int32  // in Tree.children, sorted by name; while building, the first listed child
	dir    int32  // its place among directories, for sums; none if nothing is ever below it; while building, the next node in its parent's list
	layer  uint16
	path   uint16 // length of the path in bytes, 0 for Root
}

// noLayer marks names that no entry has.
const noLayer = ^uint16(0)

// unlisted marks a node that is in no list.
const unlisted = -2

// A version is what one layer says about one node.
type version struct {
	node  NodeID
	entry int32 // in its layer's entries; none for removed and implied versions
	inode int32 // the inode that it names: own, or an index in Tree.inodes; none for directories, removed versions and broken links
	layer uint16
	by    uint16 // the layer that hid it, or notHidden

	change Change
	cause  Cause
	kind   source.Type // for a hard link, the kind of its inode
	flags  versionFlags
}

type versionFlags uint8

const (
	duplicate      versionFlags = 1 << iota // covered by a later entry of its own layer
	implied                                 // a directory without an entry
	unsettled                               // its change depends on a pending comparison
	unsettledCause                          // the change of the version that covers it does
)

const notHidden = ^uint16(0)

// own is the inode of a version that is its only name.
const own = -2

// An inode is content, or anything else that hard links can share, that is not own.
type inode struct {
	entry   int32 // the entry that stores it
	stamp   int32 // the entry of that layer with its mode, owner and time: the last of its names there
	carrier int32 // the version of that entry; none for AUFS's bookkeeping and other entries that are never visible
	layer   uint16
	by      uint16 // the layer that hid its last name; notHidden while one is visible
	cause   Cause
}

// A Tree holds every path that any layer of an image mentions, with its versions. It is immutable
// and safe for concurrent use.
type Tree struct {
	layers   []*source.Layer
	nodes    []node
	versions []version
	inodes   []inode
	children []NodeID
	extra    names // names of implied directories and the like
	dirs     int32 // number of nodes with a place among directories

	// names of inodes with several names: versions, in order of appearance
	shared map[int32][]int32
	// inodes without a node, ascending
	orphans []int32

	views  viewCache
	search *nameIndex
	owned  *packageCache
}

// Len returns the number of nodes. Their IDs are 0 to Len()-1.
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

// Parent returns the parent of n; Root is its own parent.
func (t *Tree) Parent(n NodeID) NodeID { return t.nodes[n].parent }

// Children returns the children of n by name, bytewise, whether or not they are visible in any
// union. The slice must not be modified.
func (t *Tree) Children(n NodeID) []NodeID {
	from, to := t.nodes[n].kids, int32(len(t.children))
	if int(n)+1 < len(t.nodes) {
		to = t.nodes[n+1].kids
	}
	return t.children[from:to:to]
}

// hasChildren reports whether anything is ever below n.
func (t *Tree) hasChildren(n NodeID) bool { return len(t.Children(n)) > 0 }

// orphanPath returns the path of the entry of an inode without a node.
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

// Lookup returns the node of a path in any spelling ("usr//lib/", "/usr/./lib"). It does not
// follow links.
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

// Versions returns the versions of n, oldest first. If a layer contains the path several times,
// each has a version, and the last one counts.
func (t *Tree) Versions(n NodeID) []Version {
	from, to := t.versionRange(n)
	out := make([]Version, to-from)
	for i := range out {
		out[i] = Version{t, from + int32(i)}
	}
	return out
}

// versionRange returns the range of n's versions: Tree.versions[from:to].
func (t *Tree) versionRange(n NodeID) (from, to int32) {
	from, to = t.nodes[n].first, int32(len(t.versions))
	if int(n)+1 < len(t.nodes) {
		to = t.nodes[n+1].first
	}
	return from, to
}

// At returns the version of n that is visible in the union after layer k, if any.
func (t *Tree) At(n NodeID, k int) (Version, bool) {
	v := t.at(n, k)
	return Version{t, v}, v != none
}

func (t *Tree) at(n NodeID, k int) int32 {
	from, to := t.versionRange(n)
	return behind(from, latest(t.versions[from:to], k))
}

// upTo returns how many of a node's versions belong to layers up to k. It uses the order of
// layers, because a node may have a version in each of thousands of layers.
func upTo(vs []version, k int) int {
	if n := len(vs); n == 0 || int(vs[n-1].layer) <= k {
		return n
	}
	return sort.Search(len(vs), func(i int) bool { return int(vs[i].layer) > k })
}

// latest returns the index of the version that is visible in the union after layer k.
func latest(vs []version, k int) int32 {
	for n := upTo(vs, k); n > 0; {
		v := &vs[n-1]
		if v.flags&duplicate == 0 {
			if v.change == Removed {
				return none
			}
			return int32(n - 1)
		}
		// Of a layer, the last version counts; there may be thousands of duplicates before it.
		n = upTo(vs[:n], int(v.layer)-1)
	}
	return none
}

// behind returns from+i, or none if i is none.
func behind(from, i int32) int32 {
	if i == none {
		return none
	}
	return from + i
}

// InLayer returns the version of n in layer k, including removals, if any.
func (t *Tree) InLayer(n NodeID, k int) (Version, bool) {
	v := t.inLayer(n, k)
	return Version{t, v}, v != none
}

func (t *Tree) inLayer(n NodeID, k int) int32 {
	from, to := t.versionRange(n)
	return behind(from, ofLayer(t.versions[from:to], k))
}

// ofLayer returns the index of the node's version in layer k.
func ofLayer(vs []version, k int) int32 {
	// The version that counts follows its layer's duplicates.
	i := upTo(vs, k) - 1
	if i >= 0 && int(vs[i].layer) == k && vs[i].flags&duplicate == 0 {
		return int32(i)
	}
	return none
}

// stamped returns the layer and the entry with the mode, owner and time of version i, which must
// have an entry. Engines apply the header of each hard link to the file, so the last one counts.
// A symlink has those of the entry that stores it, since its mode means nothing.
func (t *Tree) stamped(i int32) (layer uint16, entry int32) {
	v := &t.versions[i]
	if v.inode < 0 {
		return v.layer, v.entry
	}
	id := &t.inodes[v.inode]
	return id.layer, id.stamp
}

// lastHeader returns the entry with the mode, owner and time of version i, as stamped does.
func (t *Tree) lastHeader(i int32) source.Entry {
	layer, entry := t.stamped(i)
	return t.layers[layer].Entries.Attributes(int(entry))
}

// header returns the entry of version i's own layer with its mode, owner and time. A name of a
// symlink has its own, and so has a link to a file of a lower layer.
func (t *Tree) header(i int32) int32 {
	v := &t.versions[i]
	if layer, entry := t.stamped(i); layer == v.layer && v.kind != source.Symlink {
		return entry
	}
	return v.entry
}

// stamp gives e, the entry of version i, the mode, owner and time that engines give it.
func (t *Tree) stamp(i int32, e *source.Entry) {
	x := &t.versions[i]
	if at := t.header(i); at != x.entry {
		from := t.layers[x.layer].Entries.Attributes(int(at))
		e.Mode, e.UID, e.GID, e.Time = from.Mode, from.UID, from.GID, from.Time
	}
}

// carrier returns the layer and the entry that store the content of version i, which must have an
// inode.
func (t *Tree) carrier(i int32) (layer uint16, entry int32) {
	v := &t.versions[i]
	if v.inode == own {
		return v.layer, v.entry
	}
	id := &t.inodes[v.inode]
	return id.layer, id.entry
}
