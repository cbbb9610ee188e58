package analyze_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// cases returns how many random images to try: few, or many with PEEL_THOROUGH=1.
func cases(few, many int) int {
	if os.Getenv("PEEL_THOROUGH") != "" {
		return many
	}
	return testkit.Rounds(few)
}

// TestOverlay compares peel's tree with two references on random images: the naive overlay
// (every version, union and figure) and layers unpacked one by one (every union, visible
// bytes). It reads each image both from a file with plain layers, where checksums come late,
// and from a stream with compressed layers, where they come at once.
func TestOverlay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.tar")
	for seed := range uint64(cases(500, 20_000)) {
		d := testkit.Throw(seed)
		if !agrees(t, path, d.Image()) {
			t.Fatalf("seed %d", seed)
		}
	}
}

// agrees compares peel with the naive overlay, and prints the image if they differ. It writes
// the image's archive to path.
func agrees(t *testing.T, path string, im *testkit.Image) bool {
	t.Helper()
	want := overlayOf(im)
	f := &testkit.Fixture{Images: []*testkit.Image{im}}
	if err := os.WriteFile(path, testkit.ShapeNamed("docker-20").Archive(f), 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, stream := range map[string][]byte{path: nil, "-": testkit.ShapeNamed("kaniko").Archive(f)} {
		img, err := source.Open(t.Context(), ref, source.Options{Stdin: bytes.NewReader(stream)})
		if err != nil {
			t.Fatal(err)
		}
		a, err := analyze.Run(t.Context(), img, analyze.Options{})
		if err := errors.Join(err, img.Close()); err != nil {
			t.Fatal(err)
		}
		diff := differences(peelFacts(a), naiveFacts(want)) + treeDifferences(a.Tree, want)
		if d := unpackedDifferences(a, im); d != "" {
			t.Errorf("%s: the tree differs from the unpacked layers:\n%s\nthe image:\n%s", ref, d, testkit.Text(im))
			return false
		}
		if diff != "" {
			t.Errorf("%s: the tree differs from the naive overlay:\n%s\nthe image:\n%s", ref, diff, testkit.Text(im))
			return false
		}
		checkSums(t, a)
	}
	return !t.Failed()
}

// treeDifferences compares all versions, and the content of each layer and each union at each
// path.
func treeDifferences(t *analyze.Tree, o *overlay) string {
	var b strings.Builder
	differ := func(what, p string, got, want any) {
		if got != want {
			fmt.Fprintf(&b, "%s %s:\n     got: %v\n    want: %v\n", what, p, got, want)
		}
	}
	paths := map[string]bool{}
	for p := range o.versions {
		paths[p] = true
	}
	for n := range t.Len() {
		paths[t.Path(analyze.NodeID(n))] = true
	}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		n, ok := t.Lookup(p)
		if !ok {
			differ("node", p, "none", "one")
			continue
		}
		var got, want []string
		for _, v := range t.Versions(n) {
			got = append(got, describe(v))
		}
		for _, v := range o.versions[p] {
			want = append(want, v.describe())
		}
		differ("versions of", p, "\n\t"+strings.Join(got, "\n\t"), "\n\t"+strings.Join(want, "\n\t"))
		for k := range t.LayerCount() {
			got, want := "nothing", "nothing"
			if v, ok := t.At(n, k); ok {
				got = describe(v)
			}
			if v := o.unions[k][p]; v != nil {
				want = v.describe()
			}
			differ(fmt.Sprintf("after layer %d:", k), p, got, want)
			got, want = "nothing", "nothing"
			if v, ok := t.InLayer(n, k); ok {
				got = describe(v)
			}
			for _, v := range o.versions[p] {
				if v.layer == k && !v.dup {
					want = v.describe()
				}
			}
			differ(fmt.Sprintf("in layer %d:", k), p, got, want)
		}
	}
	return b.String()
}

func describe(v analyze.Version) string {
	if v.Change() == analyze.Removed {
		return fmt.Sprintf("layer %d removed", v.Layer())
	}
	return fmt.Sprintf("layer %d %s cause=%q by=%d dup=%v implied=%v %s as %s size=%d stored=%d wasted=%d %04o %d:%d %d link=%q",
		v.Layer(), v.Change(), v.Cause(), v.By(), v.Duplicate(), v.Implied(), v.Type(), v.Kind(),
		v.Size(), v.Stored(), v.Wasted(), v.Mode(), v.UID(), v.GID(), v.Time().Unix(), v.Link())
}

