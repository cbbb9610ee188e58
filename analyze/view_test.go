package analyze_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// analyzed writes the fixture text's first image as an archive and returns its analysis.
func analyzed(t testing.TB, text string, opts analyze.Options) (*analyze.Analysis, error) {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	im, err := source.Open(t.Context(), testkit.ShapeNamed("docker-20").Write(t, f), source.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return analyze.Run(t.Context(), im, opts)
}

const viewFixture = `
-- layer --
dir  a/
file a/x 100
file a/y 10
hardlink a/link -> a/y
file b 1
symlink to-a -> a
symlink loop1 -> /loop2
symlink loop2 -> loop1
symlink a/up -> ../../b
-- layer --
dir  a/
file a/x 1000
file a/.wh.y
-- layer --
file .wh.b
file c/d/e 7
-- layer --
file a/.wh.link
`

func TestView(t *testing.T) {
	a, err := analyzed(t, viewFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tree := a.Tree
	node := func(path string) analyze.NodeID {
		n, ok := tree.Lookup(path)
		if !ok {
			t.Fatalf("no node %s", path)
		}
		return n
	}
	sign := map[analyze.Sign]string{analyze.SignNothing: ".", analyze.SignRemoved: "x", analyze.SignCovered: "o", analyze.SignShows: "*"}
	show := func(s analyze.Spec, path string) string {
		v, n := tree.View(s), node(path)
		if !v.Shows(n) {
			return "not shown"
		}
		var strip strings.Builder
		for _, x := range v.Strip(n, 0, len(a.Layers), nil) {
			strip.WriteString(sign[x])
		}
		return fmt.Sprintf("%d bytes, %d wasted, %d files, %s", v.Bytes(n), v.Wasted(n), v.Files(n), strip.String())
	}
	for _, c := range []struct {
		name string
		spec analyze.Spec
		path string
		want string
	}{
		{"base", analyze.Spec{At: 0}, "/", "111 bytes, 0 wasted, 8 files, *oox"},
		{"base, file", analyze.Spec{At: 0}, "/a/x", "100 bytes, 0 wasted, 1 files, *o.."},
		{"hard links count once, for who carries", analyze.Spec{At: 0}, "/a/y", "10 bytes, 0 wasted, 1 files, *x.."},
		{"and not for the other", analyze.Spec{At: 0}, "/a/link", "0 bytes, 0 wasted, 1 files, *..x"},
		{"the carrier is gone: the other counts", analyze.Spec{At: 1}, "/a/link", "10 bytes, 0 wasted, 1 files, *..x"},
		{"overwritten", analyze.Spec{At: 1}, "/a/x", "1000 bytes, 100 wasted, 1 files, o*.."},
		{"removed", analyze.Spec{At: 1}, "/a/y", "not shown"},
		{"directory", analyze.Spec{At: 1}, "/a", "1010 bytes, 100 wasted, 3 files, **.x"},
		{"after a removal", analyze.Spec{At: 2}, "/b", "not shown"},
		{"implied directory", analyze.Spec{At: 2}, "/c", "7 bytes, 0 wasted, 1 files, ..*."},
		{"the end", analyze.Spec{At: 3}, "/", "1007 bytes, 111 wasted, 6 files, ***x"},
		{"a layer beyond the last", analyze.Spec{At: 99}, "/", "1007 bytes, 111 wasted, 6 files, ***x"},
		{"alone", analyze.Spec{Mode: analyze.Alone, At: 0}, "/", "111 bytes, 111 wasted, 8 files, *oox"},
		{"alone, a removal", analyze.Spec{Mode: analyze.Alone, At: 2}, "/b", "0 bytes, 0 wasted, 0 files, o.x."},
		{"alone, what it has not", analyze.Spec{Mode: analyze.Alone, At: 2}, "/a", "not shown"},
		{"range", analyze.Spec{Mode: analyze.Range, From: 0, At: 2}, "/", "1007 bytes, 101 wasted, 2 files, ***x"},
		{"range, unchanged", analyze.Spec{Mode: analyze.Range, From: 0, At: 2}, "/a/link", "not shown"},
		{"range, removed", analyze.Spec{Mode: analyze.Range, From: 0, At: 2}, "/b", "0 bytes, 1 wasted, 0 files, o.x."},
		{"range from nothing", analyze.Spec{Mode: analyze.Range, From: -1, At: 0}, "/", "111 bytes, 0 wasted, 8 files, *oox"},
		{"everything", analyze.Spec{Mode: analyze.Everything}, "/", "1118 bytes, 111 wasted, 9 files, ***x"},
		{"everything, removed", analyze.Spec{Mode: analyze.Everything}, "/b", "1 bytes, 1 wasted, 1 files, o.x."},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := show(c.spec, c.path); got != c.want {
				t.Errorf("%s: %s\nwant %s", c.path, got, c.want)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	a, err := analyzed(t, viewFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		path   string
		follow bool
		want   string // path, or part of the error
	}{
		{"plain", "/a/x", true, "/a/x"},
		{"not clean", "a//./x/", true, "/a/x"},
		{"root", "/", true, "/"},
		{"above the root", "/../../a/x", true, "/a/x"},
		{"through a link", "/to-a/x", false, "/a/x"},
		{"the link itself", "/to-a", false, "/to-a"},
		{"what it leads to", "/to-a", true, "/a"},
		{"a link that climbs stays inside", "/a/up", true, "/b"},
		{"loop", "/loop1", true, "too many symbolic links"},
		{"not there", "/a/z", true, "/a/z: no such path after layer 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := analyze.Resolve(a.Tree, 0, c.path, c.follow)
			got := a.Tree.Path(n)
			if err != nil {
				got = err.Error()
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, err := analyze.Resolve(a.Tree, 3, "/a/up", true); err == nil {
		t.Error("found a path after layer 3 that layer 2 removed")
	}
}

func TestBase(t *testing.T) {
	whole, err := analyzed(t, viewFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	second := whole.Image.Layers[1].DiffID
	for _, c := range []struct {
		name, base string
		want       string // "layers userStored userWasted baseHidden", or part of the error
	}{
		{"automatic: layer 0", "", "1 1007 0 111"},
		{"none", "0", "0 1118 111 0"},
		{"a number", "2", "2 7 0 11"},
		{"all", "4", "4 0 0 0"},
		{"too many", "5", "the image has 4"},
		{"less than none", "-1", "the image has 4"},
		{"digest of its last layer", second, "2 7 0 11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := analyzed(t, viewFixture, analyze.Options{Base: c.base})
			var got string
			if err != nil {
				got = err.Error()
			} else {
				x := a.Totals
				got = fmt.Sprintf("%d %d %d %d", x.BaseLayers, x.UserStored, x.UserWasted, x.BaseHidden)
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestBaseImage gives the base as an image: another archive, whose layers are the lowest ones.
func TestBaseImage(t *testing.T) {
	lower, _, _ := strings.Cut(viewFixture[1:], "-- layer --\nfile .wh.b")
	base, err := testkit.Parse(lower)
	if err != nil {
		t.Fatal(err)
	}
	other, err := testkit.Parse("-- layer --\nfile other 5\n")
	if err != nil {
		t.Fatal(err)
	}
	shape := testkit.ShapeNamed("docker-25")
	a, err := analyzed(t, viewFixture, analyze.Options{Base: shape.Write(t, base)})
	if err != nil {
		t.Fatal(err)
	}
	if a.Totals.BaseLayers != 2 {
		t.Errorf("got %d base layers, want 2", a.Totals.BaseLayers)
	}
	for name, want := range map[string]string{
		shape.Write(t, other): "is not the base: the image has none of its layers",
		"/no/such/file.tar":   "cannot be found",
	} {
		a, err := analyzed(t, viewFixture, analyze.Options{Base: name})
		if err != nil {
			t.Fatal(err)
		}
		if b := a.Base; b.Layers != 1 || b.Sure || b.By == analyze.BaseAsked || !strings.Contains(b.Missing, want) {
			t.Errorf("base %s: %+v, want %q", name, b, want)
		}
	}
}

// TestViewAgreesWithTotals checks that the sums of a view match those of the analysis.
func TestViewAgreesWithTotals(t *testing.T) {
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		t.Run(f.Name, func(t *testing.T) {
			for _, image := range f.Images {
				shapes := f.Shapes()
				if image.Absent != "" || len(shapes) == 0 {
					continue
				}
				ref, platform := f.Ref(shapes[0].Write(t, f), image)
				im, err := source.Open(t.Context(), ref, source.Options{Platform: platform})
				if err != nil {
					continue // must be refused; the fixtures' own test checks that
				}
				a, err := analyze.Run(t.Context(), im, analyze.Options{})
				if err != nil {
					t.Fatal(err)
				}
				last := a.Tree.LayerCount() - 1
				union := a.Tree.View(analyze.Spec{At: last})
				if got, want := union.Bytes(analyze.Root), a.Totals.Visible; got != want {
					t.Errorf("the final union has %d bytes, but %d are visible", got, want)
				}
				if got, want := union.Wasted(analyze.Root), a.Totals.Wasted; got != want {
					t.Errorf("the final union wastes %d bytes, the image %d", got, want)
				}
				all := a.Tree.View(analyze.Spec{Mode: analyze.Everything})
				if got, want := all.Bytes(analyze.Root), a.Totals.Stored; got != want {
					t.Errorf("everything has %d bytes, but %d are stored", got, want)
				}
				for k, l := range a.Layers {
					alone := a.Tree.View(analyze.Spec{Mode: analyze.Alone, At: k})
					if alone.Bytes(analyze.Root) != l.Stored || alone.Wasted(analyze.Root) != l.Wasted {
						t.Errorf("layer %d alone has %d bytes and wastes %d, but stores %d and wastes %d",
							k, alone.Bytes(analyze.Root), alone.Wasted(analyze.Root), l.Stored, l.Wasted)
					}
				}
				if err := im.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
