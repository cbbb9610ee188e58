package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// flatPaths returns the paths of the rows in the files pane.
func flatPaths(m *model) []string {
	var paths []string
	for r := range m.explorer.files.rows.all() {
		paths = append(paths, m.a.Tree.Path(r.node))
	}
	return paths
}

// TestFlatRows checks that the flat list has everything but directories, in each mode, once and
// in order, and finds the row of each path.
func TestFlatRows(t *testing.T) {
	a := open(t, "app")
	for _, mode := range []analyze.Mode{analyze.Union, analyze.Alone, analyze.Range, analyze.Everything} {
		for by := range orderCount {
			v := a.Tree.View(analyze.Spec{Mode: mode, From: 1, At: 6})
			l, err := flatRows(t.Context(), v, by)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			for n := range analyze.NodeID(a.Tree.Len()) {
				if x, ok := v.Version(n); n != analyze.Root && ok && (x.Kind() != analyze.TypeDir || x.Change() == analyze.Removed) {
					want++
					if got := l.at(l.find(n)); got.node != n || got.kids || got.depth != 0 {
						t.Errorf("mode %d: the row of %s is %+v", mode, a.Tree.Path(n), got)
					}
					if got, want := "/"+l.at(l.find(n)).name(a.Tree), a.Tree.Path(n); got != want {
						t.Errorf("got name %s, want %s", got, want)
					}
				} else if l.flat.has(n) {
					t.Errorf("mode %d: the list has %s", mode, a.Tree.Path(n))
				}
			}
			if l.len() != want || len(slices.Collect(l.all())) != want {
				t.Errorf("mode %d: got %d rows, want %d", mode, l.len(), want)
			}
			for i := 1; i < l.len(); i++ {
				x, y := l.at(i-1).node, l.at(i).node
				switch {
				case by == bySize && v.Bytes(x) < v.Bytes(y), by == byWaste && v.Wasted(x) < v.Wasted(y),
					by == byName && a.Tree.Path(x) >= a.Tree.Path(y) && !strings.ContainsAny(a.Tree.Path(x)+a.Tree.Path(y), "-. "):
					t.Errorf("mode %d by %s: %s before %s", mode, by, a.Tree.Path(x), a.Tree.Path(y))
				}
			}
		}
	}
}

// TestFlatList checks layers, modes, filters, marks, the viewer and search in the flat list. A
// jump to a directory leads to the tree.
func TestFlatList(t *testing.T) {
	for _, size := range mapSizes {
		m := start(t, open(t, "app"), size[0], size[1])
		press(m, "L")
		intact(t, m)
		f := &m.explorer.files
		first := flatPaths(m)[0]
		if f.cursor != 0 || m.explorer.selectedPath() != first || f.view.Bytes(f.rows.at(0).node) < f.view.Bytes(f.rows.at(1).node) {
			t.Errorf("%v: cursor on %s, first row is %s", size, m.explorer.selectedPath(), first)
		}
		rowWith(t, m, "[a list")
		press(m, "[")
		if f.rows.flat == nil || m.explorer.selectedPath() != first {
			t.Errorf("%v: after selecting another layer: %s", size, m.explorer.selectedPath())
		}
		press(m, "] f m o d e l enter")
		for _, p := range flatPaths(m) {
			if !strings.Contains(p, "model") {
				t.Errorf("%v: the filter leaves %s", size, p)
			}
		}
		press(m, "F space j space")
		if got := len(f.marks); got != 2 {
			t.Errorf("%v: %d marks", size, got)
		}
		press(m, "esc v")
		if len(m.over) != 1 {
			t.Errorf("%v: the viewer isn't open", size)
		}
		press(m, "esc G L")
		if f.rows.flat != nil || f.rows.find(f.anchor) != f.cursor {
			t.Errorf("%v: the tree isn't shown, or the cursor is lost", size)
		}
		press(m, "L 4 b j v")
		if f.rows.flat != nil || m.explorer.selectedPath() != "/usr" {
			t.Errorf("%v: the map leads to %s", size, m.explorer.selectedPath())
		}
		intact(t, m)
	}
}

// TestFlatSearch checks that n goes through the matches in the order of the list, and wraps
// round.
func TestFlatSearch(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "L / p y enter")
	intact(t, m)
	var want []string
	for _, p := range flatPaths(m) {
		if strings.Contains(p[strings.LastIndexByte(p, '/'):], "py") {
			want = append(want, p)
		}
	}
	if len(want) < 3 {
		t.Fatalf("too few matches: %q", want)
	}
	for i := range 2 * len(want) {
		if got := m.explorer.selectedPath(); got != want[i%len(want)] {
			t.Errorf("match %d is %s, want %s", i, got, want[i%len(want)])
		}
		press(m, "n")
	}
	press(m, "N")
	if got := m.explorer.selectedPath(); got != want[len(want)-1] {
		t.Errorf("the previous match is %s, want %s", got, want[len(want)-1])
	}
	press(m, "/ ctrl+r l b enter")
	if m.explorer.files.rows.flat == nil {
		t.Error("the flat list isn't shown any more")
	}
	intact(t, m)
}