func (v *nversion) describe() string {
	if v.change == "removed" {
		return fmt.Sprintf("layer %d removed", v.layer)
	}
	var size int
	var stored, wasted int64
	if n := v.inode; n != nil {
		size = len(n.content)
		if n.carrier == v {
			stored = n.stored
			if n.died >= 0 {
				wasted = stored
			}
		}
	}
	return fmt.Sprintf("layer %d %s cause=%q by=%d dup=%v implied=%v %s as %s size=%d stored=%d wasted=%d %04o %d:%d %d link=%q",
		v.layer, v.change, v.cause, v.by, v.dup, v.implied, typeWords[v.typ], typeWords[v.kind()],
		size, stored, wasted, v.mode, v.uid, v.gid, v.time.Unix(), v.link)
}

// TestExtract compares the final union with the result of go-containerregistry, on the random
// images for which that follows the OCI spec (see extractable).
func TestExtract(t *testing.T) {
	tried, seed := 0, uint64(1<<32)
	for ; tried < cases(100, 5000); seed++ {
		d := testkit.Throw(seed)
		im := d.Image()
		if !extractable(im) {
			continue
		}
		tried++
		f := &testkit.Fixture{Images: []*testkit.Image{im}}
		archive := testkit.ShapeNamed("docker-20").Archive(f)
		a := run(t, "-", source.Options{Stdin: bytes.NewReader(archive)})
		var got []string
		for _, n := range byPath(a.Tree) {
			v, ok := a.Tree.At(n, a.Tree.LayerCount()-1)
			if !ok || v.Implied() || n == analyze.Root {
				continue
			}
			size := v.Size()
			if v.Type() == source.Hardlink {
				size = 0 // a tar has none for it
			}
			got = append(got, fmt.Sprintf("%s %s %04o %d:%d %d", a.Tree.Path(n), v.Type(), v.Mode(), v.UID(), v.GID(), size))
		}
		if want := extract(t, archive); !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %s\nwant %s\nthe image:\n%s", seed, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), testkit.Text(im))
		}
	}
	t.Logf("%d of %d images", tried, seed-1<<32)
}

// extract lists the files that mutate.Extract writes for the archive's image.
func extract(t *testing.T, archive []byte) []string {
	t.Helper()
	im, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	rc := mutate.Extract(im)
	defer rc.Close()
	var lines []string
	for r := tar.NewReader(rc); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(lines)
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		p := cleanName(h.Name)
		if p == "/" {
			continue
		}
		kinds := map[byte]string{
			tar.TypeReg: "file", tar.TypeLink: "hardlink", tar.TypeSymlink: "symlink", tar.TypeChar: "char",
			tar.TypeBlock: "block", tar.TypeDir: "dir", tar.TypeFifo: "fifo",
		}
		lines = append(lines, fmt.Sprintf("%s %s %04o %d:%d %d", p, kinds[h.Typeflag], h.Mode, h.Uid, h.Gid, h.Size))
	}
}

// extractable reports whether mutate.Extract is known to handle the image correctly. That
// function goes through the layers from the top, keeps the first entry of each path, and
// differs from the spec in these ways:
//
//   - It doesn't know opaque whiteouts or AUFS names, and takes malformed
//     whiteouts for files.
//   - Within one layer it applies entries and whiteouts in their order: of two
//     entries with the same path, the first counts, and a whiteout hides
//     entries of its own layer at the path or below it.
//   - It forgets a whiteout of a path that a higher layer has again, so lower
//     children of that directory come back.
//   - Parents that no entry names don't exist, nor do those of whiteouts, so
//     whatever they cover still shows.
//   - It keeps names that climb out as they are, leaves out links that do, and
//     treats "/a" and "a" as different paths.
//
// It passes hard links on as they are, so only their names are compared.
func extractable(im *testkit.Image) bool {
	above := map[string]bool{} // paths that higher layers have
	for _, l := range slices.Backward(im.Layers) {
		own, white, dirs := map[string]bool{}, []string{}, map[string]bool{}
		for i := range l.Entries {
			e := &l.Entries[i]
			if climbs(e.Name) || climbs(e.Link) || strings.HasPrefix(e.Name, "/") {
				return false
			}
			p := cleanName(e.Name)
			kind, of := marker(p)
			switch {
			case kind == "whiteout":
				white = append(white, of)
				continue
			case kind != "" || p == "/" || own[p]:
				return false
			}
			own[p] = true
			dirs[p] = e.Type == '5'
		}
		for _, p := range append(slices.Collect(maps.Keys(own)), white...) {
			for dir := p; dir != "/"; {
				dir = parentOf(dir)
				if dir != "/" && !dirs[dir] {
					return false // a parent that no entry names or that isn't a directory
				}
			}
		}
		for _, w := range white {
			if above[w] {
				return false
			}
			for p := range own {
				if p == w || strings.HasPrefix(p, w+"/") {
					return false
				}
			}
		}
		maps.Copy(above, own)
	}
	return true
}

func parentOf(p string) string { return cleanName(p + "/..") }
