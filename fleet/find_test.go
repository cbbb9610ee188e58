package fleet_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// findStore returns a store with images whose layers are given as words: "a/b" is a file, "a/"
// a directory, "-a" a whiteout of a, "!a" an opaque directory, "a>" a symlink.
func findStore(t testing.TB, images [][]string) source.Objects {
	t.Helper()
	ctx := context.Background()
	s, err := fleet.OpenStore(ctx, t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, content []byte, err error) {
		t.Helper()
		if err == nil {
			_, err = s.Put(ctx, name, bytes.NewReader(content), int64(len(content)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const plan = "0123456789abcdef"
	var rows []fleet.ImageRow
	var of []fleet.ImageLayerRow
	layers := map[string]fleet.LayerRow{}
	for i, image := range images {
		rows = append(rows, fleet.ImageRow{Plan: plan, Image: int64(i), Name: fmt.Sprint("image", i), Reference: fmt.Sprint("registry://image", i)})
		for j, words := range image {
			digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(words)))
			step := "step " + words[:min(len(words), 50)]
			of = append(of, fleet.ImageLayerRow{Plan: plan, Image: int64(i), Index: int64(j), Layer: digest, Command: &step})
			layers[digest] = fleet.LayerRow{Plan: plan, Layer: digest, Images: 1}
			content, err := fleet.WriteTable(fileRows(digest, words))
			put(fleet.LayerName(digest), content, err)
		}
	}
	var unique []fleet.LayerRow
	for _, l := range layers {
		unique = append(unique, l)
	}
	put(fleet.PlanName(plan), fmt.Appendf(nil, `{"type":"plan","version":1,"made":"2026-11-01T00:00:00Z"}`+"\n"+`{"type":"end","images":%d}`+"\n", len(images)), nil)
	content, err := fleet.WriteTable(of)
	put(fleet.PartName(fleet.ImageLayersTable, plan, 0), content, err)
	content, err = fleet.WriteTable(unique)
	put(fleet.PartName(fleet.LayersTable, plan, 0), content, err)
	content, err = fleet.WriteTable(rows)
	put(fleet.PartName(fleet.ImagesTable, plan, 0), content, err)
	return s
}

func fileRows(layer, words string) (rows []fleet.FileRow) {
	for i, word := range strings.Fields(words) {
		r := fleet.FileRow{Layer: layer, Ordinal: int32(i), Type: "file", Path: "/" + strings.Trim(word, "-!/>")}
		switch {
		case word[0] == '-':
			r.Whiteout = new("removed")
		case word[0] == '!':
			r.Whiteout = new("opaque")
		case strings.HasSuffix(word, "/"):
			r.Type = "dir"
		case strings.HasSuffix(word, ">"):
			r.Type = "symlink"
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b fleet.FileRow) int { return strings.Compare(a.Path, b.Path) })
	return rows
}

// found returns the results of a search, one line per entry.
func found(t testing.TB, s source.Objects, glob string) (lines []string, result *fleet.FindResult) {
	t.Helper()
	g, err := analyze.ParseGlob(glob)
	if err != nil {
		t.Fatal(err)
	}
	result, err = fleet.Find(context.Background(), s, "", g, func(f *fleet.FoundImage) error {
		for _, x := range f.Files {
			if !strings.HasPrefix(x.Step, "step ") {
				t.Errorf("%s: step %q", x.Path, x.Step)
			}
			lines = append(lines, fmt.Sprintf("%s %d %s %d", f.Image.Name, x.Index, x.Path, x.HiddenBy))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, result
}

// TestFind checks which entries hide a file: an entry or a whiteout of its path or of a parent,
// in a higher layer or later in its own layer.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, glob string
		image      []string
		want       []string // layer, path, hidden by
	}{
		{"visible", "/a/b", []string{"a/b", "c"}, []string{"0 /a/b -1"}},
		{"covered", "/a/b", []string{"a/b", "a/b"}, []string{"0 /a/b 1", "1 /a/b -1"}},
		{"removed", "/a/b", []string{"a/b", "c", "-a/b"}, []string{"0 /a/b 2"}},
		{"removed and made again", "/a/b", []string{"a/b", "-a/b", "a/b"}, []string{"0 /a/b 1", "2 /a/b -1"}},
		{"its directory removed", "/a/b/c", []string{"a/b/c", "-a"}, []string{"0 /a/b/c 1"}},
		{"a name like its directory's removed", "/a/b/c", []string{"a/b/c", "-a/bc -a/"}, []string{"0 /a/b/c 1"}},
		{"a removed path that begins like it", "/a/b", []string{"a/b", "-a/bc -b"}, []string{"0 /a/b -1"}},
		{"opaque above", "/a/b/c", []string{"a/b/c", "!a"}, []string{"0 /a/b/c 1"}},
		{"opaque root", "/a/b", []string{"a/b", "!/"}, []string{"0 /a/b 1"}},
		{"opaque at the path hides what is below alone", "/a", []string{"a/", "!a"}, []string{"0 /a -1"}},
		{"its directory becomes a file", "/a/b", []string{"a/b", "a"}, []string{"0 /a/b 1"}},
		{"its directory becomes a symlink", "/a/b", []string{"a/b", "a>"}, []string{"0 /a/b 1"}},
		{"its directory is written again", "/a/b", []string{"a/b", "a/"}, []string{"0 /a/b -1"}},
		{"it becomes a directory", "/a", []string{"a", "a/"}, []string{"0 /a 1", "1 /a -1"}},
		{"a file becomes a directory without an entry", "/a", []string{"a>", "a/b"}, []string{"0 /a 1"}},
		{"twice in a layer", "/a", []string{"a a"}, []string{"0 /a 0", "0 /a -1"}},
		{"a whiteout isn't a file", "/a", []string{"b", "-a"}, nil},
		{"a whiteout of the same layer hides lower layers alone", "/a/b", []string{"x", "-a a/b"}, []string{"1 /a/b -1"}},
		{"by name at any depth", "log4j*", []string{"a/log4j-1 log4j-2", "-a/log4j-1"}, []string{"0 /a/log4j-1 1", "0 /log4j-2 -1"}},
		{"all below", "/a/**", []string{"a/b/c a/d ab"}, []string{"0 /a/b/c -1", "0 /a/d -1"}},
		{"stars", "/a/*/c", []string{"a/b/c a/b/d a/x/c"}, []string{"0 /a/b/c -1", "0 /a/x/c -1"}},
		{"none", "/nothing", []string{"a/b"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, result := found(t, findStore(t, [][]string{c.image}), c.glob)
			for i := range c.want {
				c.want[i] = "image0 " + c.want[i]
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if (result.Images > 0) != (len(c.want) > 0) {
				t.Errorf("got %d images for %d matches", result.Images, len(c.want))
			}
		})
	}
}

// TestFindShared checks that images that share layers get separate results, in the plan's
// order.
func TestFindShared(t *testing.T) {
	s := findStore(t, [][]string{{"a/b", "x"}, {"a/b", "-a/b"}, {"x"}, {"x", "a/b"}})
	got, result := found(t, s, "/a/b")
	want := []string{"image0 0 /a/b -1", "image1 0 /a/b 1", "image3 1 /a/b -1"}
	if !slices.Equal(got, want) || result.Images != 3 || result.Visible != 2 || result.Layers != 1 {
		t.Errorf("found %q, %+v", got, result)
	}
}

// TestFindMatchesPlainSearch compares the search with a simple one that looks at every entry of
// every higher layer, on random images.
func TestFindMatchesPlainSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	name := func() string { return []string{"a", "b", "ab"}[rng.IntN(3)] }
	var images [][]string
	for range testkit.Rounds(200) {
		var image []string
		for range 1 + rng.IntN(4) {
			var words []string
			for range 1 + rng.IntN(4) {
				parts := []string{name()}
				for rng.IntN(2) == 0 && len(parts) < 3 {
					parts = append(parts, name())
				}
				path := strings.Join(parts, "/")
				words = append(words, []string{path, path + "/", path + ">", "-" + path, "!" + path}[rng.IntN(5)])
			}
			image = append(image, strings.Join(words, " "))
		}
		images = append(images, image)
	}
	s := findStore(t, images)
	for _, glob := range []string{"/a", "/a/b", "/a/**", "b", "/*/ab"} {
		got, _ := found(t, s, glob)
		var want []string
		for i, image := range images {
			want = append(want, plainFind(t, fmt.Sprint("image", i), image, glob)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\ngot  %.2000q\nwant %.2000q", glob, got, want)
		}
	}
}

func plainFind(t *testing.T, name string, image []string, glob string) (lines []string) {
	t.Helper()
	g, err := analyze.ParseGlob(glob)
	if err != nil {
		t.Fatal(err)
	}
	layers := make([][]fleet.FileRow, len(image))
	for i, words := range image {
		layers[i] = fileRows("", words)
	}
	hides := func(upper []fleet.FileRow, path string) bool {
		for _, r := range upper {
			above := strings.HasPrefix(path, strings.TrimSuffix(r.Path, "/")+"/")
			below := strings.HasPrefix(r.Path, path+"/")
			switch {
			case r.Whiteout != nil && *r.Whiteout == "opaque":
				if above || below {
					return true
				}
			case r.Whiteout != nil:
				if above || below || r.Path == path {
					return true
				}
			case r.Path == path, above && r.Type != "dir", below:
				return true
			}
		}
		return false
	}
	type line struct{ path, text string }
	var all []line
	for i, rows := range layers {
		for at, r := range rows {
			if r.Whiteout != nil || !g.Matches(r.Path) || r.Type == "dir" && strings.HasSuffix(glob, "/**") {
				continue
			}
			hidden := -1
			for later, other := range rows {
				if other.Path == r.Path && other.Whiteout == nil && other.Ordinal > r.Ordinal && later != at {
					hidden = i
				}
			}
			for k := i + 1; k < len(layers) && hidden < 0; k++ {
				if hides(layers[k], r.Path) {
					hidden = k
				}
			}
			all = append(all, line{r.Path, fmt.Sprintf("%s %d %s %d", name, i, r.Path, hidden)})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return strings.Compare(a.path, b.path) })
	for _, l := range all {
		lines = append(lines, l.text)
	}
	return lines
}

// TestFindSkips checks that row groups that can't match are skipped, with the same results.
func TestFindSkips(t *testing.T) {
	var words []string
	for i := range 80_000 { // three row groups
		words = append(words, fmt.Sprintf("usr/lib/f%06d", i))
	}
	s := findStore(t, [][]string{{strings.Join(words, " "), "-usr/lib/f000005"}})
	got, result := found(t, s, "/usr/lib/f00000[57]")
	if !slices.Equal(got, []string{"image0 0 /usr/lib/f000005 1", "image0 0 /usr/lib/f000007 -1"}) {
		t.Errorf("found %q", got)
	}
	if result.Groups < 7 || result.Skipped < 4 {
		t.Errorf("skipped %d of %d row groups", result.Skipped, result.Groups)
	}
	_, all := found(t, s, "f00000[57]")
	if all.Skipped >= result.Skipped {
		t.Errorf("a glob without a prefix skips %d of %d", all.Skipped, all.Groups)
	}
}

// TestFindErrors checks that an error of the callback or a missing layer ends the search.
func TestFindErrors(t *testing.T) {
	s := findStore(t, [][]string{{"a"}})
	g, err := analyze.ParseGlob("/a")
	if err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	if _, err := fleet.Find(t.Context(), s, "", g, func(*fleet.FoundImage) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("got error %v, want %v", err, mine)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fleet.Find(ctx, s, "", g, func(*fleet.FoundImage) error { return nil }); err == nil {
		t.Error("got results although the context had ended")
	}
}
