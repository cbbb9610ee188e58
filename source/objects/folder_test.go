package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestFolder runs the tests that every store must pass on a folder.
func TestFolder(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "new"), true)
	if err != nil {
		t.Fatal(err)
	}
	testStore(t, s)
}

// testStore tests what every store must do. The store must be empty at first.
func testStore(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	put := func(name, text string) bool {
		t.Helper()
		made, err := s.Put(ctx, name, strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	get := func(name string) string {
		t.Helper()
		o, err := s.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, name := range []string{"a/b=1/c", "a/b", "a-/x", "top", "a/c"} {
		if !put(name, name) {
			t.Errorf("%s: not new", name)
		}
	}
	if put("a/c", "other") || get("a/c") != "a/c" {
		t.Error("an object was replaced")
	}
	o, err := s.Open(ctx, "top")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2)
	if n, err := o.ReadAt(b, 1); n != 2 || string(b) != "op" || err != nil && !errors.Is(err, io.EOF) {
		t.Error(n, string(b), err)
	}
	if n, err := o.ReadAt(b, 2); n != 1 || !errors.Is(err, io.EOF) {
		t.Error(n, err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	for prefix, want := range map[string][]string{
		"":     {"a-/x", "a/b", "a/b=1/c", "a/c", "top"},
		"a/":   {"a/b", "a/b=1/c", "a/c"},
		"a/b":  {"a/b", "a/b=1/c"},
		"a/b=": {"a/b=1/c"},
		"a":    {"a-/x", "a/b", "a/b=1/c", "a/c"},
		"no/":  nil,
	} {
		var got []string
		err := s.List(ctx, prefix, func(name string, size int64) error {
			if size != int64(len(name)) {
				t.Errorf("%s: %d bytes", name, size)
			}
			got = append(got, name)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q: %v", prefix, got, want, err)
		}
	}
	own := errors.New("enough")
	if err := s.List(ctx, "", func(string, int64) error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
	if _, err := s.Open(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, name := range []string{"", "/a", "a/", "../a", "a/../b", ".a", "a//b", "a b", "a\x00", strings.Repeat("a", 2000)} {
		if _, err := s.Put(ctx, name, strings.NewReader(""), 0); err == nil {
			t.Errorf("%q is put", name)
		}
		if _, err := s.Open(ctx, name); err == nil {
			t.Errorf("%q is opened", name)
		}
	}
	if _, err := s.Put(ctx, "short", strings.NewReader("abc"), 5); err == nil {
		t.Error("stored an object shorter than its stated size")
	}
	if _, err := s.Put(ctx, "broken", &breaking{}, 5); err == nil {
		t.Error("stored an object whose content failed")
	}
	for _, name := range []string{"short", "broken"} {
		if _, err := s.Open(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: part of it was stored: %v", name, err)
		}
	}
	testRace(ctx, t, s)
}

// testRace puts one object several times at once: exactly one put must create it.
func testRace(ctx context.Context, t *testing.T, s Store) {
	t.Helper()
	var group sync.WaitGroup
	var made atomic.Int32
	for range 8 {
		group.Go(func() {
			ok, err := s.Put(ctx, "race/one", strings.NewReader("same"), 4)
			if err != nil {
				t.Error(err)
			}
			if ok {
				made.Add(1)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("%d made it", made.Load())
	}
}

// breaking fails after some bytes.
type breaking struct{ n int }

func (b *breaking) Seek(int64, int) (int64, error) { return 0, nil }

func (b *breaking) Read(p []byte) (int, error) {
	if b.n++; b.n > 1 {
		return 0, errors.New("broken off")
	}
	return copy(p, "ab"), nil
}

// TestFolderStaysInside checks that nothing outside the folder can be reached, whatever the
// folder contains.
func TestFolderStaysInside(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Skip(err)
	}
	s, err := Open(t.Context(), dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), "out/x"); err == nil {
		t.Error("a file outside was opened")
	}
	if _, err := s.Put(t.Context(), "out/y", strings.NewReader(""), 0); err == nil {
		t.Error("a file outside was created")
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, place := range []string{"gs://bucket", "s3://", "s3://b/../c", filepath.Join(t.TempDir(), "none")} {
		if s, err := Open(t.Context(), place, false); err == nil {
			t.Errorf("%s: %v", place, s)
		} else {
			fmt.Fprintln(t.Output(), err)
		}
	}
}
