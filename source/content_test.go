package source_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

const contentFixture = `
-- layer --
file a "first"
dir  d/
file d/b "second"
hardlink d/h -> d/b
file hole 5000 sparse=gnu data=512+512,4096+100
file big 700000 seed=x
file last "the end"
`

// opened returns the fixture's only layer, scanned, as the shape stores it.
func opened(t *testing.T, text, shape string, opts source.Options) *source.Layer {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	opts.Platform = "linux/amd64"
	im, err := source.Open(t.Context(), testkit.ShapeNamed(shape).Write(t, f), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := im.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return im.Layers[0]
}

// contentShapes covers every place that content can come from: a section of a plain file, a
// decoder, and a temporary file of either.
var contentShapes = []string{"docker-20", "oci-tar", "oci-tar-zstd", "oci-dir", "oci-members", "docker-20.gz", "oci-tar.gz"}

func TestContent(t *testing.T) {
	f, err := testkit.Parse(contentFixture)
	if err != nil {
		t.Fatal(err)
	}
	want := f.Images[0].Layers[0].Entries
	for _, shape := range contentShapes {
		t.Run(shape, func(t *testing.T) {
			l := opened(t, contentFixture, shape, source.Options{KeepContent: true})
			for i, e := range want {
				r, err := l.Open(t.Context(), i)
				if !e.IsFile() {
					if err == nil {
						t.Errorf("%s can be opened, but isn't a file", e.Name)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err != nil || string(got) != string(e.Content()) {
					t.Errorf("%s: got %d bytes, error %v; want %d", e.Name, len(got), err, len(e.Content()))
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestEach checks that Each reads in stored order, for any order of requests, and that callers
// may leave content unread.
func TestEach(t *testing.T) {
	for _, shape := range contentShapes {
		t.Run(shape, func(t *testing.T) {
			l := opened(t, contentFixture, shape, source.Options{KeepContent: true})
			var got []string
			err := l.Each(t.Context(), []int{6, 5, 0, 1, 6, 2}, func(i int, r io.Reader) error {
				head := make([]byte, 3)
				if _, err := io.ReadFull(r, head); err != nil {
					return err
				}
				if i != 5 {
					got = append(got, l.Entries.At(i).Name+"="+string(head))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(got, " "); text != "a=fir d/b=sec last=the" {
				t.Errorf("got %s", text)
			}
			stop := errors.New("stop")
			if err := l.Each(t.Context(), []int{0}, func(int, io.Reader) error { return stop }); !errors.Is(err, stop) {
				t.Errorf("the caller's error comes back as %v", err)
			}
		})
	}
}

// TestSum checks that the checksum of a file is the same wherever the file comes from.
func TestSum(t *testing.T) {
	var want []uint64
	for _, shape := range contentShapes {
		l := opened(t, contentFixture, shape, source.Options{KeepContent: true})
		if err := l.Sum(t.Context(), []int{0, 2, 4, 5, 6}); err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for i := range l.Entries.Len() {
			sum, _, _ := l.Entries.Checksum(i)
			got = append(got, sum)
		}
		if want == nil {
			want = got
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: entry %d has checksum %x, elsewhere %x", shape, i, got[i], want[i])
			}
		}
	}
}

// TestStreamIsNotKept checks that without KeepContent nothing is written to disk, and content
// isn't available.
func TestStreamIsNotKept(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	l := opened(t, contentFixture, "docker-20.gz", source.Options{})
	if r, err := l.Open(t.Context(), 0); err == nil {
		_ = r.Close()
		t.Error("opened content of a stream that was not kept")
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "peel-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSpoolHasNoName checks that a temporary file has no name while it's in use, so nothing is
// left however peel ends.
func TestSpoolHasNoName(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("Windows deletes the file when it's closed")
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	l := opened(t, contentFixture, "docker-20.gz", source.Options{KeepContent: true})
	r, err := l.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("in the temporary folder: got %v, %v", left, err)
	}
}

// TestCancelled checks that a cancelled context ends a read, even if standard input sends
// nothing.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		_, _ = w.Write(make([]byte, 512)) // one block, then nothing
		cancel()
	}()
	_, err := source.Open(ctx, "-", source.Options{Stdin: r})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestProgress(t *testing.T) {
	var last source.Progress
	l := opened(t, contentFixture, "oci-tar", source.Options{Progress: func(p source.Progress) { last = p }})
	if last.Layers != 1 || last.TotalLayer != 1 || last.Bytes != last.TotalBytes || last.Bytes != l.CompressedBytes {
		t.Errorf("got %+v at the end, for a layer of %d bytes", last, l.CompressedBytes)
	}
}

// TestDiffer checks that a probe finds differences in the places that it looks at, and claims
// nothing about the rest.
func TestDiffer(t *testing.T) {
	const text = `
-- layer --
file same1 200000 seed=a
file same2 200000 seed=a
file other 200000 seed=b
file small1 100 seed=a
file small2 100 seed=b
`
	for shape, looks := range map[string]bool{"docker-20": true, "oci-dir-plain": true, "oci-tar": false, "docker-20.gz": false} {
		l := opened(t, text, shape, source.Options{})
		for _, c := range []struct {
			i, j int
			want bool
		}{{0, 1, false}, {0, 2, looks}, {2, 1, looks}, {3, 4, false}} {
			if got := source.Differ(l, c.i, l, c.j); got != c.want {
				t.Errorf("%s: entries %d and %d are known to differ: got %v, want %v", shape, c.i, c.j, got, c.want)
			}
		}
	}
}
