package analyze_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestWasteOrder compares the order of rows with a simple sort by bytes, then path, then layer.
// Some names contain characters that sort before a slash, and some rows have no node.
func TestWasteOrder(t *testing.T) {
	for seed := range uint64(cases(300, 3000)) {
		d := testkit.Throw(seed)
		im := &testkit.Image{Tag: "fixture:1", Platform: "linux/amd64"}
		name := func() string {
			parts := make([]string, 1+d.Roll(3))
			for i := range parts {
				parts[i] = d.Of("a", "a-", "a-b", "a b", "a.b", "ab", "a\x01", "b", "b!")
			}
			return strings.Join(parts, "/")
		}
		for range 2 + d.Roll(3) {
			l := &testkit.Layer{}
			for range 5 + d.Roll(20) {
				e := testkit.Entry{Type: '0', Name: name(), Mode: 0o644, Time: testkit.DefaultTime, Size: int64(1 + d.Roll(3)), Seed: d.Of("x", "y")}
				if d.Roll(6) == 0 {
					i := strings.LastIndexByte(e.Name, '/') + 1
					e.Name = e.Name[:i] + ".wh." + e.Name[i:] // has content: a row without a node
				}
				l.Entries = append(l.Entries, e)
			}
			im.Layers = append(im.Layers, l)
		}
		archive := testkit.ShapeNamed("docker-20").Archive(&testkit.Fixture{Images: []*testkit.Image{im}})
		a := run(t, "-", source.Options{Stdin: bytes.NewReader(archive)})
		var got []string
		var rows []analyze.Waste
		for _, w := range a.Waste.All() {
			got = append(got, fmt.Sprintf("%d %q layer %d", w.Bytes, w.Path(), w.Layer))
			rows = append(rows, *w)
		}
		slices.SortStableFunc(rows, func(x, y analyze.Waste) int {
			return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), strings.Compare(x.Path(), y.Path()), cmp.Compare(x.Layer, y.Layer))
		})
		var want []string
		for _, w := range rows {
			want = append(want, fmt.Sprintf("%d %q layer %d", w.Bytes, w.Path(), w.Layer))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %s\nwant %s", seed, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}
