package layer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// maxCompared bounds the contents that FuzzEntries reads, since a file can claim large holes.
const maxCompared = 1 << 20

// FuzzEntries reads any bytes as a layer. If archive/tar accepts them, the scanner must accept
// them too and find the same entries.
func FuzzEntries(f *testing.F) {
	for _, fixture := range testkit.Fixtures(f, "../../testdata") {
		for _, im := range fixture.Images {
			for _, l := range im.Layers {
				if b := l.Tar(); len(b) > 0 && len(b) < 1<<16 {
					f.Add(b)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		compareWithTar(t, b)
		compareWithTar(t, testkit.RepairTar(b))
	})
}

// fuzzBuffer is reused: allocating it takes longer than reading a layer of a few kilobytes.
var fuzzBuffer = bufio.NewReaderSize(nil, streamBuffer)

// cutUp returns bytes in pieces of all small sizes.
type cutUp struct {
	b []byte
	n int
}

func (c *cutUp) next() ([]byte, error) {
	if len(c.b) == 0 {
		return nil, io.EOF
	}
	c.n = c.n*7%1021 + 1
	piece := c.b[:min(c.n, len(c.b))]
	c.b = c.b[len(piece):]
	return piece, nil
}

func compareWithTar(t *testing.T, b []byte) {
	ctx := context.Background()
	l := plainTar{&blob{r: bytes.NewReader(b), size: int64(len(b))}}
	bySkipping, skipErr := l.Scan(ctx, ScanOptions{})
	fuzzBuffer.Reset(bytes.NewReader(b))
	for name, in := range map[string]input{
		"reading":   &streamInput{r: fuzzBuffer},
		"in pieces": &pieceInput{src: &cutUp{b: b}},
	} {
		other, err := scanTar(ctx, in, false, &ScanOptions{})
		if (skipErr == nil) != (err == nil) || err == nil && bySkipping.Entries.Len() != other.Entries.Len() {
			t.Fatalf("seeking: %v, %s: %v", skipErr, name, err)
		}
	}
	want, contents, err := readTar(b)
	if err != nil {
		return
	}
	if errors.Is(skipErr, io.ErrUnexpectedEOF) {
		return // archive/tar accepts a tar that ends after an extended header; peel reports it as cut off
	}
	if skipErr != nil {
		t.Fatalf("archive/tar accepts it (%d entries), but the scanner fails: %v", len(want), skipErr)
	}
	if n := len(want); n > 0 && strings.Contains(want[n-1].Name, stargzTOC) {
		return
	}
	skipped := bySkipping.Entries
	if skipped.Len() != len(want) {
		t.Fatalf("got %d entries, archive/tar has %d", skipped.Len(), len(want))
	}
	for i, w := range want {
		compareEntry(t, skipped.At(i), w)
		if skipped.Type(i) != File || w.Size > maxCompared {
			continue
		}
		r, err := l.Open(ctx, skipped, i)
		if err != nil {
			t.Fatalf("%q: %v", w.Name, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatalf("%q: %v", w.Name, err)
		}
		if !bytes.Equal(got, contents[i]) {
			t.Fatalf("%q: content differs from archive/tar's", w.Name)
		}
	}
}

var tarTypes = map[byte]Type{
	tar.TypeReg: File, tar.TypeCont: File, tar.TypeGNUSparse: File, tar.TypeLink: Hardlink, tar.TypeSymlink: Symlink,
	tar.TypeChar: Char, tar.TypeBlock: Block, tar.TypeDir: Dir, tar.TypeFifo: Fifo,
}

// readTar reads b with archive/tar and returns the entries that a layer may have, and the
// contents of the smaller files.
func readTar(b []byte) (headers []*tar.Header, contents [][]byte, err error) {
	r := tar.NewReader(struct{ io.Reader }{bytes.NewReader(b)})
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if len(h.Name) > maxName || len(h.Linkname) > maxName {
			return nil, nil, errHeader // more than the test stores
		}
		if _, ok := tarTypes[h.Typeflag]; !ok {
			continue
		}
		var content []byte
		if h.Size <= maxCompared {
			if content, err = io.ReadAll(r); err != nil {
				return nil, nil, err
			}
		}
		headers, contents = append(headers, h), append(contents, content)
	}
}

func compareEntry(t *testing.T, got Entry, h *tar.Header) {
	t.Helper()
	type common struct {
		name, link   string
		typ          Type
		mode         uint32
		uid, gid     int64
		sec          int64
		size         int64
		major, minor int64
	}
	a := common{got.Name, got.Link, got.Type, got.Mode, got.UID, got.GID, got.Time.UnixNano(), got.Size, got.Major, got.Minor}
	b := common{h.Name, h.Linkname, tarTypes[h.Typeflag], uint32(h.Mode & 0o7777), int64(h.Uid), int64(h.Gid), h.ModTime.UnixNano(), h.Size, h.Devmajor, h.Devminor}
	if b.typ != File {
		b.size = 0
	}
	if b.typ != Char && b.typ != Block {
		b.major, b.minor = 0, 0
	}
	if b.typ != Symlink && b.typ != Hardlink {
		b.link = ""
	}
	if a != b {
		t.Fatalf("\n   peel: %+v\narchive/tar: %+v", a, b)
	}
	for name, value := range got.Xattrs {
		if v, ok := h.PAXRecords[paxXattr+name]; !ok || v != value {
			t.Fatalf("%q: xattr %q is %q, archive/tar has %q", got.Name, name, value, v)
		}
	}
}
