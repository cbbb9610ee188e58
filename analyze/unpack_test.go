package analyze_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestUnpackFixtures compares peel with the layers of every fixture, unpacked one by one.
func TestUnpackFixtures(t *testing.T) {
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		t.Run(f.Name, func(t *testing.T) {
			if len(f.Images) != 1 || f.Images[0].Absent != "" || strings.HasPrefix(f.Name, "unreadable-") {
				t.Skip("the fixture isn't about layers")
			}
			a := run(t, f.Shapes()[0].Write(t, f), source.Options{Platform: f.Images[0].Platform})
			if d := unpackedDifferences(a, f.Images[0]); d != "" {
				t.Errorf("peel differs from the unpacked layers:\n%s", d)
			}
		})
	}
}

// unpackedDifferences compares all unions and figures of an analysis with the unpacked layers.
func unpackedDifferences(a *analyze.Analysis, im *testkit.Image) string {
	var b strings.Builder
	unions := testkit.Unions(im, false)
	for k, union := range unions {
		got, want := treeLines(a.Tree, k), map[string]string{}
		union.Each("", func(path string, f *testkit.File) { want[path] = fileLine(f) })
		paths := maps.Clone(got)
		maps.Copy(paths, want)
		for _, p := range slices.Sorted(maps.Keys(paths)) {
			if got[p] != want[p] {
				fmt.Fprintf(&b, "after layer %d: %s\n     got: %s\n    want: %s\n", k, p, got[p], want[p])
			}
		}
	}
	var stored, visible int64
	for _, l := range im.Layers {
		for _, e := range l.Members() {
			stored += e.Stored()
		}
	}
	if len(unions) > 0 {
		reached := map[*testkit.Content]bool{}
		unions[len(unions)-1].Each("", func(_ string, f *testkit.File) {
			if c := f.Content; c != nil && !reached[c] {
				reached[c] = true
				visible += c.Stored
			}
		})
	}
	if t := a.Totals; t.Stored != stored || t.Visible != visible || t.Wasted != stored-visible {
		fmt.Fprintf(&b, "figures:\n     got: stored %d visible %d wasted %d\n    want: stored %d visible %d wasted %d\n",
			t.Stored, t.Visible, t.Wasted, stored, visible, stored-visible)
	}
	return b.String()
}

// fileLine formats a file of the reference.
func fileLine(f *testkit.File) string {
	line := "0755 0:0 -62135596800 map[]" // for a directory that no entry names
	if e := f.Header(); e != nil {
		line = fmt.Sprintf("%04o %d:%d %d %v", e.Mode&0o7777, e.UID, e.GID, e.Time.Unix(), f.Attributes.Xattrs)
	}
	switch c := f.Content; {
	case c == nil:
		return "dir " + line
	case c.Missing:
		return "file missing " + line
	case c.Type == '2':
		return "symlink " + c.Link + " " + line
	case typeWords[c.Type] == "file":
		return fmt.Sprintf("file of entry %d in layer %d, %d bytes %s", c.Index, c.Layer, c.Size, line)
	default:
		return typeWords[c.Type] + " " + line
	}
}

// treeLines formats the union after layer k as fileLine does, by path.
func treeLines(t *analyze.Tree, k int) map[string]string {
	out := map[string]string{}
	for n := range t.Len() {
		v, ok := t.At(analyze.NodeID(n), k)
		if !ok || n == 0 {
			continue
		}
		e, _ := v.Entry()
		line := fmt.Sprintf("%04o %d:%d %d %v", v.Mode(), v.UID(), v.GID(), v.Time().Unix(), e.Xattrs)
		layer, entry, carried := v.Content()
		target, link := v.Target()
		switch {
		case link:
			line = "symlink " + target + " " + line
		case carried:
			line = fmt.Sprintf("file of entry %d in layer %d, %d bytes %s", entry, layer.Index, v.Size(), line)
		case v.Kind() == source.File:
			line = "file missing " + line
		default:
			line = v.Kind().String() + " " + line
		}
		out[t.Path(analyze.NodeID(n))] = line
	}
	return out
}
