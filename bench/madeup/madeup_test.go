package madeup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/bench/madeup"
	"github.com/peelhq/peel/source"
)

// TestImage checks what benchmarks rely on: made-up images have the requested number of entries
// and layers, changes of every kind, no flaws, and are the same in every form.
func TestImage(t *testing.T) {
	im := madeup.Image{Entries: 5000, Layers: 7, Mean: 500, Again: 30}
	dir := t.TempDir()
	var out bytes.Buffer
	if err := im.WriteDocker(&out); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "docker.tar")
	if err := os.WriteFile(archive, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	refs := []string{archive}
	for _, packing := range []string{"gzip", "zstd"} {
		ref := filepath.Join(dir, packing)
		if err := im.WriteOCI(ref, packing); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	var first analyze.Totals
	for i, ref := range refs {
		a := analyse(t, ref)
		got := a.Totals
		if got.Entries != im.Entries || got.Layers != im.Layers || len(a.Flaws) > 0 {
			t.Errorf("%s: got %d entries, %d layers, flaws %v", filepath.Base(ref), got.Entries, got.Layers, a.Flaws)
		}
		if mean := got.Stored / int64(im.Entries); mean < im.Mean/2 || mean > im.Mean*2 {
			t.Errorf("%s: %d bytes per entry", filepath.Base(ref), mean)
		}
		got.Compressed = 0
		if i == 0 {
			first = got
			if causes := a.Causes; causes[0].Bytes == 0 || causes[1].Bytes == 0 || causes[3].Bytes == 0 {
				t.Errorf("overwritten, metadata and removed: got %+v", causes)
			}
			first.Compressed = 0
		}
		if got != first {
			t.Errorf("%s: %+v, want %+v", filepath.Base(ref), got, first)
		}
	}
}

// TestHoles checks the same image without its contents.
func TestHoles(t *testing.T) {
	im := madeup.Image{Entries: 300, Layers: 3, Mean: 50_000, Again: 30, Holes: true}
	archive := filepath.Join(t.TempDir(), "docker.tar")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := im.WriteDocker(f); err != nil {
		t.Fatal(err)
	}
	with := analyse(t, archive).Totals

	var out bytes.Buffer
	if err := im.WriteDocker(&out); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(archive); err != nil || !bytes.Equal(b, out.Bytes()) {
		t.Errorf("the file differs from the stream (%v)", err)
	}
	if with.Entries != im.Entries || with.Stored == 0 {
		t.Errorf("%+v", with)
	}
}

func analyse(t *testing.T, ref string) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
