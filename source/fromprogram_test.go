package source_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/peelhq/peel/source"
)

const sampleArchive = "../testdata/sample.tar"

// factsOf formats all facts about an image's layers, and the contents of their files.
func factsOf(t *testing.T, im *source.Image) (out []string) {
	t.Helper()
	for _, l := range im.Layers {
		out = append(out, l.DiffID, l.Step.Command)
		for i := range l.Entries.Len() {
			e := l.Entries.At(i)
			out = append(out, e.Name)
			if e.Type == source.File {
				out = append(out, string(content(t, l, i)))
			}
		}
	}
	return out
}

// TestOpenImage checks that an image of go-containerregistry gives the same facts as its
// archive.
func TestOpenImage(t *testing.T) {
	from, err := tarball.ImageFromPath(sampleArchive, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := factsOf(t, open(t, sampleArchive, source.Options{}))
	for name, opts := range map[string]source.Options{"kept": {KeepContent: true}, "on demand": {ContentOnDemand: true}} {
		im, err := source.OpenImage(t.Context(), from, "the sample", opts)
		im = scanned(t, im, err)
		if got := factsOf(t, im); !slices.Equal(got, want) {
			t.Errorf("%s: got %d facts, want %d:\n%q\nwant\n%q", name, len(got), len(want), got, want)
		}
		digest, err := from.Digest()
		if err != nil || im.Digest != digest.String() || im.Source != "the sample" {
			t.Errorf("%s: got digest %s, source %s; want %s, %v", name, im.Digest, im.Source, digest, err)
		}
	}
}

// faultyImage is an image with a fault.
type faultyImage struct {
	v1.Image
	manifest func() ([]byte, error)
	layer    func(v1.Layer) v1.Layer
}

func (f faultyImage) RawManifest() ([]byte, error) {
	if f.manifest != nil {
		return f.manifest()
	}
	return f.Image.RawManifest()
}

func (f faultyImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	l, err := f.Image.LayerByDigest(h)
	if err == nil && f.layer != nil {
		l = f.layer(l)
	}
	return l, err
}

type faultyLayer struct {
	v1.Layer
	compressed func() (io.ReadCloser, error)
}

func (f faultyLayer) Compressed() (io.ReadCloser, error) { return f.compressed() }

// TestOpenImageThatFails checks that every failure while an image is read becomes an error.
func TestOpenImageThatFails(t *testing.T) {
	from, err := tarball.ImageFromPath(sampleArchive, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	layer := func(compressed func(l v1.Layer) (io.ReadCloser, error)) faultyImage {
		return faultyImage{Image: from, layer: func(l v1.Layer) v1.Layer {
			return faultyLayer{l, func() (io.ReadCloser, error) { return compressed(l) }}
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		image faultyImage
		ctx   context.Context
		says  string
	}{
		"no manifest": {faultyImage{Image: from, manifest: func() ([]byte, error) { return nil, gone }}, t.Context(), "gone"},
		"a panic":     {faultyImage{Image: from, manifest: func() ([]byte, error) { panic("oh") }}, t.Context(), "the image cannot be read: oh"},
		"no layer":    {layer(func(v1.Layer) (io.ReadCloser, error) { return nil, gone }), t.Context(), "gone"},
		"other bytes": {layer(func(l v1.Layer) (io.ReadCloser, error) {
			size, err := l.Size()
			return io.NopCloser(bytes.NewReader(make([]byte, size))), err
		}), t.Context(), ""},
		"too few bytes": {layer(func(v1.Layer) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("few")), nil }), t.Context(), ""},
		"a context that ends": {layer(func(l v1.Layer) (io.ReadCloser, error) {
			cancel()
			return l.Compressed()
		}), ctx, "context canceled"},
	} {
		im, err := source.OpenImage(c.ctx, c.image, "it", source.Options{})
		if err == nil {
			err = im.Scan(c.ctx)
			im.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, c.says)
		}
	}
}

// TestOpenNotAnArchive checks that a file of any size that isn't an archive is an error
// with the file's name.
func TestOpenNotAnArchive(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "text": "hello", "zeros": strings.Repeat("\x00", 2048)} {
		for _, size := range []int64{int64(len(text)), int64(len(text)) + 1, -1, 1 << 40} {
			im, err := source.OpenArchive(t.Context(), strings.NewReader(text), size, "it.tar", source.Options{})
			if err == nil || !strings.HasPrefix(err.Error(), "it.tar: ") {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
			if im != nil {
				im.Close()
			}
		}
	}
}
