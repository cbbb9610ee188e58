package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestBody checks that a body returns the right content at any offset, for every way in which a
// layer can be stored, and whether or not unpacked data can be cached.
func TestBody(t *testing.T) {
	f, err := testkit.Parse(contentFixture)
	if err != nil {
		t.Fatal(err)
	}
	want := f.Images[0].Layers[0].Entries
	for _, keep := range []bool{true, false} {
		for _, shape := range contentShapes {
			t.Run(fmt.Sprintf("%s, kept %v", shape, keep), func(t *testing.T) {
				l := opened(t, contentFixture, shape, source.Options{KeepContent: true})
				if !keep {
					t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
				}
				rnd := rand.New(rand.NewPCG(1, 2))
				for i, e := range want {
					b, err := l.Body(t.Context(), i)
					if !e.IsFile() {
						if err == nil {
							t.Errorf("%s has a body, but isn't a file", e.Name)
						}
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					content := e.Content()
					if b.Size() != int64(len(content)) {
						t.Errorf("%s: %d bytes, want %d", e.Name, b.Size(), len(content))
					}
					for range 10 {
						off := rnd.IntN(len(content) + 1)
						p := make([]byte, rnd.IntN(3000))
						n, err := b.ReadAt(t.Context(), p, int64(off))
						rest := content[off:]
						if !bytes.Equal(p[:n], rest[:min(len(p), len(rest))]) {
							t.Fatalf("%s: content differs at %d", e.Name, off)
						}
						if wantEOF := len(p) > len(rest); wantEOF != errors.Is(err, io.EOF) || !wantEOF && err != nil {
							t.Fatalf("%s: reading %d bytes at %d of %d: %v", e.Name, len(p), off, len(content), err)
						}
					}
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					if _, err := b.ReadAt(ctx, make([]byte, 1), 0); len(content) > 0 && !errors.Is(err, context.Canceled) {
						t.Errorf("%s: got %v from a cancelled read", e.Name, err)
					}
					if err := b.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestContentOnDemand checks that an archive compressed as a whole is read again only when
// content is asked for, and that content is refused if the archive has changed since.
func TestContentOnDemand(t *testing.T) {
	f, err := testkit.Parse(contentFixture)
	if err != nil {
		t.Fatal(err)
	}
	open := func(t *testing.T) (*source.Layer, string) {
		t.Helper()
		path := testkit.ShapeNamed("docker-20.gz").Write(t, f)
		im, err := source.Open(t.Context(), path, source.Options{Platform: "linux/amd64", ContentOnDemand: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := im.Close(); err != nil {
				t.Error(err)
			}
		})
		return im.Layers[0], path
	}
	t.Run("read again", func(t *testing.T) {
		l, path := open(t)
		for range 2 {
			b, err := l.Body(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 5)
			if _, err := b.ReadAt(t.Context(), p, 0); err != nil || string(p) != "first" {
				t.Errorf("%q, %v", p, err)
			}
			r, err := l.Open(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != "second" {
				t.Errorf("%q, %v", got, err)
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err) // once is enough
			}
		}
	})
	t.Run("changed", func(t *testing.T) {
		l, path := open(t)
		other, err := testkit.Parse("-- layer --\nfile x \"something else\"\n")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(testkit.ShapeNamed("docker-20.gz").Write(t, other))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Body(t.Context(), 0); err == nil {
			t.Error("got content of another image")
		}
	})
	t.Run("a pipe", func(t *testing.T) {
		data, err := os.ReadFile(testkit.ShapeNamed("docker-20").Write(t, f))
		if err != nil {
			t.Fatal(err)
		}
		im, err := source.Open(t.Context(), "-", source.Options{
			Platform: "linux/amd64", ContentOnDemand: true, Stdin: bytes.NewReader(data),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		b, err := im.Layers[0].Body(t.Context(), 0)
		if err != nil || b.Size() != 5 {
			t.Errorf("%v", err)
		}
	})
}
