package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// openText opens the image that the text describes.
func openText(t testing.TB, text string) *analyze.Analysis {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return openFile(t, testkit.ShapeNamed("docker-20").Write(t, f))
}

// TestBranches checks that the largest branches are opened first, and none that would push
// large rows off the screen. A branch with only small files stays closed.
func TestBranches(t *testing.T) {
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "file many/f%02d 100\n", i)
	}
	a := openText(t, "-- layer --\n"+
		"file deep/a/large 50000\nfile deep/a/b/c/larger 90000\nfile deep/small 10\n"+ // a/b/c gets rows of its own
		"file next/one 30000\nfile next/two 20000\n"+
		"file tiny/x 5\n"+many.String())
	tests := []struct {
		rows int
		want string
	}{
		{1, ""},
		{3, "/deep"},
		{5, "/deep"}, // two more rows would push next off the screen
		{6, "/deep /deep/a"},
		{7, "/deep /deep/a /deep/a/b/c"},
		{30, "/deep /deep/a /deep/a/b/c /next"},
	}
	for _, tt := range tests {
		v := a.Tree.View(analyze.Spec{})
		open, err := branches(t.Context(), viewBranches{v}, v.Bytes(analyze.Root), tt.rows)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for n := range analyze.NodeID(a.Tree.Len()) {
			if open.has(n) {
				got = append(got, a.Tree.Path(n))
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%d rows: %q, want %q", tt.rows, got, tt.want)
		}
	}
}

// TestBranchesKey checks the key that opens the branches in the files view and in the map,
// largest first, starting with the first row, and the key that closes all.
func TestBranchesKey(t *testing.T) {
	for _, size := range mapSizes {
		m := start(t, open(t, "app"), size[0], size[1])
		press(m, "s s s enter G b") // sort by name first
		if m.explorer.files.cursor != 0 || m.explorer.files.by != bySize {
			t.Errorf("%v: got cursor on row %d, sorted by %s", size, m.explorer.files.cursor, m.explorer.files.by)
		}
		rowWith(t, m, "▾ usr")
		press(m, "C")
		rowWith(t, m, "▸ usr")
		press(m, "b l") // l works on the rows that b opened
		rowWith(t, m, "▾ usr")
		press(m, "f l i b enter b")
		rowWith(t, m, "▾ usr")
		press(m, "F 4 s s s enter b")
		rowWith(t, m, "▾ usr")
		if rows := strings.Join(screen(m), "\n"); !strings.Contains(rows, "lib") || strings.Contains(rows, "by name") {
			t.Errorf("%v: got map\n%s", size, rows)
		}
		intact(t, m)
	}
}
