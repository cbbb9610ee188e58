package integration

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// randomImages is the number of random images compared with the engine.
const randomImages = 100

// refusals lists the kinds of image that peel reads but Docker refuses to load, each with
// Docker's error and the layers of an example.
var refusals = []struct{ kind, says, layers string }{
	{"one name twice in a layer: tar-split, with which Docker keeps layers, takes no duplicates",
		"duplicates of file paths not supported", "-- layer --\nfile a 1\nfile a 2\n"},
	{"a whiteout of what its own layer has, which is a device in its place",
		"file exists", "-- layer --\nfile a 1\nfile .wh.a\n"},
	{"an entry below something that is no directory",
		"not a directory", "-- layer --\nfile a 1\nfile a/b 2\n"},
	{"a marker below something that is no directory",
		"failed to mknod", "-- layer --\nfile a 1\nfile a/.wh.b\n"},
	{"a parent that is a symlink to nothing",
		"no such file or directory", "-- layer --\nsymlink a -> none\nfile a/b 1\n"},
	{"a hard link to nothing",
		"no such file or directory", "-- layer --\nhardlink a -> none\n"},
	{"a hard link to what a later entry brings",
		"no such file or directory", "-- layer --\nhardlink a -> b\nfile b 1\n"},
	{"a hard link to what only a lower layer has",
		"no such file or directory", "-- layer --\nfile b 1\n-- layer --\nhardlink a -> b\n"},
	{"a parent that is a symlink which leads in circles",
		"too many levels of symbolic links", "-- layer --\nsymlink a -> b\nsymlink b -> a\nfile a/c 1\n"},
	{"a hard link to a directory",
		"operation not permitted", "-- layer --\ndir a\nhardlink b -> a\n"},
}

// TestRefusedKinds checks that Docker refuses an image of each kind, and that peel reads it.
func TestRefusedKinds(t *testing.T) {
	needEngines(t)
	for _, r := range refusals {
		t.Run(r.kind, func(t *testing.T) {
			f, err := testkit.Parse(r.layers)
			if err != nil {
				t.Fatal(err)
			}
			file := testkit.ShapeNamed("docker-20").Write(t, f)
			if _, err := output(t.Context(), "docker", "load", "--input", file); err == nil || !strings.Contains(err.Error(), r.says) {
				t.Errorf("docker load says %v, want %q", err, r.says)
			}
			open(t, form{name: r.kind, ref: file})
		})
	}
}

// TestRandomImages loads random images into Docker, creates a container of each, and exports
// it. Both peel's tree and the reference of analyze's tests must match the export. The images
// have symlinked parents, hard links through them, and paths written twice in a layer under two
// names.
//
// Docker stores layers on overlayfs, which shows what lies below a directory even if a whiteout
// of its name stands beside it, and ignores opaque markers at the root. peel follows the
// specification there. So the test compares the container with the reference in overlayfs's
// reading, and peel with the reference in the specification's reading; for most images the two
// are the same.
func TestRandomImages(t *testing.T) {
	needEngines(t)
	file := filepath.Join(t.TempDir(), "image.tar")
	tried, bySpec := 0, 0
	refused := map[string]int{}
	for seed := uint64(0); tried < randomImages; seed++ {
		im := testkit.Throw(seed).EngineImage()
		im.Tag = "peel-random:" + fmt.Sprint(seed)
		archive := testkit.ShapeNamed("docker-20").Archive(&testkit.Fixture{Images: []*testkit.Image{im}})
		if err := os.WriteFile(file, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := output(t.Context(), "docker", "load", "--input", file); err != nil {
			kind := refusal(err)
			if kind == "" {
				t.Fatalf("seed %d is refused for an unknown reason: %v\n%s", seed, err, testkit.Text(im))
			}
			refused[kind]++
			continue
		}
		tried++
		want := containerLines(t, im.Tag)
		if d := lineDifferences(want, referenceLines(im, true)); d != "" {
			t.Errorf("seed %d: the reference differs from the container:\n%s\n%s", seed, d, testkit.Text(im))
		}
		spec := referenceLines(im, false)
		if lineDifferences(want, spec) != "" {
			bySpec++
		}
		if d := lineDifferences(spec, peelLines(t, file)); d != "" {
			t.Errorf("seed %d: the tree differs from the container:\n%s\n%s", seed, d, testkit.Text(im))
		}
		if t.Failed() {
			return
		}
	}
	if bySpec > tried/3 {
		t.Errorf("overlayfs reads %d of %d images differently", bySpec, tried)
	}
	t.Logf("%d images, of which overlayfs reads %d differently; refused: %v", tried, bySpec, refused)
}

// refusal returns Docker's error if err is of a known kind, or "".
func refusal(err error) string {
	for _, r := range refusals {
		if strings.Contains(err.Error(), r.says) {
			return r.says
		}
	}
	return ""
}

// containerLines describes what a container of the image shows, and removes the image.
func containerLines(t *testing.T, image string) map[string]string {
	t.Helper()
	exported := filepath.Join(t.TempDir(), "export.tar")
	defer run(t, "docker", "rmi", image)
	container := strings.TrimSpace(run(t, "docker", "create", image, "/none"))
	defer run(t, "docker", "rm", container)
	run(t, "docker", "export", "--output", exported, container)

	lines := map[string]string{}
	var groups [][]string
	byName := map[string]int{}
	f, err := os.Open(exported)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean("/" + h.Name)
		if first := "/" + strings.SplitN(name[1:], "/", 2)[0]; containersOwn[first] || first == "/etc" || name == "/" {
			continue
		}
		attributes := fmt.Sprintf(" %04o %d:%d %d", h.Mode&0o7777, h.Uid, h.Gid, h.ModTime.Unix())
		switch h.Typeflag {
		case tar.TypeLink:
			at := byName[path.Clean("/"+h.Linkname)]
			groups[at] = append(groups[at], name)
			byName[name] = at
			lines[name] = lines[groups[at][0]]
			continue
		case tar.TypeReg:
			lines[name] = fmt.Sprintf("file %d %s", h.Size, contentSum(t, r)) + attributes
		case tar.TypeDir:
			lines[name] = "dir" + attributes
		case tar.TypeSymlink:
			lines[name] = "symlink " + h.Linkname
		case tar.TypeFifo:
			lines[name] = "fifo"
		case tar.TypeChar:
			lines[name] = "char"
		default:
			t.Fatalf("%s has the type %q", name, h.Typeflag)
		}
		byName[name] = len(groups)
		groups = append(groups, []string{name})
	}
	tie(lines, groups)
	return lines
}

