package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestOneReport checks that an image gives the same report whatever it's read from: a docker
// archive, OCI layouts with gzip and zstd layers, an archive compressed as a whole, or a
// stream, with an empty and with a full cache. Only the names of the forms may differ.
// PEEL_THOROUGH=1 tries 2,000 random images.
func TestOneReport(t *testing.T) {
	n := testkit.Rounds(uint64(60))
	if os.Getenv("PEEL_THOROUGH") != "" {
		n = 2_000
	}
	reports, cached := uint64(0), uint64(0)
	for seed := range n {
		f := &testkit.Fixture{Images: []*testkit.Image{hostileImage(seed)}}
		read, kept := oneReport(t, f)
		if read {
			reports++
		}
		if kept {
			cached++
		}
		if t.Failed() {
			t.Fatalf("seed %d; the image:\n%s", seed, testkit.Text(f.Images[0]))
		}
	}
	t.Logf("%d images: %d can be read, %d are cached", n, reports, cached)
	if reports < n/2 || cached < n/3 {
		t.Errorf("only %d of %d images can be read, and %d are cached", reports, n, cached)
	}
}

// oneReport compares the reports on all forms of an image, or their errors. It returns whether
// there are reports, and whether any part of the image is in the cache.
func oneReport(t *testing.T, f *testkit.Fixture) (read, cached bool) {
	t.Helper()
	dir := t.TempDir()
	cache := filepath.Join(dir, "cache")
	want := ""
	for _, form := range []struct{ name, shape, cache string }{
		{"docker archive", "docker-20", ""},
		{"OCI layout, gzip", "oci-tar", ""},
		{"OCI layout, zstd", "oci-tar-zstd", ""},
		{"docker archive, gzip as a whole", "docker-20.gz", ""},
		{"a stream", "kaniko", ""},
		{"cold cache", "oci-tar", cache},
		{"warm cache", "oci-tar", cache},
		{"cold cache, zstd", "oci-tar-zstd", cache},
		{"warm cache, zstd", "oci-tar-zstd", cache},
	} {
		archive := testkit.ShapeNamed(form.shape).Archive(f)
		opts := source.Options{Cache: form.cache}
		ref := filepath.Join(dir, "image.tar")
		if form.name == "a stream" {
			ref, opts.Stdin = "-", bytes.NewReader(archive)
		} else if err := os.WriteFile(ref, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := formless(t, ref, opts)
		if err != nil {
			got = "error: " + err.Error()
			// Each form stores the layer in a different file of the archive.
			if before, after, ok := strings.Cut(got, "): "); ok && strings.Contains(before, "layer ") {
				got = "error in a layer: " + after
			}
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: got\n%s\nthe first form gave\n%s", form.name, got, want)
		}
	}
	kept, _ := os.ReadDir(cache)
	return !strings.HasPrefix(want, "error"), len(kept) > 0
}

// formless returns an image's JSON report without the parts that name its form.
func formless(t *testing.T, ref string, opts source.Options) (string, error) {
	t.Helper()
	im, err := source.Open(t.Context(), ref, opts)
	if err != nil {
		return "", err
	}
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	var b bytes.Buffer
	if err == nil {
		err = JSON(&b, a, nil)
	}
	if err := errors.Join(err, im.Close()); err != nil {
		return "", err
	}
	var doc map[string]any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"digest", "source"} {
		delete(doc["image"].(map[string]any), key)
	}
	delete(doc["totals"].(map[string]any), "compressedBytes")
	for _, l := range doc["layers"].([]any) {
		for _, key := range []string{"digest", "mediaType", "compressedBytes"} {
			delete(l.(map[string]any), key)
		}
	}
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

// hostileImage returns a random image with content that no builder writes.
func hostileImage(seed uint64) *testkit.Image {
	d := testkit.Throw(seed)
	im := d.Image()
	d = testkit.Throw(seed ^ 1<<63)
	for i := range d.Roll(4) {
		im.Steps = append(im.Steps, testkit.Step{Command: fmt.Sprintf("RUN \x1b[31m%d\n##[error]", i), Empty: d.Roll(3) == 0})
	}
	for _, l := range im.Layers {
		for i := range l.Entries {
			e := &l.Entries[i]
			switch d.Roll(12) {
			case 0:
				e.Name = d.Of("..", "a/../..", ".", "./.") + "/" + e.Name
			case 1:
				e.Name += d.Of("\x1b[2J", "\n::error::", "\u202e", "\xff\xfe")
			case 2:
				e.Name = strings.Repeat("long/", 60) + e.Name
			case 3:
				e.Flag = 'Z'
			case 4:
				e.Xattrs = map[string]string{"user.\x1b": "\x00\xff", "security.capability": "\x01"}
			case 5:
				e.UID, e.GID, e.Base256 = 1<<40, -1, true
			case 6:
				if e.IsFile() && e.Text == "" && e.Size > 2 {
					e.Sparse, e.Data = d.Of("gnu", "0.0", "0.1", "1.0"), []testkit.Span{{Offset: 1, Length: 1}}
				}
			case 7:
				e.Link = d.Of("", "/", "..", strings.Repeat("x", 300), e.Name)
			}
		}
		l.End = d.Of("", "", "", "one", "none", "padded")
		if d.Roll(20) == 0 {
			l.As = d.Of("xz", "bzip2", "squashfs")
		}
	}
	return im
}
