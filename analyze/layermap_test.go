package analyze_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestLayerMap checks the map of random images against a count, for every directory and layer
// and as seen from every layer, of the inodes that still have a name.
func TestLayerMap(t *testing.T) {
	for seed := range uint64(cases(300, 10_000)) {
		im := testkit.Throw(seed).Image()
		f := &testkit.Fixture{Images: []*testkit.Image{im}}
		a := run(t, "-", source.Options{Stdin: bytes.NewReader(testkit.ShapeNamed("docker-20").Archive(f))})
		m, err := analyze.NewLayerMap(t.Context(), a.Tree)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := mapFacts(m, len(a.Layers)), naiveMap(a.Tree, overlayOf(im)); got != want {
			t.Fatalf("seed %d: got map\n%s\nwant\n%s\nthe image:\n%s", seed, got, want, testkit.Text(im))
		}
		if stored, dead := m.Stored(analyze.Root); stored != a.Totals.Stored || dead != a.Totals.Wasted {
			t.Fatalf("seed %d: map has %d stored and %d dead bytes, totals have %d and %d", seed, stored, dead, a.Totals.Stored, a.Totals.Wasted)
		}
	}
}

// mapFacts lists all non-empty cells of a map.
func mapFacts(m *analyze.LayerMap, layers int) string {
	var lines []string
	for n := range analyze.NodeID(m.Tree().Len()) {
		for k := range layers {
			for _, c := range m.AppendCells(nil, n, k) {
				lines = append(lines, cellFact(m.Tree().Path(n), k, c))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func cellFact(path string, k int, c analyze.MapCell) string {
	return fmt.Sprintf("%s after %d: layer %d stored %d live %d covered %d removed %d", path, k, c.Layer, c.Stored, c.Live, c.Covered, c.Removed)
}

// naiveMap lists the same facts of a naive overlay.
func naiveMap(t *analyze.Tree, o *overlay) string {
	type key struct {
		path     string
		k, layer int
	}
	cells := map[key]*analyze.MapCell{}
	for _, x := range o.inodes {
		if x.stored == 0 {
			continue
		}
		paths := []string{"/"}
		if n, ok := t.Lookup(x.carrier.path); ok && !x.aside {
			paths = above(x.carrier.path)
			if !slices.Contains(paths, "/") {
				paths = append(paths, "/")
			}
			if len(t.Children(n)) > 0 && x.carrier.path != "/" { // a directory in another layer
				paths = append(paths, x.carrier.path)
			}
		}
		for _, p := range paths {
			for k := range o.unions {
				at := key{p, k, x.carrier.layer}
				if cells[at] == nil {
					cells[at] = &analyze.MapCell{Layer: x.carrier.layer}
				}
				c := cells[at]
				c.Stored += x.stored
				shows := slices.ContainsFunc(slices.Collect(maps.Values(o.unions[k])), func(v *nversion) bool { return v.inode == x })
				switch gone := x.causes["removed"] || x.causes["opaque"]; {
				case x.carrier.layer > k:
				case shows, x.aside && (x.died < 0 || k < x.died): // a higher layer may link to it
					c.Live += x.stored
				case gone:
					c.Removed += x.stored
				default:
					c.Covered += x.stored
				}
			}
		}
	}
	var lines []string
	for at, c := range cells {
		lines = append(lines, cellFact(at.path, at.k, *c))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestLayerMapFates checks when bytes die: when a later layer covers or removes their last
// name. A duplicate dies in its own layer, a hard link's content with its last name.
func TestLayerMapFates(t *testing.T) {
	text, err := os.ReadFile("../testdata/bytes-that-die.image")
	if err != nil {
		t.Fatal(err)
	}
	a, err := analyzed(t, string(text), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := analyze.NewLayerMap(t.Context(), a.Tree)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := a.Tree.Lookup("/d")
	for k, want := range []string{
		"[{0 1500 1500 0 0} {1 1030 0 0 0}]",
		"[{0 1500 1200 100 200} {1 1030 30 1000 0}]",
		"[{0 1500 800 100 600} {1 1030 30 1000 0}]",
		"[{0 1500 0 100 1400} {1 1030 30 1000 0}]",
	} {
		if got := fmt.Sprint(m.AppendCells(nil, d, k)); got != want {
			t.Errorf("after layer %d: got %s, want %s", k, got, want)
		}
	}
	if got, want := fmt.Sprint(m.Deaths(d, 0)), "[{1 false 100} {1 true 200} {2 true 400} {3 true 800}]"; got != want {
		t.Errorf("deaths of layer 0: got %s, want %s", got, want)
	}
	if other, ok := a.Tree.Lookup("/other"); !ok || m.Has(other) {
		t.Error("a file is a directory of the map")
	}
}

// TestLayerMapIsBounded checks that in an image with too many directories and layers, the
// deepest directories have no sums of their own, and the ones above them keep theirs.
func TestLayerMapIsBounded(t *testing.T) {
	defer analyze.SetMaxSums(40)()
	var s strings.Builder
	for layer := range 10 {
		s.WriteString("-- layer --\n")
		fmt.Fprintf(&s, "file %sf%d 10 seed=%d\n", strings.Repeat("d/", layer+1), layer, layer)
		fmt.Fprintf(&s, "file e/e%d/f 10 seed=%d\n", layer, layer)
	}
	a, err := analyzed(t, s.String(), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := analyze.NewLayerMap(t.Context(), a.Tree)
	if err != nil {
		t.Fatal(err)
	}
	if m.Depth() != 1 {
		t.Errorf("sums go down to depth %d, want 1", m.Depth())
	}
	for path, want := range map[string]int64{"/": 200, "/d": 100, "/e": 100, "/d/d": 0} {
		n, _ := a.Tree.Lookup(path)
		if got, _ := m.Stored(n); got != want {
			t.Errorf("%s stores %d bytes, want %d", path, got, want)
		}
	}
}

func TestLayerMapEnds(t *testing.T) {
	a, err := analyzed(t, "-- layer --\nfile d/f 10\n", analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := analyze.NewLayerMap(ctx, a.Tree); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after the context ended", err)
	}
}
