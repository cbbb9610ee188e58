package layer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/peelhq/peel/internal/testkit"
)

// chunked splits content into chunks of the given size, as eStargz does. Chunks of zeros aren't
// stored.
func chunked(t *testing.T, content []byte, size int) (blob []byte, chunks []tableChunk) {
	t.Helper()
	for at := 0; at < len(content); at += size {
		part := content[at:min(at+size, len(content))]
		k := tableChunk{from: int64(len(blob)), at: int64(at), size: int64(len(part)), sum: sha256.Sum256(part), zeros: len(bytes.Trim(part, "\x00")) == 0}
		if !k.zeros {
			blob = append(blob, gzipOf(t, part)...)
		}
		k.end = int64(len(blob))
		chunks = append(chunks, k)
	}
	return blob, chunks
}

// TestTableSkips checks that content is the same after parts of it are skipped, and that
// skipped chunks aren't fetched.
func TestTableSkips(t *testing.T) {
	for seed := range testkit.Rounds(uint64(300)) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		content := make([]byte, rnd.IntN(5000))
		for i := range content {
			content[i] = byte(rnd.Uint32())
		}
		if len(content) > 2000 && seed%3 == 0 {
			clear(content[500:1500])
		}
		blob, chunks := chunked(t, content, 1+rnd.IntN(600))
		var fetched int64
		read := func(_ context.Context, p []byte, off int64) error {
			fetched += int64(len(p))
			copy(p, blob[off:])
			return nil
		}
		w := &window{read: read}
		if len(chunks) > 0 {
			w.ahead = chunks[0].end
		}
		c := (&Table{Ref: &TableRef{Form: EStargz}}).content(t.Context(), w, chunks)
		same(t, seed, rnd, content, c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// same reads and skips at random, and compares the content.
func same(t *testing.T, seed uint64, rnd *rand.Rand, content []byte, r interface {
	io.Reader
	Skipper
}) {
	t.Helper()
	at := 0
	for range 20 {
		n := rnd.IntN(900)
		if rnd.IntN(2) == 0 {
			err := r.Skip(int64(n))
			if past := at+n > len(content); past != errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("seed %d: skipping %d of %d bytes at %d: %v", seed, n, len(content), at, err)
			} else if past {
				return
			}
		} else {
			b := make([]byte, n)
			got, err := io.ReadFull(r, b)
			want := content[at:min(at+n, len(content))]
			if !bytes.Equal(b[:got], want) || err != nil && got == n {
				t.Fatalf("seed %d: %d bytes at %d of %d: got %d, %v", seed, n, at, len(content), got, err)
			}
			n = got
		}
		at += n
	}
	if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, content[at:]) {
		t.Fatalf("seed %d: the rest at %d: got %d bytes, %v", seed, at, len(rest), err)
	}
}

func TestTableSkipFetchesLittle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(rnd.Uint32())
	}
	blob, chunks := chunked(t, content, 1<<14)
	var fetched int64
	read := func(_ context.Context, p []byte, off int64) error {
		fetched += int64(len(p))
		copy(p, blob[off:])
		return nil
	}
	c := (&Table{Ref: &TableRef{Form: EStargz}}).content(t.Context(), &window{read: read, ahead: chunks[0].end}, chunks)
	head := make([]byte, 100)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	if err := c.Skip(int64(len(content) - 200)); err != nil {
		t.Fatal(err)
	}
	tail, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(tail, content[len(content)-100:]) {
		t.Fatalf("%d bytes, %v", len(tail), err)
	}
	if limit := int64(3 * (1<<14 + 100)); fetched > limit {
		t.Errorf("fetched %d bytes for the first and the last chunk, want at most %d", fetched, limit)
	}
}

// TestTableSkipVerifies checks that a chunk that doesn't match the table is an error, whether
// it is read or skipped.
func TestTableSkipVerifies(t *testing.T) {
	blob, chunks := chunked(t, bytes.Repeat([]byte("content "), 100), 300)
	chunks[0].sum[0] ^= 1
	read := func(_ context.Context, p []byte, off int64) error { copy(p, blob[off:]); return nil }
	c := (&Table{Ref: &TableRef{Form: EStargz}}).content(t.Context(), &window{read: read}, chunks)
	if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := c.Skip(400); err == nil {
		t.Error("a wrong chunk was skipped without an error")
	}
}

// TestFolderSkips skips parts of a folder's file.
func TestFolderSkips(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for seed := range testkit.Rounds(uint64(100)) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		content := make([]byte, rnd.IntN(5000))
		for i := range content {
			content[i] = byte(rnd.Uint32())
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		cut := int64(rnd.IntN(len(content) + 1))
		r := &fragmentReader{ctx: t.Context(), file: &folderFile{file: f, name: "f"}, left: []fragment{{0, cut}, {cut, int64(len(content)) - cut}}}
		same(t, seed, rnd, content, r)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWatchedSkips checks that a watchedReader skips by reading if its reader can't skip.
func TestWatchedSkips(t *testing.T) {
	broken := errors.New("broken")
	w := &watchedReader{r: io.MultiReader(bytes.NewReader(make([]byte, 10)), iotest.ErrReader(broken))}
	if err := w.Skip(10); err != nil || w.err != nil {
		t.Errorf("%v, %v", err, w.err)
	}
	if err := w.Skip(1); !errors.Is(err, broken) || !errors.Is(w.err, broken) {
		t.Errorf("%v, %v", err, w.err)
	}
}
