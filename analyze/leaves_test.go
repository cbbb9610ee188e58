package analyze_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestLeaves checks, on random images in every mode and through a filter, that leaves are the
// nodes that show as anything but a directory, with the bytes that the view counts for them and
// not for nodes below.
func TestLeaves(t *testing.T) {
	filter, err := analyze.ParseFilter("!a")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(cases(200, 5000)) {
		im := testkit.Throw(seed).Image()
		f := &testkit.Fixture{Images: []*testkit.Image{im}}
		a := run(t, "-", source.Options{Stdin: bytes.NewReader(testkit.ShapeNamed("docker-20").Archive(f))})
		for mode := analyze.Union; mode <= analyze.Everything; mode++ {
			for at := range len(a.Layers) {
				whole := a.Tree.View(analyze.Spec{Mode: mode, From: at / 2, At: at})
				some, err := whole.Filter(t.Context(), filter)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range []*analyze.View{whole, some} {
					got, err := v.Leaves(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if want := plainLeaves(v); fmt.Sprint(got) != fmt.Sprint(want) {
						t.Fatalf("seed %d, mode %d at %d: got %v, want %v\nthe image:\n%s", seed, mode, at, got, want, testkit.Text(im))
					}
				}
			}
		}
	}
}

func plainLeaves(v *analyze.View) []analyze.Leaf {
	t := v.Tree()
	out := []analyze.Leaf{}
	var walk func(n analyze.NodeID)
	walk = func(n analyze.NodeID) {
		x, ok := v.Version(n)
		_, filtered := v.Filtered()
		if ok && n != analyze.Root && (x.Change() == analyze.Removed || x.Kind() != analyze.TypeDir) && (!filtered || v.Matches(n)) {
			l := analyze.Leaf{Node: n, Bytes: v.Bytes(n), Wasted: v.Wasted(n)}
			for _, k := range t.Children(n) {
				l.Bytes -= v.Bytes(k)
				l.Wasted -= v.Wasted(k)
			}
			out = append(out, l)
		}
		kids := slices.Clone(t.Children(n))
		slices.SortFunc(kids, func(a, b analyze.NodeID) int { return bytes.Compare([]byte(t.Name(a)), []byte(t.Name(b))) })
		for _, k := range kids {
			walk(k)
		}
	}
	walk(analyze.Root)
	return out
}
