package source_test

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestRootfs opens the tar of a root filesystem in every form and from every place, and expects
// one layer with the tar's members and their contents.
func TestRootfs(t *testing.T) {
	packed := readFile(t, "../testdata/whole.tar.bz2")
	plain, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	want := tarContents(t, plain)
	forms := map[string][]byte{
		"tar": plain, "tar.gz": testkit.Gzip(plain), "tar.zst": testkit.Zstd(plain),
		"tar.bz2": packed, "tar.xz": readFile(t, "../testdata/whole.tar.xz"),
	}
	for form, b := range forms {
		path := filepath.Join(t.TempDir(), "root."+form)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func(t *testing.T) *source.Image{
			"file": func(t *testing.T) *source.Image {
				t.Helper()
				return open(t, "rootfs:"+path, source.Options{KeepContent: true})
			},
			"file, content on demand": func(t *testing.T) *source.Image {
				t.Helper()
				return open(t, "rootfs:"+path, source.Options{ContentOnDemand: true})
			},
			"file, seen before": func(t *testing.T) *source.Image {
				t.Helper()
				cache := t.TempDir()
				im, err := source.Open(t.Context(), "rootfs:"+path, source.Options{Cache: cache})
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(im.Scan(t.Context()), im.Close()); err != nil {
					t.Fatal(err)
				}
				return open(t, "rootfs:"+path, source.Options{Cache: cache, KeepContent: true})
			},
			"standard input": func(t *testing.T) *source.Image {
				t.Helper()
				return open(t, "rootfs:-", source.Options{Stdin: bytes.NewReader(b), ContentOnDemand: true})
			},
		} {
			t.Run(form+"/"+name, func(t *testing.T) {
				im := open(t)
				if len(im.Layers) != 1 || im.ID != "" || im.Platform != "" || len(im.History) > 0 || len(im.Flaws) > 0 {
					t.Fatalf("got %+v", im)
				}
				l := im.Layers[0]
				got := map[string]string{}
				for i := range l.Entries.Len() {
					if l.Entries.Type(i) == source.File {
						got[l.Entries.At(i).Name] = string(content(t, l, i))
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("got %d files, want %d", len(got), len(want))
				}
				compressed := l.CompressedBytes
				if form == "tar" {
					compressed += int64(len(b)) + 1
				}
				if compressed != int64(len(b)) {
					t.Errorf("got %d compressed bytes of %d", l.CompressedBytes, len(b))
				}
			})
		}
	}
}

// tarContents maps the names of a tar's files to their contents.
func tarContents(t *testing.T, b []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			out[h.Name] = string(text)
		}
	}
}

// TestDir opens a folder as one layer, and a folder that skopeo has written an image to as that
// image.
func TestDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("peel doesn't read folders as layers on Windows")
	}
	root := t.TempDir()
	for name, text := range map[string]string{"etc/passwd": "root:x:0:0", "bin/sh": "#!", "odd\nname": "1"} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	im := open(t, "dir:"+root, source.Options{})
	var got []string
	for i := range im.Layers[0].Entries.Len() {
		got = append(got, im.Layers[0].Entries.At(i).Name)
	}
	if want := "[./ bin/ bin/sh etc/ etc/passwd odd\nname]"; fmt.Sprint(got) != want || im.Source != "dir:"+root {
		t.Errorf("got %q from %s", got, im.Source)
	}
	if text := content(t, im.Layers[0], 4); string(text) != "root:x:0:0" {
		t.Errorf("read %q", text)
	}

	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	for _, version := range []string{"Directory Transport Version: 1.1\n", "1.1\n", ""} {
		dir := skopeoDir(t, f)
		if version != "" {
			if err := os.WriteFile(filepath.Join(dir, "version"), []byte(version), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		im := open(t, "dir:"+dir, source.Options{})
		if isImage := strings.HasPrefix(version, "Directory"); isImage != (im.ID != "") {
			t.Errorf("version %q: ID %q", version, im.ID)
		}
	}
}

// skopeoDir writes an image as skopeo's "dir:" does, except for the file "version".
func skopeoDir(t *testing.T, f *testkit.Fixture) string {
	t.Helper()
	layout := testkit.ShapeNamed("oci-dir").Write(t, f)
	im := open(t, layout, source.Options{})
	dir := t.TempDir()
	blobs := filepath.Join(layout, "blobs", "sha256")
	files, err := os.ReadDir(blobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := file.Name()
		to := name
		if "sha256:"+name == im.Digest {
			to = "manifest.json"
		}
		if err := os.WriteFile(filepath.Join(dir, to), readFile(t, filepath.Join(blobs, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRootfsAdvice checks the advice in errors for files that aren't images, or not of the kind
// you asked for.
func TestRootfsAdvice(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	plain := filepath.Join(dir, "plain")
	for _, d := range []string{"etc", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "root.tar")
	members := []testkit.Member{{Name: "bin/", Dir: true}, {Name: "etc/passwd", Data: []byte("x")}, {Name: "etc/", Dir: true}}
	if err := errors.Join(os.Mkdir(plain, 0o755), os.WriteFile(file, testkit.TarOf(members), 0o600), os.WriteFile(filepath.Join(dir, "text"), []byte("hello\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ ref, want string }{
		{root, "dir:" + root + " opens it as one layer"},
		{"oci:" + root, "not an OCI layout"},
		{plain, "dir:" + plain + " opens a folder of any files as one layer"},
		{file, "rootfs:" + file + " opens it as one layer"},
		{"rootfs:" + root, "a folder; open it with dir:" + root},
		{"dir:" + file, "not a folder; open a tar of a root filesystem with rootfs:" + file},
		{"rootfs:" + filepath.Join(dir, "text"), "not the tar of a root filesystem: it is text"},
		{"rootfs:" + filepath.Join(dir, "none"), "no such file"},
		{"dir:" + filepath.Join(dir, "none"), "no such file"},
		{"rootfs:-", "standard input is closed"},
	} {
		_, err := source.Open(t.Context(), test.ref, source.Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.ref, err, test.want)
		}
	}
	cut := testkit.Gzip(testkit.TarOf(members))
	if _, err := source.Open(t.Context(), "rootfs:-", source.Options{Stdin: bytes.NewReader(cut[:len(cut)-20])}); err == nil {
		t.Error("a tar that is cut off opens")
	}
}
