package analyze

import (
	"maps"
	"slices"
)

// Most paths of an image are files that one layer writes and none touches again,
// and where a layer changes a file, it mostly changes those beside it likewise.
// Whatever a view shows of one of them, it shows of all. Such siblings are put
// into one bunch, once for all views of a tree, with the bytes of all of them.
// That leaves a view with little more than one bunch for each directory and layer
// to pass over, which lie in memory one after the other.

// bunches are the nodes of a tree, those of a directory before the directory.
type bunches struct {
	list     []bunch
	versions []version // of one node of each bunch, in the order of list
	carried  []int64   // by version: the bytes that those of all nodes of the bunch carry

	links []links // by inode
}

// links are the names of an inode that has more than one, as versions.
type links struct {
	inode int32
	names []int32
}

// A bunch is sibling nodes that a view cannot tell apart but by their bytes,
// or one other node.
type bunch struct {
	node   NodeID // one of them
	dir    int32  // its place among directories, none for a node that nothing lies below
	parent int32  // that of its parent, none for Root
	nodes  int32
	first  int32 // in bunches.versions; they end where those of the next bunch begin
}

// each calls f with every bunch, with its versions and the bytes that they carry.
func (g *bunches) each(f func(x *bunch, vs []version, carried []int64)) {
	for i := range g.list {
		x, to := &g.list[i], len(g.versions)
		if i+1 < len(g.list) {
			to = int(g.list[i+1].first)
		}
		f(x, g.versions[x.first:to], g.carried[x.first:to])
	}
}

// gather puts the nodes of a tree into bunches.
func gather(t *Tree) *bunches {
	g := &bunches{}
	for n := NodeID(len(t.nodes) - 1); n >= 0; n-- { // children before their parents
		dir := t.nodes[n].dir
		if dir == none {
			continue
		}
		begin := len(g.list)
		for _, k := range t.Children(n) {
			if t.nodes[k].dir == none {
				g.join(t, k, dir, begin)
			}
		}
		above := int32(none)
		if n != Root {
			above = t.nodes[t.nodes[n].parent].dir
		}
		g.begin(t, n, above)
	}
	g.list, g.versions, g.carried = slices.Clip(g.list), slices.Clip(g.versions), slices.Clip(g.carried)
	for _, id := range slices.Sorted(maps.Keys(t.shared)) {
		g.links = append(g.links, links{id, t.shared[id]})
	}
	return g
}

// begin begins a bunch with n.
func (g *bunches) begin(t *Tree, n NodeID, parent int32) {
	g.list = append(g.list, bunch{node: n, dir: t.nodes[n].dir, parent: parent, nodes: 1, first: int32(len(g.versions))})
	from, to := t.versionRange(n)
	g.versions = append(g.versions, t.versions[from:to]...)
	for i := from; i < to; i++ {
		g.carried = append(g.carried, t.carried(i))
	}
}

// lookBack is how many bunches of a directory are looked at for one that a node
// may join: most have fewer.
const lookBack = 16

// join puts n, which nothing lies below, into one of its directory's bunches, of
// which begin is the first.
func (g *bunches) join(t *Tree, n NodeID, parent int32, begin int) {
	from, to := t.versionRange(n)
	vs := t.versions[from:to]
	end := len(g.versions)
	for i := len(g.list) - 1; i >= max(begin, len(g.list)-lookBack); i-- {
		x := &g.list[i]
		if alike(vs, g.versions[x.first:end]) {
			x.nodes++
			for k := range vs {
				g.carried[int(x.first)+k] += t.carried(from + int32(k))
			}
			return
		}
		end = int(x.first)
	}
	g.begin(t, n, parent)
}

// alike reports whether views show of two siblings the same, which nothing lies
// below. Hard links are like nothing else: their bytes may count elsewhere.
func alike(a, b []version) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := &a[i], &b[i]
		if x.layer != y.layer || x.by != y.by || x.kind != y.kind || x.inode >= 0 || x.inode != y.inode ||
			x.flags&duplicate != y.flags&duplicate || (x.change == Removed) != (y.change == Removed) {
			return false
		}
	}
	return true
}
