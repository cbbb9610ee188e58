package analyze

import (
	"fmt"
	"slices"
)

// AppendFolded is for the tests of folding.
var AppendFolded = appendFolded

// Unlike says in what a view differs from one that was made node by node, "" if
// in nothing.
func Unlike(v *View) string {
	t := v.t
	single := &bunches{links: gather(t).links}
	for n := NodeID(len(t.nodes) - 1); n >= 0; n-- {
		above := int32(none)
		if n != Root {
			above = t.nodes[t.nodes[n].parent].dir
		}
		single.begin(t, n, above)
	}
	want := newView(t, v.spec, single)
	for n, x := range t.nodes {
		if x.dir != none && v.sums[x.dir] != want.sums[x.dir] {
			return fmt.Sprintf("%s: %+v, want %+v", t.Path(NodeID(n)), v.sums[x.dir], want.sums[x.dir])
		}
	}
	if !slices.Equal(v.signs, want.signs) {
		return "signs"
	}
	return ""
}

// Bunches returns how many bunches there are for a view to pass over.
func Bunches(t *Tree) int { return len(gather(t).list) }

// FirstView makes a view as if it were a tree's first.
func FirstView(t *Tree, s Spec) *View { return newView(t, s, gather(t)) }
