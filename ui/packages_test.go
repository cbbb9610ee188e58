package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

func packagesOf(m *model) *packages {
	return m.views[len(views)-1].(*framed).page.(*packages)
}

// TestPackageShowsItsFiles checks that enter on a package shows exactly the files that it
// lists, after the layer that has them, with as many bytes as the package has there. One key
// drops the filter, another leads back.
func TestPackageShowsItsFiles(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		m := start(t, open(t, "packages"), size[0], size[1])
		press(m, fmt.Sprint(len(views)))
		p := packagesOf(m)
		for i, row := range p.rows.listed {
			x := p.rows.row(row)
			t.Run(fmt.Sprintf("%s %s %d", x.Name, x.Version, size[0]), func(t *testing.T) {
				press(m, "g")
				for range i {
					press(m, "j")
				}
				press(m, "enter")
				intact(t, m)
				if m.view != filesView {
					t.Fatalf("got view %d", m.view)
				}
				v := m.explorer.files.view
				if n, _ := v.Matched(); n == 0 {
					t.Errorf("no files are shown:\n%s", strings.Join(screen(m), "\n"))
				}
				if x.Name != "" {
					if got, want := v.Bytes(analyze.Root)-x.Shared, visibleAfter(x, v.Spec().At, p.a); got != want {
						t.Errorf("got %d bytes after layer %d, want %d", got, v.Spec().At, want)
					}
				}
				press(m, "F")
				if !m.explorer.files.request.filter.Empty() {
					t.Error("F doesn't drop the filter")
				}
				press(m, "backspace")
				if got, _ := p.current(); m.view == filesView || got != x {
					t.Errorf("backspace leads to view %d, or to another package", m.view)
				}
			})
		}
	}
}

// visibleAfter returns how many bytes of a package the union after a layer shows, by checking
// every version.
func visibleAfter(x *analyze.Package, layer int, a *analyze.Analysis) int64 {
	n := int64(0)
	all, err := a.Packages(context.Background())
	if err != nil {
		return -1
	}
	for node := range analyze.NodeID(a.Tree.Len()) {
		if v, ok := a.Tree.At(node, layer); ok {
			if o := all.Owner(v); o >= 0 && &all.Rows[o] == x {
				n += v.Stored()
			}
		}
	}
	return n
}

// TestPackagesAddUp checks that the rows, with the one for files without a package, add up to
// the bytes that the image stores, in every order.
func TestPackagesAddUp(t *testing.T) {
	a := open(t, "packages")
	for by := range packageOrders {
		for _, order := range []packageOrder{by, by ^ packagesReversed} {
			r, err := makePackageRows(t.Context(), a, narrowing{}, order)
			if err != nil {
				t.Fatal(err)
			}
			if r.sum.Stored != a.Totals.Stored || r.sum.Wasted != a.Totals.Wasted || r.sum.Visible != a.Totals.Visible {
				t.Errorf("by %s: %+v, want %+v", by, r.sum, a.Totals)
			}
			if len(r.listed) != len(r.all.Rows)+1 {
				t.Errorf("by %s: %d rows", by, len(r.listed))
			}
		}
	}
}

// TestPackageOrders checks that a menu orders the packages, and that a key and a click on a
// column's name reverse the order.
func TestPackageOrders(t *testing.T) {
	tests := []struct{ keys, first, right string }{
		{"", "git", "by stored ▾"},
		{"S", "git-doc", "by stored ▴"},
		{"s s enter", "git", "by wasted ▾"},
		{"s s s enter", "git-doc", "by shared ▾"},
		{"s s s s s s enter", "@acme/ui", "by name ▾"},
		{"s s s s s s enter S", "python3-numpy", "by name ▴"},
		{"s s s s s s s s enter", "base-files", "by layer ▾"},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			m := start(t, open(t, "packages"), 120, 40)
			press(m, fmt.Sprint(len(views))+" "+tt.keys+" g")
			intact(t, m)
			if x, _ := packagesOf(m).current(); x.Name != tt.first {
				t.Errorf("%s is first", x.Name)
			}
			rowWith(t, m, tt.right)
		})
	}
}

// TestPackagesWait checks that packages are computed only when their view is opened.
func TestPackagesWait(t *testing.T) {
	m := start(t, open(t, "packages"), 80, 24)
	if p := packagesOf(m); p.rows != nil || p.busy {
		t.Error("packages were computed before the view was opened")
	}
	press(m, fmt.Sprint(len(views))+" j")
	if p := packagesOf(m); p.rows == nil || p.busy || p.cursor != 1 {
		t.Errorf("the packages weren't computed, or the key had no effect: %+v", p.list)
	}
}
