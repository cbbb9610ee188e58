package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A blob is one file that an image is made of: a manifest, a config or a layer.
type blob struct {
	name string // in its archive or folder
	size int64

	// Where its bytes are: at, body (small, kept from a stream), or nowhere any
	// more, if it passed in a stream that was not spooled.
	at   io.ReaderAt
	body []byte

	seen *scanned // what a stream found when the blob passed
	kept *kept    // of a compressed layer, what has been unpacked of it; may be nil

	files *storeFiles // a layer's files in the store of an engine; nil: at or body
	again *again      // where content is to be had that was not kept; may be nil
}

// scanned is what one pass over a layer's blob gives.
type scanned struct {
	entries *Entries
	form    compression
	digest  string // of the blob as stored, "" if it was not computed
	err     error
}

var errGone = errors.New("its content has gone by in a stream and was not kept")

// head returns the first bytes, sniffLen at most.
func (b *blob) head() ([]byte, error) {
	buf := make([]byte, min(sniffLen, b.size))
	if err := b.readAt(buf, 0); err != nil {
		return nil, err
	}
	return buf, nil
}

func (b *blob) readAt(p []byte, off int64) error {
	switch {
	case b.at != nil:
		n, err := b.at.ReadAt(p, off)
		if n == len(p) {
			return nil
		}
		return noEOF(err)
	case b.body != nil:
		if int(off)+len(p) > len(b.body) {
			return io.ErrUnexpectedEOF
		}
		copy(p, b.body[off:])
		return nil
	case b.size == 0:
		return nil
	}
	return errGone
}

// all returns the blob's bytes, if they are no more than limit.
func (b *blob) all(limit int64) ([]byte, error) {
	if b.size > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the %d that are read of such a file", b.name, b.size, limit)
	}
	if b.body != nil {
		return b.body, nil
	}
	buf := make([]byte, b.size)
	if err := b.readAt(buf, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	return buf, nil
}

// scan reads the blob as a layer. A seekable plain tar is read by its headers
// alone; what is compressed in one pass, with checksums of the contents, and of
// the blob itself.
func (b *blob) scan(ctx context.Context, m *meter) *scanned {
	if b.seen != nil {
		return b.seen
	}
	if b.files != nil {
		return b.files.scan(ctx, m)
	}
	head, err := b.head()
	if err != nil {
		return &scanned{err: err}
	}
	form, name := sniff(head)
	switch form {
	case unreadable:
		return &scanned{form: form, err: errUnsupported{name}}
	case notAnything:
		return &scanned{form: form, err: errNotLayer}
	case plain:
		e, err := scanTar(ctx, newSeekInput(b.at, b.size), false)
		m.add(b.size)
		return &scanned{entries: e, err: err}
	}
	return scanCompressed(ctx, form, meteredReader{ctx, io.NewSectionReader(b.at, 0, b.size), m})
}

func digestOf(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

func digestOfBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
