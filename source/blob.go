package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/peelhq/peel/source/layer"
)

// A blob is one file of a bundle: a manifest, a config or a layer.
type blob interface {
	// name returns the file's name in its archive or folder.
	name() string

	// size returns the size in bytes.
	size() int64

	// all returns the content if it has at most limit bytes.
	all(limit int64) ([]byte, error)

	// layer returns the blob as a layer. It returns the same Reader each time, so that a layer
	// that an image lists several times is scanned and kept once.
	layer() layer.Reader
}

// label returns the name and the size of a blob.
type label struct {
	called string
	bytes  int64
}

func (l label) name() string { return l.called }

func (l label) size() int64 { return l.bytes }

// within reports an error if the blob has more than limit bytes.
func (l label) within(limit int64) error {
	if l.bytes > limit {
		return fmt.Errorf("%s: %d bytes, more than the %d allowed for such a file", l.called, l.bytes, limit)
	}
	return nil
}

// A storedBlob supports random access.
type storedBlob struct {
	label
	at    io.ReaderAt
	shelf *layer.Shelf // of its bundle
	read  layer.Reader // nil until layer is called
}

var _ blob = (*storedBlob)(nil)

func (b *storedBlob) all(limit int64) ([]byte, error) {
	if err := b.within(limit); err != nil {
		return nil, err
	}
	buf := make([]byte, b.bytes)
	if n, err := b.at.ReadAt(buf, 0); n < len(buf) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%s: %w", b.called, err)
	}
	return buf, nil
}

func (b *storedBlob) layer() layer.Reader {
	if b.read == nil {
		b.read = layer.Open(b.at, b.bytes, b.called, b.shelf)
	}
	return b.read
}

// A documentBlob is held in memory: a manifest, an index or a config.
type documentBlob struct {
	label
	text []byte
}

var _ blob = (*documentBlob)(nil)

func newDocument(name string, text []byte) *documentBlob {
	return &documentBlob{label{name, int64(len(text))}, text}
}

func (b *documentBlob) all(limit int64) ([]byte, error) { return b.text, b.within(limit) }

func (b *documentBlob) layer() layer.Reader { return layer.Broken(layer.ErrNotLayer) }

// A passedBlob was read from a stream. It was scanned as a layer, because its manifest may come
// at the end of the stream.
type passedBlob struct {
	label
	passed *layer.Passed
}

var _ blob = (*passedBlob)(nil)

func (b *passedBlob) all(limit int64) ([]byte, error) {
	if err := b.within(limit); err != nil || b.bytes == 0 {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w", b.called, layer.ErrGone)
}

func (b *passedBlob) layer() layer.Reader { return b.passed }

func digestOfBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
