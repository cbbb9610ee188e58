package layer

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// TestKeptOnFullDisk makes the disk fail halfway. The cached data is released, and readers don't
// notice.
func TestKeptOnFullDisk(t *testing.T) {
	tar := make([]byte, 3*streamBuffer)
	for i := range tar {
		tar[i] = byte(i * 7 >> 3)
	}
	packed := gzipOf(t, tar)
	s := NewShelf()
	p := newPackedTar(&blob{r: bytes.NewReader(packed), size: int64(len(packed))}, Gzip, s)
	r := &shelfReader{ctx: context.Background(), shelved: p.shelved}
	got := make([]byte, streamBuffer+100)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if err := p.shelved.file.file.Close(); err != nil { // from here on, writing and reading fail
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+string(rest) != string(tar) {
		t.Error("content differs from that of a new reader")
	}
	if _, err := p.shelved.readAt(t.Context(), got, 0, 0); err == nil {
		t.Error("it still claims to have cached data")
	}
	_ = s.Close()
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
