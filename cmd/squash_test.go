package cmd

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// writeImage writes a made-up image to a file.
func writeImage(t *testing.T, shape string, im *testkit.Image) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.tar")
	if err := os.WriteFile(file, testkit.ShapeNamed(shape).Archive(&testkit.Fixture{Images: []*testkit.Image{im}}), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// membersOf reads an archive's members with archive/tar alone.
func membersOf(t *testing.T, file string) map[string][]byte {
	t.Helper()
	members := map[string][]byte{}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return members
		}
		if err != nil {
			t.Fatal(err)
		}
		if members[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// readPlainly reads a docker archive.
func readPlainly(t *testing.T, file string) *testkit.Image {
	t.Helper()
	members := membersOf(t, file)
	var list []struct{ Layers []string }
	if err := json.Unmarshal(members["manifest.json"], &list); err != nil {
		t.Fatal(err)
	}
	im := &testkit.Image{}
	for _, name := range list[0].Layers {
		im.Layers = append(im.Layers, &testkit.Layer{Entries: entriesOf(t, members[name])})
	}
	return im
}

func entriesOf(t *testing.T, layer []byte) (out []testkit.Entry) {
	t.Helper()
	r := tar.NewReader(strings.NewReader(string(layer)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		e := testkit.Entry{
			Type: h.Typeflag, Name: h.Name, Link: h.Linkname, Mode: h.Mode, UID: int64(h.Uid), GID: int64(h.Gid), Time: h.ModTime,
			Size: h.Size, Text: string(b), Major: h.Devmajor, Minor: h.Devminor,
		}
		for k, v := range h.PAXRecords {
			if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
				if e.Xattrs == nil {
					e.Xattrs = map[string]string{}
				}
				e.Xattrs[name] = v
			}
		}
		out = append(out, e)
	}
}

// finalFiles describes what shows at each path in the end, and which names are the same file,
// according to testkit's naive reference.
func finalFiles(im *testkit.Image) map[string]string {
	unions := testkit.Unions(im, false)
	out := map[string]string{}
	first := map[*testkit.Content]string{}
	var paths []string
	files := map[string]*testkit.File{}
	unions[len(unions)-1].Each("", func(p string, f *testkit.File) {
		paths = append(paths, p)
		files[p] = f
	})
	slices.Sort(paths)
	for _, p := range paths {
		f := files[p]
		if f.Dir() {
			if out[p] = "dir 755 0:0"; f.Attributes != nil {
				out[p] = "dir " + attributes(f.Attributes)
			}
			if f.Attributes != nil && f.Attributes.Mode == 0o755 && f.Attributes.UID == 0 && f.Attributes.GID == 0 {
				out[p] = "dir 755 0:0" // if no entry names it, it can have any time
			}
			continue
		}
		if f.Content.Missing {
			out[p] = "link to nothing"
			continue
		}
		if first[f.Content] == "" {
			first[f.Content] = p
		}
		e := im.Layers[f.Content.Layer].Members()[f.Content.Index]
		last := *f.Content.Last // engines apply the header of each hard link to the file
		last.Xattrs = e.Xattrs
		out[p] = fmt.Sprintf("%c %s %q %q %d,%d as %s", e.Type, attributes(&last), e.Content(), e.Link, e.Major, e.Minor, first[f.Content])
	}
	return out
}

func attributes(e *testkit.Entry) string {
	var x []string
	for k, v := range e.Xattrs {
		if k != "trusted.overlay.opaque" {
			x = append(x, k+"="+v)
		}
	}
	slices.Sort(x)
	return fmt.Sprintf("%o %d:%d %d %v", e.Mode, e.UID, e.GID, e.Time.UnixNano(), x)
}

// TestSquashRandom squashes all or some layers of random images, and reads the results with
// code other than peel's.
func TestSquashRandom(t *testing.T) {
	t.Parallel()
	for seed := range testkit.Rounds(uint64(300)) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			d := testkit.Throw(seed + 7000)
			im := d.Image()
			for len(im.Layers) < 3 {
				im.Layers = append(im.Layers, d.Image().Layers...)
			}
			file := writeImage(t, "docker-20", im)
			from := int(seed) % len(im.Layers)
			to := from + int(seed/7)%(len(im.Layers)-from)
			out := filepath.Join(filepath.Dir(file), "new.tar")
			r := peel("squash", file, "--base", "0", "--layers", fmt.Sprintf("%d..%d", from, to), "-o", out)
			if r.code != 0 {
				t.Fatal(r.err)
			}
			got := readPlainly(t, out)
			if want := len(im.Layers) - (to - from); len(got.Layers) != want {
				t.Errorf("got %d layers, want %d", len(got.Layers), want)
			}
			want, have := finalFiles(im), finalFiles(got)
			for p, w := range want {
				if have[p] != w {
					t.Errorf("%s: %s\nwas %s", p, have[p], w)
				}
			}
			for p := range have {
				if want[p] == "" {
					t.Errorf("%s is new: %s", p, have[p])
				}
			}
			again := filepath.Join(filepath.Dir(file), "again.tar")
			if r := peel("squash", file, "--base", "0", "--layers", fmt.Sprintf("%d..%d", from, to), "-o", again); r.code != 0 {
				t.Fatal(r.err)
			}
			if !sameBytes(t, out, again) {
				t.Error("squashing the same image gives other bytes")
			}
		})
	}
}

func sameBytes(t *testing.T, a, b string) bool {
	t.Helper()
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return string(x) == string(y)
}

// TestSquashFigures compares the figures of a squashed image with those of the plan.
func TestSquashFigures(t *testing.T) {
	t.Parallel()
	for seed := range testkit.Rounds(uint64(300)) {
		d := testkit.Throw(seed + 9000)
		im := d.Image()
		for len(im.Layers) < 3 {
			im.Layers = append(im.Layers, d.Image().Layers...)
		}
		for _, l := range im.Layers { // bookkeeping, and markers with content: no builder writes them
			l.Entries = slices.DeleteFunc(l.Entries, func(e testkit.Entry) bool {
				return strings.Contains(e.Name+" "+e.Link, ".wh..wh.plnk") || e.Size > 0 && strings.Contains(e.Name, ".wh.")
			})
		}
		from := int(seed) % (len(im.Layers) - 1)
		to := from + 1 + int(seed/7)%(len(im.Layers)-from-1)
		file := writeImage(t, "docker-20", im)
		before := analysed(t, file)
		p := analyze.NewPlan(before)
		if err := p.Squash(from, to); err != nil {
			t.Fatal(err)
		}
		want, err := p.Figures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(filepath.Dir(file), "new.tar")
		if r := peel("squash", file, "--base", "0", "--layers", fmt.Sprintf("%d..%d", from, to), "-o", out); r.code != 0 {
			t.Fatal(r.err)
		}
		have := analyze.FiguresOf(analysed(t, out))
		want.Unshared = 0
		if !reflect.DeepEqual(want, have) {
			t.Errorf("seed %d, layers %d..%d: the plan has %+v\nthe image %+v", seed, from, to, want, have)
		}
	}
}

func analysed(t *testing.T, file string) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), file, source.Options{KeepContent: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{Base: "0"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
