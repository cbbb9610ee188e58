package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// alikeLayers makes up layers that write, change, remove and replace several files of a
// directory together.
func alikeLayers(r *rand.Rand) string {
	var s strings.Builder
	for range 2 + r.IntN(4) {
		s.WriteString("-- layer --\n")
		for range 1 + r.IntN(4) {
			dir := []string{"", "a/", "a/b/", "c/d/"}[r.IntN(4)]
			what := r.IntN(8)
			first := r.IntN(6)
			for i := first; i < first+r.IntN(8); i++ {
				switch what {
				case 0:
					fmt.Fprintf(&s, "file %s.wh.f%d\n", dir, i)
				case 1:
					fmt.Fprintf(&s, "dir %sf%d/\n", dir, i)
				case 2:
					fmt.Fprintf(&s, "symlink %sf%d -> a\n", dir, i)
				case 3:
					fmt.Fprintf(&s, "hardlink %sf%d -> %sf0\n", dir, 9-i, dir) // the first name is not the first link
				default:
					fmt.Fprintf(&s, "file %sf%d %d\n", dir, i, r.IntN(50))
				}
			}
		}
	}
	return s.String()
}

// TestBunches checks that views are the same whether or not similar siblings are bunched.
func TestBunches(t *testing.T) {
	bunches, nodes := 0, 0
	for seed := range uint64(cases(200, 5000)) {
		text := alikeLayers(rand.New(rand.NewPCG(seed, 1)))
		a, err := analyzed(t, text, analyze.Options{})
		if err != nil {
			t.Fatal(err)
		}
		bunches, nodes = bunches+analyze.Bunches(a.Tree), nodes+a.Tree.Len()
		last := a.Tree.LayerCount() - 1
		for at := 0; at <= last; at++ {
			for _, s := range []analyze.Spec{
				{At: at}, {Mode: analyze.Alone, At: at}, {Mode: analyze.Everything},
				{Mode: analyze.Range, From: -1, At: at}, {Mode: analyze.Range, From: at, At: last}, {Mode: analyze.Range, From: last, At: at},
			} {
				if what := analyze.Unlike(a.Tree.View(s)); what != "" {
					t.Fatalf("seed %d, %+v: %s\n%s", seed, s, what, text)
				}
			}
		}
	}
	if bunches > nodes*8/10 {
		t.Errorf("%d nodes make %d bunches: the images don't test much", nodes, bunches)
	}
}
