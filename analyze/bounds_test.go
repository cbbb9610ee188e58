package analyze

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// scanned scans the layers of an image.
func scanned(t *testing.T, layers ...[]testkit.Entry) *source.Image {
	t.Helper()
	im := &testkit.Image{Tag: "fixture:1", Platform: "linux/amd64"}
	for _, entries := range layers {
		im.Layers = append(im.Layers, &testkit.Layer{Entries: entries})
	}
	path := testkit.ShapeNamed("docker-20").Write(t, &testkit.Fixture{Images: []*testkit.Image{im}})
	img, err := source.Open(t.Context(), path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	if err := img.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return img
}

func member(kind byte, name, link string) testkit.Entry {
	return testkit.Entry{Type: kind, Name: name, Link: link, Mode: 0o755, Time: testkit.DefaultTime}
}

// TestTreeBounds checks that exceeding a bound gives an error that names the bound, and that an
// image just below the bound is fine.
func TestTreeBounds(t *testing.T) {
	var files, through []testkit.Entry
	for i := range 1000 {
		files = append(files, member('0', fmt.Sprintf("dir/file%04d", i), ""))
		through = append(through, member('0', fmt.Sprintf("l%d/file%04d", i%2, i), "")) // no two neighbours are in the same directory
	}
	links := []testkit.Entry{member('2', "l0", "a/b/c"), member('2', "l1", "a/b/d")}
	// In each directory, a link leads to the next one: its name is short, its path long.
	var deep []testkit.Entry
	long := strings.Repeat("d/", 2000)
	name := ""
	for i := range 20 {
		deep = append(deep, member('2', fmt.Sprintf("%sl%d", name, i), long))
		name += fmt.Sprintf("l%d/", i)
	}
	deep = append(deep, member('0', name+"x", ""))

	all := len(files) * len("/dir/file0000")
	for _, tt := range []struct {
		name   string
		layers [][]testkit.Entry
		bounds bounds
		err    error
	}{
		{"memory", [][]testkit.Entry{files}, bounds{tree: 60_000, paths: 1 << 20}, errTree},
		{"enough memory", [][]testkit.Entry{files}, bounds{tree: 70_000, paths: 1 << 20}, nil},
		{"memory for versions", [][]testkit.Entry{files, files}, bounds{tree: 70_000, paths: 1 << 20}, errTree},
		{"paths", [][]testkit.Entry{files}, bounds{tree: 1 << 20, paths: int64(all)}, errPaths},
		{"paths at the bound", [][]testkit.Entry{files}, bounds{tree: 1 << 20, paths: int64(all + len("/dir"))}, nil},
		{"steps", [][]testkit.Entry{append(links, through...)}, bounds{tree: 1 << 20, paths: 1 << 20, linkSteps: 2999}, errLinkSteps},
		{"steps at the bound", [][]testkit.Entry{append(links, through...)}, bounds{tree: 1 << 20, paths: 1 << 20, linkSteps: 3000}, nil},
		{"a long path", [][]testkit.Entry{deep}, treeBounds, errLongPath},
		{"a path that is not too long", [][]testkit.Entry{append(deep[:16:16], member('0', "l0/x", ""))}, treeBounds, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			layers := scanned(t, tt.layers...).Layers
			b := newBuilder(layers)
			b.bounds = tt.bounds
			if err := b.build(t.Context(), arrived(layers)); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("got error %v, want %v", err, tt.err)
			}
		})
	}
}

// TestFlawsAreBounded checks that flaws beyond 1000 are only counted per layer, and that long
// texts are cut.
func TestFlawsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 100) + "/"
	var broken []testkit.Entry
	for i := range 800 {
		broken = append(broken, member('1', fmt.Sprintf("%s%d", strings.Repeat(long, 100), i), strings.Repeat(long, 90)))
	}
	a, err := Run(t.Context(), scanned(t, broken, broken, broken), Options{})
	if err != nil {
		t.Fatal(err)
	}
	last := a.Flaws[len(a.Flaws)-2:]
	if len(a.Flaws) != maxFlaws+2 || last[0].Layer != 1 || last[0].Problem != "600 more" || last[1].Layer != 2 || last[1].Problem != "800 more" {
		t.Errorf("got %d flaws, the last is %v", len(a.Flaws), last)
	}
	for _, f := range a.Flaws {
		if len(f.Path) > maxFlawText || len(f.Problem) > maxFlawText {
			t.Fatalf("got a flaw of %d and %d bytes", len(f.Path), len(f.Problem))
		}
	}
	if f := a.Flaws[0]; !strings.HasSuffix(f.Path, "x/0") || !strings.HasSuffix(f.Problem, "which is missing") || !strings.Contains(f.Path, "…") {
		t.Errorf("flaw cut to %q, %q", f.Path, f.Problem)
	}
}
