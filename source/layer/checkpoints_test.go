package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/inflate"
	"github.com/peelhq/peel/internal/testkit"
)

// closeCheckpoints places checkpoints close to each other until the test ends.
func closeCheckpoints(t testing.TB, spacing inflate.Spacing, granule int64) {
	t.Helper()
	wasSpacing, wasGranule := CheckpointSpacing, CheckpointGranule
	t.Cleanup(func() { CheckpointSpacing, CheckpointGranule = wasSpacing, wasGranule })
	CheckpointSpacing, CheckpointGranule = spacing, granule
}

// memory is a cache in memory.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) Read(name, kind string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[name+kind]
	return b, ok
}

func (m *memory) Write(name, kind string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name+kind] = body
}

// counting counts the bytes read from a blob.
type counting struct {
	io.ReaderAt
	mu   sync.Mutex
	read int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read += int64(n)
	return n, err
}

func (c *counting) taken() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.read
	c.read = 0
	return n
}

// manyFiles returns a tar of files with various sizes and redundancies, and their contents in
// order.
func manyFiles(t testing.TB) (packed []byte, contents [][]byte) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(21, 22))
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := range 60 {
		content := make([]byte, []int{0, 10, 600, 20_000, 70_000, 300_000}[rnd.IntN(6)])
		symbols := []int{2, 30, 256}[rnd.IntN(3)]
		for i := range content {
			content[i] = byte(rnd.IntN(symbols))
		}
		for range len(content) / 300 {
			from, to := rnd.IntN(len(content)), rnd.IntN(len(content))
			copy(content[to:], content[from:min(len(content), from+rnd.IntN(500))])
		}
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("f%02d", i), Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		contents = append(contents, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), contents
}

