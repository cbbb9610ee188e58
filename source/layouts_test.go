//go:build unix

package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// layoutFolder writes the image of a fixture as an OCI layout, and reads it.
func layoutFolder(t *testing.T) (dir string, im *source.Image) {
	t.Helper()
	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	dir = testkit.ShapeNamed("oci-dir").Write(t, f)
	return dir, open(t, dir, source.Options{})
}

func blobPath(dir, digest string) string {
	return filepath.Join(dir, "blobs", strings.ReplaceAll(digest, ":", string(filepath.Separator)))
}

// TestAbsentBlobs checks that a layout that lacks some blobs still shows everything else.
func TestAbsentBlobs(t *testing.T) {
	dir, whole := layoutFolder(t)
	for _, l := range whole.Layers {
		if err := os.Remove(blobPath(dir, l.Digest)); err != nil {
			t.Fatal(err)
		}
	}
	im := open(t, dir, source.Options{})
	if im.ID != whole.ID || len(im.Layers) != len(whole.Layers) || len(im.History) != len(whole.History) || im.Config.Env[0] != whole.Config.Env[0] {
		t.Errorf("something that exists is not shown: %+v", im)
	}
	for i, l := range im.Layers {
		if !errors.Is(l.Err, fs.ErrNotExist) || !strings.Contains(l.Err.Error(), filepath.Base(blobPath(dir, l.Digest))) {
			t.Errorf("layer %d: got error %v, want one that names the blob", i, l.Err)
		}
		if l.DiffID != whole.Layers[i].DiffID || l.Step != whole.Layers[i].Step || l.CompressedBytes != whole.Layers[i].CompressedBytes {
			t.Errorf("layer %d: %+v, want %+v", i, l, whole.Layers[i])
		}
	}
	if err := os.Remove(blobPath(dir, whole.ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Open(t.Context(), dir, source.Options{}); err == nil || !strings.Contains(err.Error(), whole.ID[len("sha256:"):]) {
		t.Errorf("without a config: got error %v, want one that names it", err)
	}
}

// TestOddBlobs checks that anything other than the blob in its place causes an error that says
// so, and never waits.
func TestOddBlobs(t *testing.T) {
	outside := t.TempDir()
	for _, c := range []struct {
		name string
		make func(path string, content []byte) error
		want string // part of the error; "" if it's the blob after all
	}{
		{"link to nothing", func(path string, _ []byte) error { return os.Symlink("/no/such/file", path) }, "a link to /no/such/file"},
		{"link to itself", func(path string, _ []byte) error { return os.Symlink(path, path) }, "too many levels of symbolic links"},
		{"link to a folder", func(path string, _ []byte) error { return os.Symlink(outside, path) }, "not a regular file"},
		{"link to a device", func(path string, _ []byte) error { return os.Symlink("/dev/zero", path) }, "not a regular file"},
		{"fifo", func(path string, _ []byte) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file"},
		{"link to a fifo", func(path string, _ []byte) error {
			to := filepath.Join(outside, filepath.Base(path)+".fifo")
			return errors.Join(syscall.Mkfifo(to, 0o600), os.Symlink(to, path))
		}, "not a regular file"},
		{"link to another file", func(path string, content []byte) error {
			to := filepath.Join(outside, filepath.Base(path)+".other")
			changed := bytes.Clone(content)
			at := 512 // the content of the first file
			if changed[0] == 0x1f {
				at = 4 // gzip's time field, which decoders ignore
			}
			changed[at] ^= 1
			return errors.Join(os.WriteFile(to, changed, 0o600), os.Symlink(to, path))
		}, "digest"},
		{"link to the blob", func(path string, content []byte) error {
			to := filepath.Join(outside, filepath.Base(path))
			return errors.Join(os.WriteFile(to, content, 0o600), os.Symlink(to, path))
		}, ""},
		{"folder of blobs linked", func(path string, _ []byte) error {
			// The blobs lie elsewhere, as in skopeo's shared blob folders.
			blobs := filepath.Dir(path)
			to := filepath.Join(outside, "shared")
			return errors.Join(os.RemoveAll(to), os.Rename(blobs, to), os.Symlink(to, blobs))
		}, ""},
	} {
		for _, plain := range []bool{false, true} {
			shape, what := "oci-dir", "compressed"
			if plain {
				shape, what = "oci-dir-plain", "plain"
			}
			t.Run(c.name+"/"+what, func(t *testing.T) {
				dir := testkit.ShapeNamed(shape).Write(t, testkit.Load(t, "../testdata/hardlink-all-removed.image"))
				path := blobPath(dir, open(t, dir, source.Options{}).Layers[0].Digest)
				content := readFile(t, path)
				if c.name != "folder of blobs linked" {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.make(path, content); err != nil {
					t.Skip(err)
				}
				_, err := describe(dir, source.Options{})
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("error %v, want %q", err, c.want)
				}
			})
		}
	}
}

// TestLinkedIndex checks that an index that is a link out of the folder, as build tools in
// sandboxes write it, is followed.
func TestLinkedIndex(t *testing.T) {
	dir, _ := layoutFolder(t)
	to := filepath.Join(t.TempDir(), "index")
	if err := errors.Join(os.Rename(filepath.Join(dir, "index.json"), to), os.Symlink(to, filepath.Join(dir, "index.json"))); err != nil {
		t.Fatal(err)
	}
	open(t, dir, source.Options{})
}

// TestArtifacts checks that the error for something that isn't an image says what it is,
// whichever field shows that.
func TestArtifacts(t *testing.T) {
	for _, a := range testkit.Artifacts {
		t.Run(a.Is, func(t *testing.T) {
			for _, name := range []string{"", "thing:1"} {
				dir := testkit.WriteDir(t, testkit.ArtifactLayout(a, name))
				for _, ref := range []string{dir, dir + ":" + name} {
					_, err := source.Open(t.Context(), strings.TrimSuffix(ref, ":"), source.Options{})
					if err == nil || !strings.Contains(err.Error(), "is "+a.Is) {
						t.Errorf("%s: error %v, want %q", ref, err, a.Is)
					}
				}
			}
		})
	}
}

// edited writes a layout with a changed manifest, and makes index.json name it.
func edited(t *testing.T, change func(manifest map[string]any)) string {
	t.Helper()
	dir, im := layoutFolder(t)
	var m map[string]any
	if err := json.Unmarshal(readFile(t, blobPath(dir, im.Digest)), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.WriteDir(t, append(testkit.LayoutWith(b), copied(t, dir)...))
}

// copied returns the blobs of a layout.
func copied(t *testing.T, dir string) []testkit.Member {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var out []testkit.Member
	for _, p := range paths {
		out = append(out, testkit.Member{Name: "blobs/sha256/" + filepath.Base(p), Data: readFile(t, p)})
	}
	return out
}

// TestManifests checks malformed manifests.
func TestManifests(t *testing.T) {
	layers := func(m map[string]any) []any { return m["layers"].([]any) }
	first := func(m map[string]any) map[string]any { return layers(m)[0].(map[string]any) }
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		want   string // part of the error; "" for none
	}{
		{"as it is", func(map[string]any) {}, ""},
		{"fewer layers than the config names", func(m map[string]any) { m["layers"] = layers(m)[1:] }, "fewer than the"},
		{"layers null", func(m map[string]any) { m["layers"] = nil }, "0 layers, fewer than the"},
		{"no layers", func(m map[string]any) { delete(m, "layers") }, "0 layers, fewer than the"},
		{"unknown algorithm", func(m map[string]any) { first(m)["digest"] = "blake3:" + strings.Repeat("0", 64) }, `unknown algorithm "blake3"; peel knows sha256, sha384 and sha512`},
		{"malformed digest", func(m map[string]any) { first(m)["digest"] = "sha256:../../x" }, "malformed digest"},
		{"another size", func(m map[string]any) { first(m)["size"] = 1 }, "the manifest says 1"},
		{"schema 1", func(m map[string]any) {
			clear(m)
			m["schemaVersion"], m["fsLayers"] = 1, []any{map[string]any{"blobSum": "sha256:00"}}
		}, "schema 1"},
		{"data that is not the config", func(m map[string]any) { m["config"].(map[string]any)["data"] = []byte("{}") }, "its digest is"},
		{"a config of text/html", func(m map[string]any) { m["config"].(map[string]any)["mediaType"] = "text/html; charset=utf-8" }, ""},
		{"layers of no type", func(m map[string]any) {
			for _, l := range layers(m) {
				delete(l.(map[string]any), "mediaType")
			}
		}, ""},
		{"an artifact of an image's layers", func(m map[string]any) { m["artifactType"] = "application/vnd.example" }, ""},
		{"no config", func(m map[string]any) { delete(m, "config") }, "an artifact without a type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := describe(edited(t, c.change), source.Options{})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestNamesStayInside checks that the names in a manifest.json can't lead out of its folder, even
// below blobs/, where a blob may be a link.
func TestNamesStayInside(t *testing.T) {
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	for _, name := range []string{"../secret.json", "blobs/../../secret.json", "blobs/sha256/../../../secret.json", "blobs/link"} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "app")
		if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
			t.Fatal(err)
		}
		err := errors.Join(
			os.WriteFile(filepath.Join(parent, "secret.json"), config, 0o600),
			os.Symlink("../../secret.json", filepath.Join(dir, "blobs", "link")),
			os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`[{"Config":"`+name+`","Layers":[]}]`), 0o600),
		)
		if err != nil {
			t.Fatal(err)
		}
		if im, err := source.Open(t.Context(), dir, source.Options{}); err == nil {
			im.Close()
			t.Errorf("%s: read a file outside", name)
		} else {
			t.Log(err)
		}
	}
}
