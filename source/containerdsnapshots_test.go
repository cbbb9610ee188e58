package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// filesOf maps the names of a layer's regular files to their contents, and those of links to
// their targets.
func filesOf(t *testing.T, im *Image, layer int) map[string]string {
	t.Helper()
	out := map[string]string{}
	l := im.Layers[layer]
	for i := range l.Entries.Len() {
		e := l.Entries.At(i)
		name := "/" + strings.Trim(strings.TrimPrefix(e.Name, "."), "/")
		switch e.Type {
		case File:
			r, err := l.Open(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			out[name] = "file " + string(text)
		case Symlink:
			out[name] = "symlink " + e.Link
		case Dir:
			if name != "/" {
				out[name] = "folder"
			}
		}
	}
	return out
}

// unpackInto unpacks the directories, files and links of a layer's tar.
func unpackInto(t *testing.T, dir string, blob []byte) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(to, 0o700)
		case tar.TypeReg:
			var text []byte
			if text, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, to)
		case tar.TypeLink:
			err = os.Link(filepath.Join(dir, h.Linkname), to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestContainerdSnapshots reads a layer whose blob was discarded from its snapshot, and checks
// the reason in the error where that isn't possible.
func TestContainerdSnapshots(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("peel reads upper directories only on Linux")
	}
	c, _, _ := containerdOf(t)
	c.WriteContent(t)
	c.WriteDB(t)
	opts := Options{Platform: "linux/amd64"}
	opened := func(via Via) *Image {
		t.Helper()
		opts.Via = via
		im, err := Open(t.Context(), "containerd://k8s.io/app:1", opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { im.Close() })
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		return im
	}
	whole := opened(ViaAny)
	lowest := whole.Layers[0]
	want := filesOf(t, whole, 0)
	if len(want) < 3 {
		t.Fatalf("got only %v in the layer", want)
	}
	file := filepath.Join(c.Root, "io.containerd.content.v1.content", "blobs", "sha256", digestHex(lowest.Digest))
	blob, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c.Forget(lowest.Digest)

	says := func(via Via, text string) {
		t.Helper()
		im := opened(via)
		if err := im.Layers[0].Err; !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), text) {
			t.Errorf("via %q got layer error %v\nwhich lacks %q", via, err, text)
		}
		for _, l := range im.Layers[1:] {
			if l.Err != nil {
				t.Errorf("via %q layer %d: %v", via, l.Index, l.Err)
			}
		}
	}
	says(ViaAny, "containerd has no snapshots of it")
	c.WriteSnapshots(t, "other", "native", lowest.DiffID)
	says(ViaAny, `the folders of the snapshotter "native" are not read`)
	dir := c.WriteSnapshots(t, "default", "overlayfs", lowest.DiffID)[0]
	unpackInto(t, dir, blob)
	for _, via := range []Via{ViaAny, ViaStore} {
		im := opened(via)
		if err := im.Layers[0].Err; err != nil {
			t.Fatal(err)
		}
		if got := filesOf(t, im, 0); !maps.Equal(got, want) {
			t.Errorf("via %q got snapshot\n%v\nwant layer\n%v", via, got, want)
		}
		if l := im.Layers[0]; l.DiffID != lowest.DiffID || l.Digest != lowest.Digest || l.CompressedBytes != lowest.CompressedBytes {
			t.Errorf("got layer %+v, want %+v", l, lowest)
		}
	}
	says(ViaAPI, "its API does not hand it out")

	// Without the image's manifest and config, its layers are unknown.
	_, err = Open(t.Context(), "containerd://empty/x", opts)
	testkit.WantError(t, err, "is no longer in containerd's content store", "pull it again")
}
