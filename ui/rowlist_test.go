package ui

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// plainRows lists all rows, one directory after the other. A rowList must give the same rows.
func plainRows(v *analyze.View, by order, open opened) []row {
	t := v.Tree()
	shown := func(n analyze.NodeID) []analyze.NodeID {
		var kids []analyze.NodeID
		for _, k := range t.Children(n) {
			if v.Shows(k) {
				kids = append(kids, k)
			}
		}
		slices.SortStableFunc(kids, func(a, b analyze.NodeID) int {
			bytes, wasted := cmp.Compare(v.Bytes(b), v.Bytes(a)), cmp.Compare(v.Wasted(b), v.Wasted(a))
			return [orderCount]int{bySize: bytes, byWaste: cmp.Or(wasted, bytes)}[by]
		})
		return kids
	}
	var rows []row
	var list func(n analyze.NodeID, depth int32)
	list = func(n analyze.NodeID, depth int32) {
		for _, head := range shown(n) {
			end := head
			kids := shown(end)
			for len(kids) == 1 && isDir(v, end) && isDir(v, kids[0]) {
				end = kids[0]
				kids = shown(end)
			}
			rows = append(rows, row{head: head, node: end, depth: depth, kids: len(kids) > 0})
			if open.has(end) {
				list(end, depth+1)
			}
		}
	}
	list(analyze.Root, 0)
	return rows
}

// plainFind finds the row of a node, or of its nearest parent that has one.
func plainFind(t *analyze.Tree, rows []row, n analyze.NodeID) int {
	for ; n != analyze.Root; n = t.Parent(n) {
		for i, r := range rows {
			for at := r.node; ; at = t.Parent(at) {
				if at == n {
					return i
				}
				if at == r.head {
					break
				}
			}
		}
	}
	return 0
}

// randomImage makes up an image whose layers write, remove and replace paths of each other.
func randomImage(t *testing.T, r *rand.Rand) *analyze.Analysis {
	t.Helper()
	path := func() string {
		parts := make([]string, 1+r.IntN(6))
		for i := range parts {
			parts[i] = string(rune('a' + r.IntN(4)))
		}
		return strings.Join(parts, "/")
	}
	var s strings.Builder
	for range 1 + r.IntN(5) {
		s.WriteString("-- layer --\n")
		for range r.IntN(30) {
			switch p := path(); r.IntN(10) {
			case 0:
				fmt.Fprintf(&s, "dir %s/\n", p)
			case 1:
				dir, name := "", p
				if i := strings.LastIndexByte(p, '/'); i >= 0 {
					dir, name = p[:i+1], p[i+1:]
				}
				fmt.Fprintf(&s, "file %s.wh.%s\n", dir, name)
			case 2:
				fmt.Fprintf(&s, "symlink %s -> %s\n", p, path())
			case 3:
				fmt.Fprintf(&s, "hardlink %s -> %s\n", p, path())
			default:
				fmt.Fprintf(&s, "file %s %d\n", p, r.IntN(3)*r.IntN(50))
			}
		}
	}
	f, err := testkit.Parse(s.String())
	if err != nil {
		t.Fatal(err)
	}
	return openFile(t, testkit.ShapeNamed("docker-20").Write(t, f))
}

// randomView returns a view of a random mode and random layers, sometimes filtered.
func randomView(t *testing.T, r *rand.Rand, tree *analyze.Tree) *analyze.View {
	t.Helper()
	layers := tree.LayerCount()
	v := tree.View(analyze.Spec{
		Mode: analyze.Mode(r.IntN(int(analyze.Everything) + 1)),
		From: r.IntN(layers+1) - 1,
		At:   r.IntN(layers),
	})
	if r.IntN(3) > 0 {
		return v
	}
	filter, err := analyze.ParseFilter([]string{"a", "?", "/a/**", "type:file", "size:>20", "layer:1", "!b"}[r.IntN(7)])
	if err != nil {
		t.Fatal(err)
	}
	if v, err = v.Filter(t.Context(), filter); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRowListMatchesPlainRows checks that a rowList returns the same rows as a plain list, in all
// modes and orders, with any directories open, and for any sequence of accesses.
func TestRowListMatchesPlainRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	chains, deep := 0, 0
	for range 60 {
		tree := randomImage(t, r).Tree
		var before *rowList
		for range 20 {
			v := randomView(t, r, tree)
			by := order(r.IntN(int(orderCount)))
			open := opened{all: r.IntN(2) == 0}
			for range r.IntN(12) {
				open.set(analyze.NodeID(r.IntN(tree.Len())), r.IntN(2) == 0)
			}
			want := plainRows(v, by, open)
			got, err := newRowList(t.Context(), v, by, open, before)
			if err != nil {
				t.Fatal(err)
			}
			before = got
			what := fmt.Sprintf("%+v by %s, open: %+v", v.Spec(), by, open)
			if got.len() != len(want) {
				t.Fatalf("%s: %d rows, want %d", what, got.len(), len(want))
			}
			if listed := slices.Collect(got.all()); !slices.Equal(listed, want) {
				t.Fatalf("%s:\n%v\nwant\n%v", what, listed, want)
			}
			for _, i := range r.Perm(len(want)) {
				got.from, got.window = 0, nil // pretend that the row is far away
				if got.at(i) != want[i] {
					t.Fatalf("%s: row %d is %v, want %v", what, i, got.at(i), want[i])
				}
				if want[i].head != want[i].node {
					chains++
				}
				deep = max(deep, int(want[i].depth))
			}
			for n := range analyze.NodeID(tree.Len()) {
				if i := got.find(n); i != plainFind(tree, want, n) {
					t.Fatalf("%s: %s is found in row %d, want %d", what, tree.Path(n), i, plainFind(tree, want, n))
				}
			}
		}
	}
	if chains == 0 || deep < 3 {
		t.Errorf("rows of %d directories with %d levels: the images are too simple", chains, deep)
	}
}

// TestRowListOfLargeDirectories checks rows outside the window, in directories that are sorted
// in advance, and in those with more children than are kept sorted.
func TestRowListOfLargeDirectories(t *testing.T) {
	if testing.Short() {
		t.Skip("lists 150,000 files")
	}
	var s strings.Builder
	s.WriteString("-- layer --\n")
	for i := range largeDir + 10 {
		fmt.Fprintf(&s, "file large/f%d %d\n", i, i%7)
	}
	for i := range maxCachedKids {
		fmt.Fprintf(&s, "file many/d%d/f%d 1\n", i/100, i)
	}
	f, err := testkit.Parse(s.String())
	if err != nil {
		t.Fatal(err)
	}
	tree := openFile(t, testkit.ShapeNamed("docker-20").Write(t, f)).Tree
	v := tree.View(analyze.Spec{})
	list, err := newRowList(t.Context(), v, bySize, opened{all: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.wide) != 1 {
		t.Errorf("got %d large directories", len(list.wide))
	}
	want := plainRows(v, bySize, opened{all: true})
	if list.len() != len(want) {
		t.Fatalf("%d rows, want %d", list.len(), len(want))
	}
	for i := range want {
		if list.at(i) != want[i] {
			t.Fatalf("row %d is %v, want %v", i, list.at(i), want[i])
		}
	}
	if list.held > 2*maxCachedKids {
		t.Errorf("%d children are in memory", list.held)
	}
	if i := list.find(want[100].node); i != 100 {
		t.Errorf("the node of row 100 is found in row %d", i)
	}
}
