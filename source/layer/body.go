package layer

import (
	"context"
	"errors"
	"io"
)

// A Body is the content of one regular file, to be read from any place: what a
// screen shows of a file is a window of it, however large it is. It holds no
// content itself. Safe for concurrent use.
//
// In a plain layer a read goes straight to its place. A compressed layer is
// unpacked up to there, once, from the last checkpoint before it or from its
// beginning: see Shelf. From an engine's store a file is read as it lies there; that
// it is what the layer was made of is known to Reader.Open alone, which reads it
// whole.
type Body struct {
	size  int64
	read  readFunc
	close func() error // may be nil
}

// A readFunc reads from a place on. It may read less than asked for without an
// error, and is not asked for what lies behind the end.
type readFunc func(ctx context.Context, p []byte, off int64) (int, error)

// NewBody returns a Body of so many bytes that read reads, and done lets go of.
// read may read less than asked for without an error, and is not asked for what
// lies behind the end. done may be nil.
func NewBody(size int64, read func(ctx context.Context, p []byte, off int64) (int, error), done func() error) *Body {
	return &Body{size, read, done}
}

// newBody returns entry i as a Body, given what reads the layer's tar from a place
// on, and what reads its files in order.
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

// Size returns how many bytes the content has, a sparse file's with its holes.
func (b *Body) Size() int64 { return b.size }

// ReadAt reads from byte off on until p is full. It reads less at the end of the
// content, with io.EOF, or if there is another error.
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

// Close lets go of what reading took. It waits for no read.
func (b *Body) Close() error {
	if b.close == nil {
		return nil
	}
	return b.close()
}

// randomTar reads a compressed layer's tar from any place: what the shelf keeps,
// and where keeping does not work, by a decoder of its own.
type randomTar struct {
	packed *packedTar

	// turn is held, by an element in it, by the goroutine that touches what follows.
	turn   chan struct{}
	own    *tarReader // nil until it is needed
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

// readOwn reads by u's own decoder. u.turn must be held.
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
	default: // someone reads, and may go on: the decoder goes with them
	}
	return nil
}

// holes reads the map of the sparse file that is entry i, and returns what reads
// the file by it.
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
