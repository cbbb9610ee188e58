package source_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestFixtures reads every fixture in every shape that it can take, from its file or folder and
// as a stream. Each shape must give the facts that the fixture states.
func TestFixtures(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			for _, shape := range testkit.Sample(testkit.Sample(f.Shapes())) { // with -short, only one of them
				t.Run(shape.Name, func(t *testing.T) {
					path := shape.Write(t, f)
					for _, want := range f.Images {
						if want.Absent != "" {
							continue
						}
						ref, platform := f.Ref(path, want)
						im := open(t, ref, source.Options{Platform: platform, KeepContent: true})
						checkImage(t, im, want)
						if ref == path && !shape.Dir {
							stream := bytes.NewReader(readFile(t, path))
							checkImage(t, open(t, "-", source.Options{Platform: platform, KeepContent: true, Stdin: stream}), want)
							at, err := source.OpenArchive(t.Context(), stream, stream.Size(), f.Name, source.Options{Platform: platform, ContentOnDemand: true})
							checkImage(t, scanned(t, at, err), want)
						}
					}
					for _, r := range f.Refusals {
						ref := path
						if r.Tag != "" {
							ref += ":" + r.Tag
						}
						im, err := source.Open(t.Context(), ref, source.Options{Platform: r.Platform})
						if err == nil {
							t.Errorf("opening %q for %q: got %s, want an error", r.Tag, r.Platform, im.Name)
							im.Close()
						} else if !strings.Contains(err.Error(), r.Says) {
							t.Errorf("opening %q for %q: the error lacks %q:\n%v", r.Tag, r.Platform, r.Says, err)
						}
					}
				})
			}
		})
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens and scans an image, and closes it at the end of the test.
func open(t *testing.T, ref string, opts source.Options) *source.Image {
	t.Helper()
	im, err := source.Open(t.Context(), ref, opts)
	return scanned(t, im, err)
}

// scanned scans an opened image, and closes it at the end of the test.
func scanned(t *testing.T, im *source.Image, err error) *source.Image {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	if err := im.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return im
}

func checkImage(t *testing.T, im *source.Image, want *testkit.Image) {
	t.Helper()
	if im.FullPlatform() != want.Platform {
		t.Errorf("platform %q, want %q", im.FullPlatform(), want.Platform)
	}
	if len(im.Layers) != len(want.Layers) {
		t.Fatalf("%d layers, want %d", len(im.Layers), len(want.Layers))
	}
	for i, l := range im.Layers {
		if l.Index != i || l.DiffID == "" {
			t.Errorf("layer %d has index %d and diffID %q", i, l.Index, l.DiffID)
		}
		_, unreadable := testkit.Unreadable[want.Layers[i].As]
		if (l.Err != nil) != unreadable {
			t.Errorf("layer %d: got error %v, want one: %v", i, l.Err, unreadable)
		}
		if !unreadable {
			checkLayer(t, l, want.Layers[i].Members())
		}
	}
	if steps, ok := want.Want["steps"]; ok {
		for i, l := range im.Layers {
			command := l.Step.Command
			if command == "" {
				command = "unknown"
			}
			if _, said, _ := strings.Cut(steps[i], " "); command != said {
				t.Errorf("layer %d was made by %q, want %q", i, command, said)
			}
		}
	}
}

var types = map[byte]source.Type{
	'0': source.File, '1': source.Hardlink, '2': source.Symlink, '3': source.Char,
	'4': source.Block, '5': source.Dir, '6': source.Fifo,
}

func checkLayer(t *testing.T, l *source.Layer, want []testkit.Entry) {
	t.Helper()
	if l.Entries.Len() != len(want) {
		t.Fatalf("layer %d: got %d entries, want %d", l.Index, l.Entries.Len(), len(want))
	}
	for i := range want {
		got, w := l.Entries.At(i), &want[i]
		content := w.Content()
		expected := source.Entry{
			Name: w.Name, Link: w.Link, Type: types[w.Type], Mode: uint32(w.Mode), UID: w.UID, GID: w.GID,
			Time: w.Time, Size: int64(len(content)), Stored: w.Stored(), Major: w.Major, Minor: w.Minor, Xattrs: w.Xattrs,
		}
		if got.Summed && w.IsFile() && got.Sum != xxh3.Hash(content) {
			t.Errorf("layer %d: %q: wrong checksum", l.Index, w.Name)
		}
		if !sameEntry(got, expected) {
			t.Errorf("layer %d: entry %d:\n got %+v\nwant %+v", l.Index, i, got, expected)
		}
	}
	// Go backwards: the order of requests must not matter.
	for i := range slices.Backward(want) {
		if !want[i].IsFile() {
			continue
		}
		if got := content(t, l, i); !bytes.Equal(got, want[i].Content()) {
			t.Errorf("layer %d: %q: content differs (got %d bytes, want %d)", l.Index, want[i].Name, len(got), len(want[i].Content()))
		}
	}
}

func sameEntry(a, b source.Entry) bool {
	return a.Name == b.Name && a.Link == b.Link && a.Type == b.Type && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID &&
		a.Time.Equal(b.Time) && a.Size == b.Size && a.Stored == b.Stored && a.Major == b.Major && a.Minor == b.Minor &&
		maps.Equal(a.Xattrs, b.Xattrs)
}

func content(t *testing.T, l *source.Layer, entry int) []byte {
	t.Helper()
	r, err := l.Open(context.Background(), entry)
	if err != nil {
		t.Errorf("layer %d: opening entry %d: %v", l.Index, entry, err)
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("layer %d: reading entry %d: %v", l.Index, entry, err)
	}
	return b
}