// gzipLevel compresses b in gzip members of at most member bytes each.
func gzipLevel(t testing.TB, b []byte, level, member int) []byte {
	t.Helper()
	var out bytes.Buffer
	for part := range slices.Chunk(b, member) {
		z, err := gzip.NewWriterLevel(&out, level)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// openCached scans a blob with a cache, and opens it again with what the cache then has.
func openCached(t testing.TB, blob []byte, algorithm digest.Algorithm, c Cache, s *Shelf) (*packedTar, *Entries, *counting) {
	t.Helper()
	o := ScanOptions{Cache: c, Digest: algorithm.FromBytes(blob).String()}
	if _, err := Open(bytes.NewReader(blob), int64(len(blob)), "first", nil).Scan(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	r := &counting{ReaderAt: bytes.NewReader(blob)}
	p, ok := Open(r, int64(len(blob)), "again", s).(*packedTar)
	if !ok {
		t.Fatal("not packed")
	}
	scanned, err := p.Scan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.taken()
	return p, scanned.Entries, r
}

func wholeOf(ctx context.Context, r Reader, e *Entries, i int) (_ []byte, err error) {
	f, err := r.Open(ctx, e, i)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}

// TestReadByCheckpoints reads files in random order from layers with checkpoints, and expects
// the right content for few bytes read.
func TestReadByCheckpoints(t *testing.T) {
	testkit.Long(t, "it reads from every checkpoint")
	closeCheckpoints(t, inflate.Spacing{In: 64 << 10, Out: 200 << 10}, 16<<10)
	packed, contents := manyFiles(t)
	for _, c := range testkit.Sample([]struct {
		name      string
		blob      []byte
		algorithm digest.Algorithm
		bare      bool // without a shelf
	}{
		{"one member", gzipLevel(t, packed, 6, len(packed)), digest.SHA256, false},
		{"nothing is kept of what is unpacked", gzipLevel(t, packed, 6, len(packed)), digest.SHA256, true},
		{"SHA-512", gzipLevel(t, packed, 6, len(packed)), digest.SHA512, false},
		{"SHA-384", gzipLevel(t, packed, 1, len(packed)), digest.SHA384, true},
		{"stored", gzipLevel(t, packed, 0, len(packed)), digest.SHA256, false},
		{"members", gzipLevel(t, packed, 6, 100_000), digest.SHA256, false},
		{"small members", gzipLevel(t, packed, 6, 3_000), digest.SHA256, true},
		{"something follows", append(gzipLevel(t, packed, 6, len(packed)), "something else"...), digest.SHA256, false},
		{"whole granules", granular(t, packed), digest.SHA256, false},
	}) {
		t.Run(c.name, func(t *testing.T) {
			var shelf *Shelf
			if !c.bare {
				shelf = NewShelf()
				defer shelf.Close()
			}
			p, e, r := openCached(t, c.blob, c.algorithm, &memory{}, shelf)
			if n := len(p.starts()); n < 8 {
				t.Fatalf("got %d places to start from", n)
			}
			// Start with one of the last files: it's read from the last checkpoint before it.
			late := e.Len() - 2
			got, err := wholeOf(t.Context(), p, e, late)
			if err != nil || !bytes.Equal(got, contents[late]) {
				t.Fatalf("got %d bytes, error %v, want %d", len(got), err, len(contents[late]))
			}
			if n, most := r.taken(), int64(200<<10+len(contents[late])+streamBuffer); n > most {
				t.Errorf("read %d of %d bytes for a file of %d", n, len(c.blob), len(contents[late]))
			}
			rnd := rand.New(rand.NewPCG(1, 9))
			for range testkit.Size(100, 30) {
				i := rnd.IntN(e.Len())
				switch rnd.IntN(3) {
				case 0:
					if got, err := wholeOf(t.Context(), p, e, i); err != nil || !bytes.Equal(got, contents[i]) {
						t.Fatalf("file %d: got %d bytes, error %v, want %d", i, len(got), err, len(contents[i]))
					}
				case 1:
					b, err := p.Body(t.Context(), e, i)
					if err != nil {
						t.Fatal(err)
					}
					for range 3 {
						off := rnd.IntN(len(contents[i]) + 1)
						part := make([]byte, min(rnd.IntN(70_000), len(contents[i])-off))
						if _, err := b.ReadAt(t.Context(), part, int64(off)); err != nil || !bytes.Equal(part, contents[i][off:off+len(part)]) {
							t.Fatalf("file %d from %d: got error %v, or wrong bytes", i, off, err)
						}
					}
					_ = b.Close()
				case 2:
					some := []int{i, rnd.IntN(e.Len()), rnd.IntN(e.Len())}
					if err := p.Each(t.Context(), e, some, func(i int, r io.Reader) error {
						got, err := io.ReadAll(r)
						if err == nil && !bytes.Equal(got, contents[i]) {
							err = fmt.Errorf("file %d: got %d bytes, want %d, or wrong bytes", i, len(got), len(contents[i]))
						}
						return err
					}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if p.places.get() == nil {
				t.Error("the checkpoints were discarded")
			}
		})
	}
}

// granular pads a blob to a whole number of granules.
func granular(t *testing.T, b []byte) []byte {
	t.Helper()
	out := gzipLevel(t, b, 6, len(b))
	return append(out, make([]byte, CheckpointGranule-int64(len(out))%CheckpointGranule)...)
}

// TestEachPassesOver checks that data between the wanted files isn't unpacked.
func TestEachPassesOver(t *testing.T) {
	closeCheckpoints(t, inflate.Spacing{In: 64 << 10, Out: 200 << 10}, 16<<10)
	packed, contents := manyFiles(t)
	blob := gzipLevel(t, packed, 6, len(packed))
	p, e, r := openCached(t, blob, digest.SHA256, &memory{}, nil)
	var got int64
	err := p.Each(t.Context(), e, []int{e.Len() - 1, 0}, func(_ int, r io.Reader) error {
		n, err := io.Copy(io.Discard, r)
		got += n
		return err
	})
	if want := int64(len(contents[0]) + len(contents[e.Len()-1])); err != nil || got != want {
		t.Errorf("got %d bytes, error %v, want %d", got, err, want)
	}
	if n := r.taken(); n > int64(len(blob))/2 {
		t.Errorf("read %d of %d bytes for the first and the last file", n, len(blob))
	}
}

// TestCheckpointsMislead changes the blob behind the reader's back. The result must be that of
// a read without checkpoints: the same bytes, or an error if that one fails.
func TestCheckpointsMislead(t *testing.T) {
	testkit.Long(t, "it reads with every kind of wrong checkpoint")
	closeCheckpoints(t, inflate.Spacing{In: 64 << 10, Out: 200 << 10}, 16<<10)
	packed, contents := manyFiles(t)
	good := gzipLevel(t, packed, 6, len(packed))
	rnd := rand.New(rand.NewPCG(5, 5))
	for name, spoil := range map[string]func(b []byte) []byte{
		"a bit":            func(b []byte) []byte { b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8); return b },
		"cut off":          func(b []byte) []byte { return b[:rnd.IntN(len(b))] },
		"zeros":            func(b []byte) []byte { clear(b[rnd.IntN(len(b)):]); return b },
		"another blob":     func(b []byte) []byte { return gzipLevel(t, packed, 1, len(packed))[:len(b)] },
		"moved by a byte":  func(b []byte) []byte { at := len(b) / 2; copy(b[at:], b[at-1:]); return b },
		"the same, packed": func(b []byte) []byte { return b },
	} {
		for round := range testkit.Rounds(4) {
			t.Run(fmt.Sprintf("%s, %d", name, round), func(t *testing.T) {
				shelf := NewShelf()
				defer shelf.Close()
				p, e, r := openCached(t, good, digest.SHA256, &memory{}, shelf)
				bad := spoil(bytes.Clone(good))
				r.ReaderAt = bytes.NewReader(bad)
				plain := newPackedTar(&blob{r: bytes.NewReader(bad), size: int64(len(good))}, Gzip, nil)
				for range testkit.Size(15, 4) {
					i := rnd.IntN(e.Len())
					want, wantErr := wholeOf(t.Context(), plain, e, i)
					got, err := wholeOf(t.Context(), p, e, i)
					switch {
					case err == nil && !bytes.Equal(got, contents[i]) && !bytes.Equal(got, want):
						t.Fatalf("file %d: got neither the old nor the new bytes", i)
					case err != nil && wantErr == nil:
						t.Fatalf("file %d: got error %v, but none without checkpoints", i, err)
					}
				}
			})
		}
	}
}

// TestCheckpointsCancelled checks that a cancelled read doesn't affect the next one.
func TestCheckpointsCancelled(t *testing.T) {
	closeCheckpoints(t, inflate.Spacing{In: 64 << 10, Out: 200 << 10}, 16<<10)
	packed, contents := manyFiles(t)
	for _, shelf := range []*Shelf{NewShelf(), nil} {
		p, e, r := openCached(t, gzipLevel(t, packed, 6, len(packed)), digest.SHA256, &memory{}, shelf)
		inner := r.ReaderAt
		step := testkit.Size(1, 10)
		for i := 0; i < e.Len(); i += step {
			ctx, cancel := context.WithCancel(t.Context())
			r.ReaderAt = readerAtFunc(func(p []byte, off int64) (int, error) {
				cancel()
				return inner.ReadAt(p, off)
			})
			if got, err := wholeOf(ctx, p, e, i); err != nil && !errors.Is(err, context.Canceled) || err == nil && !bytes.Equal(got, contents[i]) {
				t.Fatalf("file %d, cancelled: got error %v", i, err)
			}
			cancel()
			r.ReaderAt = inner
			if got, err := wholeOf(t.Context(), p, e, i); err != nil || !bytes.Equal(got, contents[i]) {
				t.Fatalf("file %d: got error %v, or wrong bytes", i, err)
			}
		}
		if p.places.get() == nil {
			t.Error("the checkpoints were discarded")
		}
		_ = shelf.Close()
	}
}

type readerAtFunc func(p []byte, off int64) (int, error)

func (f readerAtFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// TestCheckpointBounds checks that the size of checkpoints is bounded for any amount of data:
// they get sparser, but never stop.
func TestCheckpointBounds(t *testing.T) {
	testkit.Long(t, "it records a thousand times as many checkpoints as are kept")
	full := bytes.Repeat([]byte{1}, inflate.WindowSize)
	for name, window := range map[string][]byte{"in number": nil, "in bytes": full} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			spacing := r.every
			var at int64
			for range 20 * maxCheckpoints {
				at += spacing.Out
				spacing = r.keep(inflate.Checkpoint{In: 8 * at, Out: at, Window: window})
				if len(r.points) > maxCheckpoints || r.bytes > maxCheckpointBytes {
					t.Fatalf("%d checkpoints, %d bytes", len(r.points), r.bytes)
				}
			}
			var last, gap int64
			for _, p := range append(r.points, checkpoint{out: at}) {
				gap, last = max(gap, p.out-last), p.out
			}
			if gap > 2*spacing.Out {
				t.Errorf("got a gap of %d bytes at a spacing of %d", gap, spacing.Out)
			}
			budget := NewBudget(1)
			var kept int64
			for range 100 {
				next := &recorder{every: r.every, points: slices.Clone(r.points), bytes: r.bytes}
				if c := next.checkpoints(NewTrail(digest.SHA256), budget); c != nil {
					for _, p := range c.points {
						kept += int64(len(p.window))
					}
				}
			}
			if kept > maxImageCheckpoints {
				t.Errorf("got %d bytes for one image", kept)
			}
		})
	}
	t.Run("states", func(t *testing.T) {
		closeCheckpoints(t, CheckpointSpacing, 512)
		blob := make([]byte, 3*512*maxStates+100)
		for i := range blob {
			blob[i] = byte(i * i >> 7)
		}
		for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
			trail := NewTrail(algorithm)
			for b := range slices.Chunk(blob, 100_001) {
				_, _ = trail.Write(b)
			}
			c := (&recorder{points: make([]checkpoint, 1)}).checkpoints(trail, nil)
			if c == nil || len(c.states) > maxStates || c.digest != algorithm.FromBytes(blob) {
				t.Fatalf("got %d states, or none", len(trail.states))
			}
			for n := range int64(len(c.states)) + 1 {
				b := blob[n*c.granule : min(int64(len(blob)), (n+1)*c.granule)]
				if err := c.verify(n, b); err != nil {
					t.Fatalf("granule %d: %v", n, err)
				}
				if n%1000 == 0 {
					b = bytes.Clone(b)
					b[len(b)-1] ^= 1
					if err := c.verify(n, b); !errors.Is(err, errVerified) {
						t.Fatalf("granule %d with wrong bytes: got %v", n, err)
					}
				}
			}
		}
	})
	t.Run("got checkpoints with a digest whose state can't be saved", func(t *testing.T) {
		trail := &Trail{Hash: opaque{digest.SHA256.Hash()}, algorithm: digest.SHA256, granule: 512}
		_, _ = trail.Write(make([]byte, 2000))
		if c := (&recorder{points: make([]checkpoint, 1)}).checkpoints(trail, nil); c != nil {
			t.Error("got checkpoints that nothing verifies")
		}
	})
}

type opaque struct{ hash.Hash }

// TestCheckpointsWritten checks that checkpoints survive a round trip, and that damaged ones
// are never decoded without an error.
func TestCheckpointsWritten(t *testing.T) {
	testkit.Long(t, "it decodes the checkpoints cut off at every byte")
	closeCheckpoints(t, inflate.Spacing{In: 64 << 10, Out: 200 << 10}, 16<<10)
	packed, _ := manyFiles(t)
	blob := gzipLevel(t, packed, 6, len(packed))
	s, err := Open(bytes.NewReader(blob), int64(len(blob)), "layer", nil).(*packedTar).scan(t.Context(), &ScanOptions{Cache: &memory{}})
	if err != nil {
		t.Fatal(err)
	}
	want := s.Checkpoints()
	b := want.Append(nil)
	r := NewDecoder(b, nil)
	if got := r.Checkpoints(); !r.End() || !reflect.DeepEqual(got, want) {
		t.Errorf("checkpoints changed in a round trip")
	}
	for n := range b {
		if r := NewDecoder(b[:n], nil); r.Checkpoints() != nil && r.End() {
			t.Fatalf("the first %d of %d bytes are decoded as complete", n, len(b))
		}
	}
	if n, most := len(b), len(blob)/10; n > most {
		t.Errorf("got %d bytes for a blob of %d", n, len(blob))
	}
	// There are no checkpoints without a cache, for zstd, and for small layers.
	for name, scan := range map[string]func() (*Scanned, error){
		"no cache": func() (*Scanned, error) {
			return scanPacked(t.Context(), Gzip, bytes.NewReader(blob), &ScanOptions{})
		},
		"zstd": func() (*Scanned, error) {
			return scanPacked(t.Context(), Zstd, bytes.NewReader(packedForms(t, packed)[Zstd]), &ScanOptions{Cache: &memory{}})
		},
		"small": func() (*Scanned, error) {
			return scanPacked(t.Context(), Gzip, bytes.NewReader(gzipOf(t, make([]byte, 4096))), &ScanOptions{Cache: &memory{}})
		},
	} {
		if s, err := scan(); err != nil || s.Checkpoints() != nil {
			t.Errorf("%s: got error %v, or checkpoints", name, err)
		}
	}
}

// FuzzWindow packs windows, and unpacks arbitrary bytes.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 100))
	f.Add([]byte("a\x00b\x00\x00\x00\x00c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00d"))
	f.Add(bytes.Repeat([]byte("text"), inflate.WindowSize/4))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), inflate.WindowSize)]
		if got, err := unpackWindow(packWindow(nil, b)); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes come back as %d, error %v", len(b), len(got), err)
		}
		if got, err := unpackWindow(b); err == nil && len(got) > inflate.WindowSize {
			t.Errorf("got a window of %d bytes", len(got))
		}
	})
}

