package analyze

import "context"

// A DiffTree is what differs between two unions, as a tree: every path that differs,
// and the directories above it. Nodes are told by their index: the root is 0, a
// directory stands before what lies below it, and children are by name. It is
// immutable. It takes memory for what differs alone.
type DiffTree struct {
	nodes         []diffNode
	before, after *Tree
}

// diffNode is a node of a DiffTree.
type diffNode struct {
	parent, end   int32 // end is the index after the last node below it
	nodes         couple[NodeID]
	versions      couple[int32]
	before, after int64
	moved         int64
	differing     int32
	change        Change
	what          What
}

// A DiffNode is what a DiffTree says of a node. Sizes are visible bytes.
type DiffNode struct {
	Change Change // what became of the path itself: Identical for a directory of which only what is in it differs
	What   What   // what differs of it; nothing if it was added or removed

	Before, After int64 // with all that lies below it, differing or not
	Moved         int64 // by how many bytes paths have grown or shrunk, itself and below, all taken as positive
	Differing     int   // paths that differ, itself and below

	Old, New *Version // what shows; nil where nothing does

	Dir bool // it is a directory on the side that counts: the later one, if it is there
}

// Growth returns by how many visible bytes the node has grown.
func (n *DiffNode) Growth() int64 { return n.After - n.Before }

// CompareTree is Compare with all that differs as a tree; the Difference lists no paths.
// Time is linear in the nodes of both images.
func CompareTree(ctx context.Context, before, after Side) (*Difference, *DiffTree, error) {
	d := newDiffer(before, after, 0)
	if err := d.settle(ctx); err != nil {
		return nil, nil, err
	}
	g := &treeGrower{t: &DiffTree{before: d.before.t, after: d.after.t}}
	d.each = g.add
	if err := d.walk(ctx, d.count); err != nil {
		return nil, nil, err
	}
	g.leave(0)
	d.conclude()
	var err error
	d.out.Packages, err = comparePackagesOf(ctx, before, after)
	return d.out, g.t, err
}

// A treeGrower makes a DiffTree of what a walk finds.
type treeGrower struct {
	t    *DiffTree
	path []growing // the root, and the directories down to what was added last
}

// growing is a node that something may still be added below.
type growing struct {
	diffNode
	index int32 // in the tree; none as long as nothing at it or below differs
}

// add takes the next path of a walk, which comes after the directory it is in.
func (g *treeGrower) add(f *found) {
	n := growing{diffNode{
		nodes: f.nodes, versions: f.versions, before: f.before, after: f.after, moved: abs(f.after - f.before), change: f.change, what: f.what,
	}, none}
	depth := len(g.path)
	for ; depth > 0; depth-- {
		above := &g.path[depth-1]
		if f.nodes.after != none && above.nodes.after == g.t.after.Parent(f.nodes.after) ||
			f.nodes.after == none && above.nodes.before == g.t.before.Parent(f.nodes.before) {
			break
		}
	}
	g.leave(depth)
	g.path = append(g.path, n)
	if f.change != Identical || depth == 0 {
		g.emit()
	}
	if f.change != Identical {
		g.path[depth].differing = 1
	}
}

// emit gives the nodes of the path a place in the tree.
func (g *treeGrower) emit() {
	parent := int32(none)
	for i := range g.path {
		n := &g.path[i]
		if n.index == none {
			n.index = int32(len(g.t.nodes))
			n.parent = parent
			g.t.nodes = append(g.t.nodes, diffNode{})
		}
		parent = n.index
	}
}

// leave ends the nodes of the path from a depth on: nothing more comes below them.
func (g *treeGrower) leave(depth int) {
	for len(g.path) > depth {
		n := &g.path[len(g.path)-1]
		g.path = g.path[:len(g.path)-1]
		if n.index != none {
			n.end = int32(len(g.t.nodes))
			g.t.nodes[n.index] = n.diffNode
		}
		if len(g.path) > 0 {
			above := &g.path[len(g.path)-1]
			above.before += n.before
			above.after += n.after
			above.moved += n.moved
			above.differing += n.differing
		}
	}
}

// Len returns how many nodes there are, the root among them.
func (t *DiffTree) Len() int { return len(t.nodes) }

// Node returns the difference at node i.
func (t *DiffTree) Node(i int) DiffNode {
	n := &t.nodes[i]
	out := DiffNode{Change: n.change, What: n.what, Before: n.before, After: n.after, Moved: n.moved, Differing: int(n.differing)}
	if n.versions.before != none {
		out.Old = &Version{t.before, n.versions.before}
	}
	if n.versions.after != none {
		out.New = &Version{t.after, n.versions.after}
	}
	switch {
	case out.New != nil:
		out.Dir = out.New.Kind() == TypeDir
	case out.Old != nil:
		out.Dir = out.Old.Kind() == TypeDir
	default: // the root, which no layer need name
		out.Dir = true
	}
	return out
}

// Sizes returns of node i what Node does as Moved, Before and After.
func (t *DiffTree) Sizes(i int) (moved, before, after int64) {
	n := &t.nodes[i]
	return n.moved, n.before, n.after
}

// Change returns what became of node i itself.
func (t *DiffTree) Change(i int) Change { return t.nodes[i].change }

// Parent returns the directory that node i is in; -1 for the root.
func (t *DiffTree) Parent(i int) int { return int(t.nodes[i].parent) }

// End returns the index behind the last node below i: those from i+1 up to it are
// below.
func (t *DiffTree) End(i int) int { return int(t.nodes[i].end) }

// Nodes returns the nodes that node i is in the two trees, each with whether it is there.
func (t *DiffTree) Nodes(i int) (before NodeID, inBefore bool, after NodeID, inAfter bool) {
	n := t.nodes[i].nodes
	return n.before, n.before != none, n.after, n.after != none
}

// Name returns the name of node i, raw; "" for the root.
func (t *DiffTree) Name(i int) string {
	if n := t.nodes[i].nodes; n.after != none {
		return t.after.Name(n.after)
	}
	return t.before.Name(t.nodes[i].nodes.before)
}

// Path returns the path of node i, raw.
func (t *DiffTree) Path(i int) string {
	if n := t.nodes[i].nodes; n.after != none {
		return t.after.Path(n.after)
	}
	return t.before.Path(t.nodes[i].nodes.before)
}
