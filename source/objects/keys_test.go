package objects

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// countingReader counts reads, and fails the first of them if asked to.
type countingReader struct {
	r     io.ReaderAt
	mu    sync.Mutex
	reads int
	fails int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.reads++
	fail := c.reads <= c.fails
	c.mu.Unlock()
	if fail {
		return 0, errors.New("no answer")
	}
	return c.r.ReadAt(p, off)
}

func testWindows() *windows { return &windows{most: 16, largest: mostWindow} }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// TestReadAhead reads random places from several goroutines.
func TestReadAhead(t *testing.T) {
	b := randomBytes(9<<20 + 17)
	a := &readAhead{r: bytes.NewReader(b), size: int64(len(b)), windows: testWindows()}
	var group sync.WaitGroup
	for seed := range uint64(4) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 300 {
				p := make([]byte, 1+r.IntN(200_000))
				off := r.IntN(len(b) + 1000)
				n, err := a.ReadAt(p, int64(off))
				want := b[min(off, len(b)):min(off+len(p), len(b))]
				if !bytes.Equal(p[:n], want) || errors.Is(err, io.EOF) != (len(want) < len(p)) || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("%d bytes at %d: %d bytes, %v", len(p), off, n, err)
					return
				}
			}
		})
	}
	group.Wait()
	if n := len(a.windows.all); n > a.windows.most {
		t.Errorf("%d windows are kept", n)
	}
}

// TestReadAheadRequests checks that reading on makes few requests, and that jumps read little.
func TestReadAheadRequests(t *testing.T) {
	b := randomBytes(32 << 20)
	c := &countingReader{r: bytes.NewReader(b)}
	a := &readAhead{r: c, size: int64(len(b)), windows: testWindows()}
	got, err := io.ReadAll(io.NewSectionReader(a, 0, a.size))
	if err != nil || !bytes.Equal(got, b) {
		t.Fatal(len(got), err)
	}
	if c.reads > 24 { // 64 KiB, 128 KiB ... 2 MiB, and 15 of 2 MiB
		t.Errorf("%d requests for %d bytes", c.reads, len(b))
	}
	c.reads = 0
	a = &readAhead{r: c, size: int64(len(b)), windows: testWindows()}
	p := make([]byte, 512)
	for off := int64(0); off < a.size; off += 4 << 20 {
		if _, err := a.ReadAt(p, off); err != nil {
			t.Fatal(err)
		}
	}
	if c.reads != 8 {
		t.Errorf("%d requests for 8 places", c.reads)
	}
}

// TestReadAheadFailure checks that a failed request fails one read, and the next one asks again.
func TestReadAheadFailure(t *testing.T) {
	c := &countingReader{r: strings.NewReader("some bytes"), fails: 1}
	a := &readAhead{r: c, size: 12, windows: testWindows()} // two more than there are
	p := make([]byte, 4)
	if _, err := a.ReadAt(p, 0); err == nil || err.Error() != "no answer" {
		t.Error(err)
	}
	if _, err := a.ReadAt(p, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := a.ReadAt(p, -1); err == nil {
		t.Error("read at -1")
	}
}

// TestListKeys lists keys of any kind but those with control characters.
func TestListKeys(t *testing.T) {
	f := testkit.NewS3(t)
	for _, key := range []string{"a/ä (1).tar", "a/x:1.tar", "a/e\x1b[31m.tar", "b.tar", "ab.tar"} {
		f.Set(key, []byte(key))
	}
	var got []string
	err := ListKeys(t.Context(), "s3://fleet/a", func(place string, _ int64) error {
		got = append(got, place)
		return nil
	})
	want := []string{"s3://fleet/a/x:1.tar", "s3://fleet/a/ä (1).tar", "s3://fleet/ab.tar"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	stop := errors.New("stop")
	if err := ListKeys(t.Context(), "s3://fleet", func(string, int64) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// TestKeyWithoutETag checks that an object of a store without ETags is read, but not on after it
// was replaced.
func TestKeyWithoutETag(t *testing.T) {
	f := testkit.NewS3(t)
	f.OmitETags()
	f.Set("a.tar", randomBytes(1<<20))
	o, err := OpenKey(t.Context(), "s3://fleet/a.tar")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := make([]byte, 512)
	if _, err := o.ReadAt(p, 0); err != nil {
		t.Error(err)
	}
	f.Set("a.tar", make([]byte, 1<<20))
	if _, err := o.ReadAt(p, 512<<10); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("read on in another object: %v", err)
	}
}
