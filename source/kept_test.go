package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// packedShapes covers every way in which a layer can be compressed.
var packedShapes = []string{"oci-tar", "oci-tar-zstd", "oci-dir", "oci-members", "oci-estargz", "oci-zstd-chunked"}

// keptFixture has files of all sizes, some of which span the steps in which layers are
// unpacked, and a sparse file.
func keptFixture() string {
	var b strings.Builder
	b.WriteString("-- layer --\n")
	for i, size := range []int{0, 1, 511, 512, 513, 100_000, 262_144, 300_000, 5, 400_000, 40} {
		fmt.Fprintf(&b, "file f%d %d seed=s%d\n", i, size, i)
	}
	b.WriteString("dir d/\nfile hole 500000 sparse=gnu data=512+512,300000+200000\nfile last \"the end\"\n")
	return b.String()
}

// wanted maps the names of the fixture's files to their contents.
func wanted(t testing.TB, text string) map[string]string {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range f.Images[0].Layers[0].Entries {
		if e.IsFile() {
			out[e.Name] = string(e.Content())
		}
	}
	return out
}

// look opens one file and compares its content, up to the end or only the beginning.
func look(ctx context.Context, l *source.Layer, i int, want string, part int) (err error) {
	r, err := l.Open(ctx, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	got, err := io.ReadAll(io.LimitReader(r, int64(part)))
	if err != nil {
		return err
	}
	if want = want[:min(part, len(want))]; string(got) != want {
		return fmt.Errorf("%s: got %d bytes that differ from the %d wanted", l.Entries.At(i).Name, len(got), len(want))
	}
	return nil
}

// lookAround looks at n of the layer's files, in random order.
func lookAround(ctx context.Context, l *source.Layer, want map[string]string, seed uint64, n int) error {
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range n {
		i := rnd.IntN(l.Entries.Len())
		if l.Entries.Type(i) != source.File {
			continue
		}
		if err := look(ctx, l, i, want[l.Entries.At(i).Name], 1+rnd.IntN(500_000)); err != nil {
			return err
		}
	}
	return nil
}

// TestOpenInAnyOrder checks that files have the same bytes in whatever order you open them.
func TestOpenInAnyOrder(t *testing.T) {
	text := keptFixture()
	want := wanted(t, text)
	for _, shape := range packedShapes {
		for seed := range testkit.Rounds(uint64(2)) {
			l := opened(t, text, shape, source.Options{})
			if err := lookAround(t.Context(), l, want, seed, 20); err != nil {
				t.Errorf("%s, seed %d: %v", shape, seed, err)
			}
		}
	}
}

// TestOpenAtOnce checks that several files can be opened at once, even while other reads are
// cancelled.
func TestOpenAtOnce(t *testing.T) {
	text := keptFixture()
	want := wanted(t, text)
	for _, shape := range packedShapes {
		l := opened(t, text, shape, source.Options{})
		var group sync.WaitGroup
		for seed := range uint64(4) {
			group.Go(func() {
				ctx := t.Context()
				if seed%2 == 1 { // one that stops halfway
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Duration(seed)*time.Millisecond)
					defer cancel()
				}
				err := lookAround(ctx, l, want, seed, 8)
				if err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", shape, err)
				}
			})
		}
		group.Wait()
		if err := lookAround(t.Context(), l, want, 99, 10); err != nil {
			t.Errorf("%s, after the others: %v", shape, err)
		}
	}
}

