package analyze

import "context"

// A DiffTree holds the differences between two unions as a tree: every path that differs, and its
// parent directories. Nodes have indexes: the root is 0, a directory precedes its content, and
// children are sorted by name. It is immutable. Its memory is proportional to the differences.
type DiffTree struct {
	nodes         []diffNode
	before, after *Tree
}

// diffNode is a node of a DiffTree.
type diffNode struct {
	parent, end   int32 // end is the index after the last descendant
	nodes         couple[NodeID]
	versions      couple[int32]
	before, after int64
	moved         int64
	differing     int32
	change        Change
	what          What
}

// A DiffNode describes a node of a DiffTree. Sizes are visible bytes.
type DiffNode struct {
	Change Change // change of the path itself: Identical for a directory in which only the content differs
	What   What   // what differs; empty if added or removed

	Before, After int64 // including everything below, differing or not
	Moved         int64 // absolute growth and shrinkage of all paths at and below
	Differing     int   // number of paths that differ, at and below

	Old, New *Version // the visible versions; nil if none

	Dir bool // a directory on the later side, or on the earlier one if the later lacks it
}

// Growth returns the growth of the node in visible bytes.
func (n *DiffNode) Growth() int64 { return n.After - n.Before }

// CompareTree is Compare with all differences as a tree; the Difference then lists no paths. Time
// is linear in the nodes of both images.
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

// A treeGrower builds a DiffTree from the results of a walk.
type treeGrower struct {
	t    *DiffTree
	path []growing // the root, and the directories down to the last added node
}

// growing is a node that may still get content.
type growing struct {
	diffNode
	index int32 // in the tree; none while nothing at or below it differs
}

// add adds the next path of a walk. Directories precede their content.
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

// emit adds the nodes of the path to the tree.
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

// leave closes the nodes of the path from a depth on: they are complete.
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

// Len returns the number of nodes, including the root.
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
	default: // the root, which may have no entry in any layer
		out.Dir = true
	}
	return out
}

// Sizes returns Moved, Before and After of node i, as Node does.
func (t *DiffTree) Sizes(i int) (moved, before, after int64) {
	n := &t.nodes[i]
	return n.moved, n.before, n.after
}

// Change returns the change of node i itself.
func (t *DiffTree) Change(i int) Change { return t.nodes[i].change }

// Parent returns the directory of node i; -1 for the root.
func (t *DiffTree) Parent(i int) int { return int(t.nodes[i].parent) }

// End returns the index after the last descendant of i: the nodes from i+1 to there are below i.
func (t *DiffTree) End(i int) int { return int(t.nodes[i].end) }

// Nodes returns the nodes of the two trees that node i stands for, and whether each exists.
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
