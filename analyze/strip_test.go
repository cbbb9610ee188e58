package analyze

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// plainLatest is a simple version of latest.
func plainLatest(vs []version, k int) int32 {
	for i := len(vs) - 1; i >= 0; i-- {
		if v := &vs[i]; int(v.layer) <= k && v.flags&duplicate == 0 {
			if v.change == Removed {
				return none
			}
			return int32(i)
		}
	}
	return none
}

// TestLatest checks that skipping layers that have only duplicates of a path doesn't change
// what shows.
func TestLatest(t *testing.T) {
	for seed := range testkit.Rounds(uint64(500)) {
		r := rand.New(rand.NewPCG(seed, 1))
		var vs []version
		layers := 1 + r.IntN(12)
		for layer := range layers {
			for range r.IntN(5) {
				vs = append(vs, version{layer: uint16(layer), flags: duplicate})
			}
			switch r.IntN(4) {
			case 0:
				vs = append(vs, version{layer: uint16(layer), change: Removed})
			case 1:
				vs = append(vs, version{layer: uint16(layer)})
			}
		}
		for k := -1; k <= layers; k++ {
			if got, want := latest(vs, k), plainLatest(vs, k); got != want {
				t.Errorf("seed %d, after layer %d: version %d shows, want %d", seed, k, got, want)
			}
		}
	}
}

// TestStripParts checks that a part of a strip equals that part of the whole strip, and that
// files still get their strips if those of directories exceed the bound.
func TestStripParts(t *testing.T) {
	a, err := Run(t.Context(), scanned(t, overlapping()...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec, last := Spec{Mode: Union, At: 5}, len(a.Layers)
	whole := FirstView(a.Tree, spec)
	was := maxStrips
	defer func() { maxStrips = was }()
	maxStrips = 0
	without := FirstView(a.Tree, spec)
	without.PrepareStrips()
	if without.strips.bits != nil {
		t.Error("directories have strips beyond the bound")
	}
	for n := range NodeID(a.Tree.Len()) {
		all := whole.Strip(n, 0, last, nil)
		for from := range last {
			for to := from; to <= last; to++ {
				if part := whole.Strip(n, from, to, nil); !slices.Equal(part, all[from:to]) {
					t.Fatalf("%s, layers from %d to %d: got %v, part of %v", a.Tree.Path(n), from, to, part, all)
				}
			}
		}
		if got := without.Strip(n, 0, last, nil); a.Tree.nodes[n].dir == none && !slices.Equal(got, all) {
			t.Errorf("%s without strips of directories: got %v, want %v", a.Tree.Path(n), got, all)
		}
	}
}

// TestStripsTakeWhatIsThere checks that a view allocates memory for strips only when someone
// asks for them.
func TestStripsTakeWhatIsThere(t *testing.T) {
	var layers [][]testkit.Entry
	for k := range 200 {
		layers = append(layers, []testkit.Entry{member('0', fmt.Sprintf("d%d/f", k), "")})
	}
	a, err := Run(t.Context(), scanned(t, layers...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := a.Tree.View(Spec{Mode: Union, At: 199})
	if v.Files(Root) != 200 || v.strips.bits != nil {
		t.Errorf("%d files; strips take %d words, though none was asked for", v.Files(Root), len(v.strips.bits))
	}
	if got := v.Strip(Root, 198, 200, nil); !slices.Equal(got, []Sign{SignShows, SignShows}) || len(v.strips.bits) == 0 {
		t.Errorf("the root's strip ends with %v", got)
	}
}
