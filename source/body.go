package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
)

// A Body is the content of one regular file, to be read from any place: what a
// screen shows of a file is a window of it, however large it is. It holds no
// content itself. Safe for concurrent use.
//
// In a plain layer a read goes straight to its place. A compressed layer is
// unpacked up to there, once: see kept. From an engine's store a file is read as
// it lies there; that it is what the layer was made of is known to Layer.Open
// alone, which reads it whole.
type Body struct {
	size  int64
	read  readFunc
	close func() error // may be nil
}

// A readFunc reads from a place on. It may read less than asked for without an
// error, and is not asked for what lies behind the end.
type readFunc func(ctx context.Context, p []byte, off int64) (int, error)

// Body returns the content of the regular file that is the layer's entry i. The
// caller closes it. What is said of Open about images that were read in one pass
// holds here too.
func (l *Layer) Body(ctx context.Context, i int) (*Body, error) {
	l, err := l.present(ctx)
	if err != nil {
		return nil, err
	}
	if l.blob != nil && l.blob.files != nil {
		return l.blob.files.body(ctx, l, i)
	}
	form, err := l.readable()
	if err != nil {
		return nil, err
	}
	e := l.Entries
	if t := e.Type(i); t != File {
		return nil, l.wrap(fmt.Errorf("%q is a %s, not a file", e.At(i).Name, t))
	}
	b := &Body{size: e.Size(i)}
	tar := l.blob.plainAt
	if form != plain {
		u := &unpacked{layer: l, turn: make(chan struct{}, 1)}
		tar, b.close = u.read, u.close
	}
	if !e.sparse(i) {
		at := e.offset(i)
		b.read = func(ctx context.Context, p []byte, off int64) (int, error) { return tar(ctx, p, at+off) }
		return b, nil
	}
	b.read, err = l.holes(ctx, i, tar)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
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

// plainAt reads the blob as it is stored.
func (b *blob) plainAt(_ context.Context, p []byte, off int64) (int, error) {
	n, err := b.at.ReadAt(p, off)
	if n > 0 {
		err = nil // it comes again if it matters
	}
	return n, err
}

// unpacked reads a compressed layer's tar: what is kept of it, and where keeping
// does not work, by a decoder of its own, which begins anew when a read goes
// back.
type unpacked struct {
	layer *Layer

	// turn is held, by an element in it, by whoever touches what follows.
	turn   chan struct{}
	own    io.ReadCloser
	at     int64 // where own is
	closed bool
}

func (u *unpacked) read(ctx context.Context, p []byte, off int64) (int, error) {
	if k := u.layer.blob.kept; k != nil {
		n, err := k.readAt(ctx, p, off)
		if !errors.Is(err, errNotKept) {
			return n, u.wrap(err)
		}
	}
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	n, err := u.readOwn(ctx, p, off)
	return n, u.wrap(err)
}

func (u *unpacked) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return u.layer.wrap(noEOF(err))
}

// readOwn reads by u's own decoder. u.turn must be held.
func (u *unpacked) readOwn(ctx context.Context, p []byte, off int64) (int, error) {
	if u.closed {
		return 0, errors.New("it has been closed")
	}
	if u.own == nil || off < u.at {
		u.drop()
		z, err := u.layer.blob.unpack()
		if err != nil {
			return 0, err
		}
		u.own, u.at = z, 0
	}
	r := meteredReader{ctx: ctx, r: u.own}
	passed, err := io.CopyN(io.Discard, r, off-u.at)
	u.at += passed
	if err == nil {
		var n int
		n, err = io.ReadFull(r, p)
		u.at += int64(n)
		if err == nil {
			return n, nil
		}
	}
	u.drop() // what a decoder does after an error is not said
	return 0, err
}

func (u *unpacked) drop() {
	if u.own != nil {
		_ = u.own.Close() // of a decoder: says again what reading has said
	}
	u.own = nil
}

func (u *unpacked) close() error {
	select {
	case u.turn <- struct{}{}:
		u.drop()
		u.closed = true
		<-u.turn
	default: // someone reads, and may go on: the decoder goes with them
	}
	return nil
}

// holes reads the map of the sparse file that is entry i, and returns what reads
// the file by it.
func (l *Layer) holes(ctx context.Context, i int, tar readFunc) (_ readFunc, err error) {
	c, err := l.contentsAt(ctx, i)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s := &scanner{in: c.in}
	var h header
	if err := c.seek(i, s, &h); err != nil {
		return nil, err
	}
	fragments, size := h.fragments, h.size
	stored := make([]int64, len(fragments)) // where each one's data is in the tar
	at := h.content
	for k, f := range fragments {
		stored[k] = at
		at += f.length
	}
	return func(ctx context.Context, p []byte, off int64) (int, error) {
		// The first fragment that does not end before off.
		k := sort.Search(len(fragments), func(k int) bool { return fragments[k].offset+fragments[k].length > off })
		end := size
		if k < len(fragments) {
			f := fragments[k]
			if off >= f.offset {
				p = p[:min(int64(len(p)), f.offset+f.length-off)]
				return tar(ctx, p, stored[k]+off-f.offset)
			}
			end = f.offset
		}
		p = p[:min(int64(len(p)), end-off)]
		clear(p)
		return len(p), nil
	}, nil
}

// body returns the content of entry i of layer l, from the engine's folder; what
// is not there as it should be, from the engine itself.
func (f *storeFiles) body(ctx context.Context, l *Layer, i int) (*Body, error) {
	folder, err := f.folder()
	if err != nil {
		return f.image.bodyElsewhere(ctx, l, i, err)
	}
	defer folder.Close()
	e := l.Entries.At(i)
	name := memberName(e.Name)
	switch {
	case e.Type != File:
		return nil, l.wrap(fmt.Errorf("%q is a %s, not a file", name, e.Type))
	case e.Size == 0:
		return &Body{}, nil
	}
	file, err := openSized(folder, name, e.Size)
	if err != nil {
		return f.image.bodyElsewhere(ctx, l, i, err)
	}
	return &Body{
		size: e.Size,
		read: func(_ context.Context, p []byte, off int64) (int, error) {
			n, err := file.ReadAt(p, off)
			if n > 0 {
				return n, nil
			}
			return 0, l.wrap(fmt.Errorf("%q: %w", name, noEOF(err)))
		},
		close: file.Close,
	}, nil
}

// bodyElsewhere is elsewhere for a Body.
func (s *storeImage) bodyElsewhere(ctx context.Context, l *Layer, i int, reason error) (*Body, error) {
	same, err := s.again.twin(ctx, l, storeReason(reason))
	if err != nil {
		return nil, err
	}
	return same.Body(ctx, i)
}
