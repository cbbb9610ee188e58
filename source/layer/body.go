package layer

import (
	"context"
	"errors"
	"io"
)

// A Body gives random access to the content of one regular file: a screen shows a window of a
// file, however large it is. It does not hold the content itself. Safe for concurrent use.
//
// In a plain layer, a read goes straight to its offset. A compressed layer is unpacked up to
// there once, from the last checkpoint or from its beginning: see Shelf. In an engine's store, a
// file is read as it is, unverified; only Reader.Open, which reads the whole file, verifies that
// it belongs to the layer.
type Body struct {
	size  int64
	read  readFunc
	close func() error // may be nil
}

// A readFunc reads from an offset on. It may return fewer bytes than requested without an error,
// and is never called for bytes after the end.
type readFunc func(ctx context.Context, p []byte, off int64) (int, error)

// NewBody returns a Body of this size. read reads from an offset on; it may
// return fewer bytes than requested without an error, and is never called for
// bytes after the end. done releases resources and may be nil.
func NewBody(size int64, read func(ctx context.Context, p []byte, off int64) (int, error), done func() error) *Body {
	return &Body{size, read, done}
}

// newBody returns entry i as a Body, given a function that reads the layer's tar at any offset
// and one that reads its files in order.
func newBody(e *Entries, i int, tar readFunc, from func() (*contents, error)) (*Body, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	b := &Body{size: e.Size(i)}
	if e.sparse(i) {
		var err error
		b.read, err = holes(i, tar, from)
		return b, err
	}
	at := e.offset(i)
	b.read = func(ctx context.Context, p []byte, off int64) (int, error) { return tar(ctx, p, at+off) }
	return b, nil
}

// Size returns the size of the content in bytes, including holes.
func (b *Body) Size() int64 { return b.size }

// ReadAt reads from off on until p is full. It returns fewer bytes at the end of the content,
// with io.EOF, or with another error.
func (b *Body) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("reading before the beginning")
	}
	for n < len(p) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		left := b.size - off - int64(n)
		if left <= 0 {
			return n, io.EOF
		}
		got, err := b.read(ctx, p[n:n+int(min(int64(len(p)-n), left))], off+int64(n))
		n += got
		switch {
		case err != nil:
			return n, noEOF(err)
		case got == 0:
			return n, io.ErrUnexpectedEOF
		}
	}
	return n, nil
}

// Close releases resources. It does not wait for pending reads.
func (b *Body) Close() error {
	if b.close == nil {
		return nil
	}
	return b.close()
}

// randomTar gives random access to a compressed layer's tar: through the shelf or, if that fails,
// with a decoder of its own.
type randomTar struct {
	packed *packedTar

	// turn is a lock for the fields below: the holder has put an element into it.
	turn   chan struct{}
	own    *tarReader // nil until needed
	closed bool
}

func (u *randomTar) read(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := u.packed.shelved.readAt(ctx, p, off, off+int64(len(p)))
	if !errors.Is(err, errNotKept) {
		return n, noEOF(err)
	}
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	n, err = u.readOwn(ctx, p, off)
	return n, noEOF(err)
}

// readOwn reads with u's own decoder. The caller holds u.turn.
func (u *randomTar) readOwn(ctx context.Context, p []byte, off int64) (int, error) {
	if u.closed {
		return 0, errors.New("it has been closed")
	}
	if u.own == nil {
		u.own = &tarReader{packed: u.packed}
	}
	u.own.ctx, u.own.until = ctx, off+int64(len(p))
	u.own.jump(off)
	n, err := io.ReadFull(u.own, p)
	if err != nil {
		u.own.drop()
		return 0, err
	}
	return n, nil
}

func (u *randomTar) close() error {
	select {
	case u.turn <- struct{}{}:
		if u.own != nil {
			u.own.drop()
		}
		u.closed = true
		<-u.turn
	default: // another read is in progress, and will release the decoder
	}
	return nil
}

// holes reads the map of the sparse file that is entry i, and returns a function that reads the
// file.
func holes(i int, tar readFunc, from func() (*contents, error)) (_ readFunc, err error) {
	c, err := from()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s := &Tar{in: c.in}
	var h Header
	if err := c.seek(i, s, &h); err != nil {
		return nil, err
	}
	return newSparseMap(&h).reader(tar), nil
}