// FuzzCheckpointsRead uses arbitrary bytes as checkpoints. They must give content or an error,
// never a panic.
func FuzzCheckpointsRead(f *testing.F) {
	closeCheckpoints(f, inflate.Spacing{In: 2 << 10, Out: 40 << 10}, 1<<10)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := range 8 {
		content := bytes.Repeat([]byte{byte(i), byte(3 * i), 'x'}, 10_000)
		_ = w.WriteHeader(&tar.Header{Name: fmt.Sprint(i), Mode: 0o644, Size: int64(len(content))})
		_, _ = w.Write(content)
	}
	_ = w.Close()
	bytesOf := gzipLevel(f, out.Bytes(), 1, 50_000)
	packed := blob{r: bytes.NewReader(bytesOf), size: int64(len(bytesOf))}
	scanned, err := scanPacked(f.Context(), Gzip, packed.stream(), &ScanOptions{Cache: &memory{}})
	if err != nil || scanned.Checkpoints() == nil {
		f.Fatal("no checkpoints: ", err)
	}
	f.Add(scanned.Checkpoints().Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewDecoder(b, nil)
		c := r.Checkpoints()
		if !r.End() {
			return
		}
		shelf := NewShelf()
		defer shelf.Close()
		for _, s := range []*Shelf{shelf, nil} {
			p := newPackedTar(&packed, Gzip, s)
			p.places.keptBy(func() *Checkpoints { return c })
			for _, i := range []int{7, 0, 4} {
				_, _ = wholeOf(t.Context(), p, scanned.Entries, i)
			}
		}
	})
}
