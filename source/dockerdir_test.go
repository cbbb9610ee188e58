package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestDockerDir reads a folder in the format of skopeo's dir: transport. Its manifest is
// manifest.json, and blobs are named by their hex digits.
func TestDockerDir(t *testing.T) {
	f, err := testkit.Parse("-- layer --\nfile a 5\n-- layer --\nfile b 7\n")
	if err != nil {
		t.Fatal(err)
	}
	layout := testkit.ShapeNamed("oci-dir").Write(t, f)
	im, err := source.Open(t.Context(), layout, source.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()

	dir := t.TempDir()
	blobs, err := os.ReadDir(filepath.Join(layout, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		name := b.Name()
		text, err := os.ReadFile(filepath.Join(layout, "blobs", "sha256", name))
		if err != nil {
			t.Fatal(err)
		}
		if "sha256:"+name == im.Digest {
			name = "manifest.json"
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := source.Open(t.Context(), dir, source.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if err := got.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.ID != im.ID || got.Digest != im.Digest || len(got.Layers) != 2 || !strings.HasPrefix(got.Source, "docker-dir:") {
		t.Errorf("got %s, %s, %d layers from %s; want %s, %s, 2", got.ID, got.Digest, len(got.Layers), got.Source, im.ID, im.Digest)
	}
}
