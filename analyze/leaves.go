package analyze

import (
	"context"
	"slices"
)

// A Leaf is a node of a view that is not listed as a directory, with its own bytes: those that
// View.Bytes and View.Wasted would count for it alone.
type Leaf struct {
	Node          NodeID
	Bytes, Wasted int64
}

// Leaves returns the leaves of v in the order of paths, directory by directory, bytewise; in a
// filtered view, only matching ones. It takes one pass over the nodes that v shows. The error is
// the context's.
func (v *View) Leaves(ctx context.Context) ([]Leaf, error) {
	var out []Leaf
	var carried []int64
	stack := []NodeID{Root}
	for seen := 0; len(stack) > 0; seen++ {
		if seen%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, k := range slices.Backward(v.t.Children(n)) {
			if dir := v.t.nodes[k].dir; dir == none || v.sums[dir].shows {
				stack = append(stack, k)
			}
		}
		if n == Root || v.filtered != nil && !v.filtered.in.has(int(n)) {
			continue
		}
		from, to := v.t.versionRange(n)
		vs := v.t.versions[from:to]
		shown := v.pick(vs)
		if isDir(vs, shown) {
			continue
		}
		carried = carried[:0]
		for i := from; i < to; i++ {
			carried = append(carried, v.t.carried(i))
		}
		s := v.sum1(vs, carried, shown, n)
		out = append(out, Leaf{n, s.bytes, s.wasted})
	}
	return out, nil
}