// TestOpenInManyLayers opens files in more layers than decoders are kept for.
func TestOpenInManyLayers(t *testing.T) {
	var text strings.Builder
	const layers, files = 5, 4
	for l := range layers {
		text.WriteString("-- layer --\n")
		for f := range files {
			fmt.Fprintf(&text, "file f%d 70000 seed=%d-%d\n", f, l, f)
		}
	}
	f, err := testkit.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range packedShapes {
		im, err := source.Open(t.Context(), testkit.ShapeNamed(shape).Write(t, f), source.Options{Platform: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		for file := range files {
			for n, l := range im.Layers {
				want := string(f.Images[0].Layers[n].Entries[file].Content())
				if err := look(t.Context(), l, file, want, len(want)); err != nil {
					t.Errorf("%s, layer %d: %v", shape, n, err)
				}
			}
		}
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenCancelled checks that a cancelled read ends with its error and doesn't affect others.
func TestOpenCancelled(t *testing.T) {
	text := keptFixture()
	want := wanted(t, text)
	for _, shape := range packedShapes {
		l := opened(t, text, shape, source.Options{})
		last := l.Entries.Len() - 1
		ctx, cancel := context.WithCancel(t.Context())
		r, err := l.Open(ctx, 9)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: after cancelling: %v", shape, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := look(ctx, l, last, want["last"], 100); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: opened although the context was cancelled: %v", shape, err)
		}
		if err := look(t.Context(), l, last, want["last"], 100); err != nil {
			t.Errorf("%s: %v", shape, err)
		}
	}
}

// TestOpenWithoutRoom checks that files can be read without a temporary folder, and with one
// that has too little space.
func TestOpenWithoutRoom(t *testing.T) {
	text := keptFixture()
	want := wanted(t, text)
	for _, shape := range packedShapes {
		l := opened(t, text, shape, source.Options{})
		t.Setenv("TMPDIR", t.TempDir()+"/not/there")
		if err := lookAround(t.Context(), l, want, 1, 10); err != nil {
			t.Errorf("%s: %v", shape, err)
		}
		t.Setenv("TMPDIR", "")
	}
}

// TestKeptIsLetGo checks that temporary files have no name, and that no goroutine and no open
// file is left.
func TestKeptIsLetGo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the test needs /proc")
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	text := keptFixture()
	want := wanted(t, text)
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	before, files := runtime.NumGoroutine(), openFiles(t)
	for _, shape := range packedShapes {
		im, err := source.Open(t.Context(), testkit.ShapeNamed(shape).Write(t, f), source.Options{Platform: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := lookAround(t.Context(), im.Layers[0], want, 3, 6); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(tmp)
		if err != nil || len(left) > 0 {
			t.Errorf("%s: in the temporary folder: got %v, %v", shape, left, err)
		}
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 100 { // decoders' goroutines take a while to end
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines, before %d", now, before)
	}
	if now := openFiles(t); now > files {
		t.Errorf("got %d open files, %d before", now, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestKeptBroken checks that a layer cut off after the scan still gives the files before the
// cut, and the same error each time for files after it.
func TestKeptBroken(t *testing.T) {
	text := keptFixture()
	want := wanted(t, text)
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := testkit.ShapeNamed("oci-dir").Write(t, f)
	im, err := source.Open(t.Context(), dir, source.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := im.Layers[0]
	blob := filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(l.Digest, "sha256:"))
	if err := os.Truncate(blob, l.CompressedBytes/2); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err := look(t.Context(), l, l.Entries.Len()-1, want["last"], 100)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
		if err := look(t.Context(), l, 4, want["f4"], 1000); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkSecondLook opens a file near the end of a compressed layer for the second time, and
// for comparison the first time.
func BenchmarkSecondLook(b *testing.B) {
	var text strings.Builder
	text.WriteString("-- layer --\n")
	for i := range 60 {
		fmt.Fprintf(&text, "file f%d 1000000 seed=%d\n", i, i)
	}
	f, err := testkit.Parse(text.String())
	if err != nil {
		b.Fatal(err)
	}
	for _, shape := range []string{"oci-tar", "oci-tar-zstd"} {
		path := testkit.ShapeNamed(shape).Write(b, f)
		for _, first := range []bool{true, false} {
			name := shape + "/second"
			if first {
				name = shape + "/first"
			}
			b.Run(name, func(b *testing.B) {
				open := func() *source.Image {
					im, err := source.Open(b.Context(), path, source.Options{Platform: "linux/amd64"})
					if err != nil {
						b.Fatal(err)
					}
					if err := im.Scan(b.Context()); err != nil {
						b.Fatal(err)
					}
					return im
				}
				im := open()
				want := string(f.Images[0].Layers[0].Entries[58].Content())
				if err := look(b.Context(), im.Layers[0], 58, want, len(want)); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if first {
						b.StopTimer()
						_ = im.Close()
						im = open()
						b.StartTimer()
					}
					if err := look(b.Context(), im.Layers[0], 58, want, len(want)); err != nil {
						b.Fatal(err)
					}
				}
				_ = im.Close()
			})
		}
	}
}
