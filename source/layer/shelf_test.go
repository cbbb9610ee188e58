package layer

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// A disk that is full in the middle: what was kept is given back, and those who
// read are none the wiser.
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
	if err := p.shelved.file.file.Close(); err != nil { // writing fails from here on, and reading too
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+string(rest) != string(tar) {
		t.Error("other bytes than a fresh reader's")
	}
	if _, err := p.shelved.readAt(t.Context(), got, 0, 0); err == nil {
		t.Error("it still claims to have something")
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
