package report

import (
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// sums adds up a treemap, in total and for each layer.
func (m treemap) sums(layers int) (visible, wasted int64, stored []int64) {
	stored = make([]int64, layers)
	for _, c := range m.cells {
		if c.kind == versionCell {
			stored[c.layer] += c.bytes
		}
		if c.cause == analyze.NotShadowed {
			visible += c.bytes
		} else {
			wasted += c.bytes
		}
	}
	return visible, wasted, stored
}

// TestTreemapIsExact checks that for any limit on cells, the map counts every stored byte once.
func TestTreemapIsExact(t *testing.T) {
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		if f.Images[0].Absent != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			a := analysisOf(t, f)
			for _, limit := range []int{1, 2, 3, 5, 1000} {
				m := newTreemap(t.Context(), a, limit)
				visible, wasted, stored := m.sums(len(a.Layers))
				if visible != a.Totals.Visible || wasted != a.Totals.Wasted {
					t.Errorf("%d cells: got %d visible and %d wasted, want %d and %d", limit, visible, wasted, a.Totals.Visible, a.Totals.Wasted)
				}
				for k, l := range a.Layers {
					if limit == 1000 && stored[k] != l.Stored {
						t.Errorf("layer %d: got %d stored, want %d", k, stored[k], l.Stored)
					}
				}
				m.check(t, limit)
			}
		})
	}
}

// check checks that the tree can be rebuilt from the rows, and that no row is empty.
func (m treemap) check(t *testing.T, limit int) {
	t.Helper()
	if len(m.cells) == 0 || m.cells[0].parent != none {
		t.Fatal("no root")
	}
	var versions, rest int
	var bytes int64
	for i, c := range m.cells[1:] {
		if c.parent < 0 || c.parent > i || m.cells[c.parent].kind > fileCell {
			t.Errorf("cell %d lies below %d", i+1, c.parent)
		}
		switch c.kind {
		case versionCell, restCell:
			if c.bytes <= 0 || c.layer < 0 || c.most > c.bytes {
				t.Errorf("cell %d: %+v", i+1, c)
			}
		case dirCell, fileCell:
		}
		if c.kind == restCell {
			rest++
			versions += c.versions
			bytes += c.bytes
		}
	}
	if n := len(m.cells) - rest; n > limit {
		t.Errorf("got %d cells, want at most %d", n, limit)
	}
	if versions != m.restVersions || bytes != m.restBytes {
		t.Errorf("the rests add up to %d versions and %d B, but the map has %d and %d", versions, bytes, m.restVersions, m.restBytes)
	}
}
