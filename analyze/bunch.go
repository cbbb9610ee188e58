package analyze

import (
	"maps"
	"slices"
)

// Most files in an image are written by one layer and never changed, and a
// layer that changes a file usually changes its siblings too. Views treat such
// siblings alike. They are grouped into bunches, once for all views of a tree,
// with the sum of their bytes. A view then visits little more than one bunch
// for each directory and layer, in consecutive memory.

// bunches are the nodes of a tree, with the content of a directory before the directory.
type bunches struct {
	list     []bunch
	versions []version // of one node of each bunch, in the order of list
	carried  []int64   // by version: bytes stored by the corresponding versions of all nodes in the bunch

	links []links // by inode
}

// links are the names, as versions, of an inode with several names.
type links struct {
	inode int32
	names []int32
}

// A bunch is a group of siblings that views distinguish only by their bytes, or a single node.
type bunch struct {
	node   NodeID // one of them
	dir    int32  // its index among directories; none for a node without content
	parent int32  // index of its parent; none for Root
	nodes  int32
	first  int32 // in bunches.versions; they end at the next bunch's first
}

// each calls f for every bunch with its versions and their bytes.
func (g *bunches) each(f func(x *bunch, vs []version, carried []int64)) {
	for i := range g.list {
		x, to := &g.list[i], len(g.versions)
		if i+1 < len(g.list) {
			to = int(g.list[i+1].first)
		}
		f(x, g.versions[x.first:to], g.carried[x.first:to])
	}
}

// gather groups the nodes of a tree into bunches.
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

// begin starts a bunch with n.
func (g *bunches) begin(t *Tree, n NodeID, parent int32) {
	g.list = append(g.list, bunch{node: n, dir: t.nodes[n].dir, parent: parent, nodes: 1, first: int32(len(g.versions))})
	from, to := t.versionRange(n)
	g.versions = append(g.versions, t.versions[from:to]...)
	for i := from; i < to; i++ {
		g.carried = append(g.carried, t.carried(i))
	}
}

// lookBack is the number of a directory's bunches that a node is compared with: most have fewer.
const lookBack = 16

// join adds n, which has no content, to one of its directory's bunches, the first of which is
// begin.
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

// alike reports whether views treat two siblings without content alike. Hard links are never
// alike, because their bytes may count elsewhere.
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
