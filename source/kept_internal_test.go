package source

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// Forget lets go of what is kept of a layer, for comparing.
func Forget(l *Layer) {
	k := l.blob.kept
	k.busy <- struct{}{}
	defer func() { <-k.busy }()
	k.shelf.unpark(k)
	k.dropDecoder()
	_ = k.giveUp()
	k.file, k.over, k.whole = nil, false, false
}

// A disk that is full in the middle: what was kept is given back, and those who
// read are none the wiser.
func TestKeptOnFullDisk(t *testing.T) {
	tar := make([]byte, 3*streamBuffer)
	for i := range tar {
		tar[i] = byte(i * 7 >> 3)
	}
	b := &blob{name: "layer", size: int64(len(gzipOf(t, tar))), at: readerAt(gzipOf(t, tar))}
	s := newShelf([]*Layer{{blob: b}})
	r := &keptReader{ctx: context.Background(), kept: b.kept}
	got := make([]byte, streamBuffer+100)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if err := b.kept.file.file.Close(); err != nil { // writing fails from here on, and reading too
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+string(rest) != string(tar) {
		t.Error("other bytes than a fresh reader's")
	}
	if _, err := b.kept.readAt(t.Context(), got, 0); err == nil {
		t.Error("it still claims to have something")
	}
	_ = s.close()
}

func gzipOf(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readerAt(b []byte) io.ReaderAt { return bytes.NewReader(b) }