// tie replaces the attributes of names of one file by the names that belong together: an engine
// gives all of them the attributes of the last entry, peel each its own. For anything but files
// and directories, peel doesn't know which names belong together, so their attributes are
// omitted.
func tie(lines map[string]string, groups [][]string) {
	for _, names := range groups {
		slices.Sort(names)
		if len(names) < 2 {
			continue
		}
		for _, name := range names {
			if what := strings.Fields(lines[name]); what[0] == "file" {
				lines[name] = strings.Join(what[:3], " ") + " " + strings.Join(names, " = ")
			}
		}
	}
}

// referenceLines describes the union after the last layer according to the reference.
func referenceLines(im *testkit.Image, overlayfs bool) map[string]string {
	lines := map[string]string{}
	groups := map[*testkit.Content][]string{}
	unions := testkit.Unions(im, overlayfs)
	unions[len(unions)-1].Each("", func(p string, f *testkit.File) {
		attributes := ""
		if e := f.Header(); e != nil && !f.Implied {
			attributes = fmt.Sprintf(" %04o %d:%d %d", e.Mode&0o7777, e.UID, e.GID, e.Time.Unix())
		}
		if f.Dir() {
			lines[p] = "dir" + attributes
			return
		}
		e := im.Layers[f.Content.Layer].Members()[f.Content.Index]
		groups[f.Content] = append(groups[f.Content], p)
		switch e.Type {
		case '0':
			lines[p] = fmt.Sprintf("file %d %s", e.Size, shortSum(e.Content())) + attributes
		case '2':
			lines[p] = "symlink " + e.Link
		case '3':
			lines[p] = "char"
		case '6':
			lines[p] = "fifo"
		}
	})
	tie(lines, slices.Collect(maps.Values(groups)))
	return lines
}

// peelLines describes the union after the last layer according to peel.
func peelLines(t *testing.T, file string) map[string]string {
	t.Helper()
	return linesOf(t, open(t, form{name: file, ref: file}))
}

// linesOf describes the union after the last layer of an image.
func linesOf(t *testing.T, a *analyze.Analysis) map[string]string {
	t.Helper()
	lines := map[string]string{}
	groups := map[string][]string{}
	for n := range a.Tree.Len() {
		v, ok := a.Tree.At(analyze.NodeID(n), a.Tree.LayerCount()-1)
		if !ok || n == 0 {
			continue
		}
		p := a.Tree.Path(analyze.NodeID(n))
		attributes := fmt.Sprintf(" %04o %d:%d %d", v.Mode(), v.UID(), v.GID(), v.Time().Unix())
		key := p
		switch v.Kind() {
		case source.File:
			lines[p] = fmt.Sprintf("file %d %s", v.Size(), sum(t, v)) + attributes
			layer, entry, _ := v.Content()
			key = fmt.Sprint(layer.Index, " ", entry)
		case source.Symlink:
			target, _ := v.Target()
			lines[p] = "symlink " + target
		case source.Char:
			lines[p] = "char"
		case source.Fifo:
			lines[p] = "fifo"
		default:
			lines[p] = "dir" + attributes
		}
		groups[key] = append(groups[key], p)
	}
	tie(lines, slices.Collect(maps.Values(groups)))
	return lines
}

// lineDifferences compares the lines at each path. If one side has no attributes for a
// directory, it doesn't compare them: the engine creates a directory that its highest layer
// doesn't name, while peel leaves it unchanged.
func lineDifferences(want, got map[string]string) string {
	var b strings.Builder
	paths := maps.Clone(want)
	maps.Copy(paths, got)
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		w, g := want[p], got[p]
		if w == g || g == "dir" && strings.HasPrefix(w, "dir ") || w == "dir" && strings.HasPrefix(g, "dir ") {
			continue
		}
		fmt.Fprintf(&b, "%s\n     got: %s\n    want: %s\n", p, g, w)
	}
	return b.String()
}

func shortSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
