package source

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// FuzzArchive opens any bytes as a file and as a stream, and expects the same image or an error
// both ways, and never a panic.
func FuzzArchive(f *testing.F) {
	for _, fixture := range testkit.Fixtures(f, "../testdata") {
		switch fixture.Name {
		case "hardlink-all-at-once", "whiteout-bare", "several-platforms", "tar-pax-records", "unreadable-xz", "history-long":
			for _, shape := range fixture.Shapes() {
				if !shape.Dir {
					f.Add(shape.Archive(fixture))
				}
			}
		}
	}
	path := filepath.Join(f.TempDir(), "image.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		sameBothWays(t, path, b)
		sameBothWays(t, path, testkit.RepairTar(b))
	})
}

// sameBothWays reads b as a file at path and as a stream.
func sameBothWays(t *testing.T, path string, b []byte) {
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, fileErr := readAll(path, Options{})
	fromStream, streamErr := readAll("-", Options{Stdin: bytes.NewReader(b)})
	if (fileErr == nil) != (streamErr == nil) {
		t.Fatalf("from the file: %v\nfrom the stream: %v", fileErr, streamErr)
	}
	if fileErr == nil && fromFile != fromStream {
		t.Fatalf("the file has %d entries, the stream %d", fromFile, fromStream)
	}
}

// readAll opens and scans an image and reads all its entries.
func readAll(ref string, opts Options) (entries int, err error) {
	ctx := context.Background()
	im, err := Open(ctx, ref, opts)
	if err != nil {
		return 0, err
	}
	defer im.Close()
	if err := im.Scan(ctx); err != nil {
		return 0, err
	}
	for _, l := range im.Layers {
		for i := range l.Entries.Len() {
			_ = l.Entries.At(i)
			entries++
		}
	}
	return entries, nil
}
