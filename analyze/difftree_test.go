package analyze_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// checkTree checks the tree of a difference against its list: it has the same paths with the
// same figures, lists directories before their contents, and has sums that add up.
func checkTree(t *testing.T, before, after analyze.Side, d *analyze.Difference) {
	t.Helper()
	same, tree, err := analyze.CompareTree(t.Context(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(same.Changes, same.Before, same.After, same.Grown, same.Layers), fmt.Sprint(d.Changes, d.Before, d.After, d.Grown, d.Layers); got != want {
		t.Errorf("figures %s, want %s", got, want)
	}
	if len(same.Paths) > 0 {
		t.Error("a difference for a tree lists paths too")
	}
	var moved int64
	for _, p := range d.Paths {
		moved += max(p.Growth(), -p.Growth())
	}
	root := tree.Node(0)
	if root.Before != d.Before.Visible || root.After != d.After.Visible || root.Moved != moved || root.Differing != d.Differing() || tree.End(0) != tree.Len() {
		t.Errorf("root %+v up to %d of %d, but figures %+v, %+v", root, tree.End(0), tree.Len(), d.Before, d.After)
	}
	var got []string
	for i := range tree.Len() {
		n := tree.Node(i)
		own := [3]int64{n.Before, n.After, n.Moved} // without what lies below
		differing := n.Differing
		last := ""
		for k := i + 1; k < tree.End(i); k = tree.End(k) {
			kid := tree.Node(k)
			if tree.Parent(k) != i || tree.Name(k) <= last {
				t.Fatalf("%q comes after %q below %q, and its parent is %d", tree.Name(k), last, tree.Path(i), tree.Parent(k))
			}
			last = tree.Name(k)
			own[0], own[1], own[2] = own[0]-kid.Before, own[1]-kid.After, own[2]-kid.Moved
			differing -= kid.Differing
		}
		if n.Change == analyze.Identical {
			if differing != 0 || i > 0 && n.Differing == 0 {
				t.Errorf("%s is in the tree although nothing in it differs", tree.Path(i))
			}
			continue
		}
		if differing != 1 || n.Dir != (n.New != nil && n.New.Kind() == analyze.TypeDir || n.New == nil && n.Old.Kind() == analyze.TypeDir) {
			t.Errorf("%s: %+v", tree.Path(i), n)
		}
		if tree.End(i) > i+1 || n.Dir { // sums include what is equal
			own[0], own[1] = 0, 0
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d %d %s", tree.Path(i), n.Change, own[0], own[1], n.What)))
	}
	want := rows(d)
	for i := range d.Paths { // the tree has sums for a directory that was or becomes a file
		p := &d.Paths[i]
		if at := slices.IndexFunc(got, func(g string) bool { return strings.HasPrefix(g, p.Path+" "+p.Change.String()+" 0 0") }); at >= 0 {
			want[i] = got[at]
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
