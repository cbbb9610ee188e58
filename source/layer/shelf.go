package layer

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// A compressed layer can be read from its beginning only, so that showing one
// file of it after the other would unpack the same bytes again and again.
// Neither form helps: an image's layer is one gzip member or one zstd frame as
// a rule, and a decoder's state cannot be put aside. So what an access unpacks
// on the way to its file is kept, in a temporary file of the kind that a
// stream's content is kept in; the next access reads it there, or goes on from
// where the last one ended.
//
//	layer's tar   |=================================|..............|
//	              0            kept: ReadAt        have   decoder: goes on
//
// Nothing is unpacked that was not asked for, nothing twice, and nothing is kept
// of a layer of which no file is opened. Keeping is a favour, not a need: where
// the temporary folder cannot be written to, or is full, the layer is unpacked
// from its beginning for each access.

// Bounds on what is kept for the layers of one image.
const (
	// maxKept bounds how far into a layer's tar is kept, in bytes of disk; files
	// beyond are unpacked from the beginning. A layer may unpack to a thousand
	// times its size, and the disk is not peel's.
	maxKept = 16 << 30

	// maxParked bounds the decoders that wait for another access, each of them
	// with its buffers: 0.2 MiB for gzip; for zstd twice the window, which is
	// 8 MiB as a rule and 128 MiB at most. One that was let go of starts again
	// from the layer's beginning, if its layer is read beyond what the shelf keeps.
	maxParked = 2
)

// errNotKept says that a layer's content has to be unpacked anew.
var errNotKept = errors.New("not kept")

// A Shelf holds what has been unpacked of the layers of one image. Safe for
// concurrent use; nil keeps nothing.
type Shelf struct {
	mu     sync.Mutex
	layers []*prefix
	parked []*prefix // with a decoder, the one used last at the end
	closed bool
}

// NewShelf returns an empty shelf.
func NewShelf() *Shelf { return &Shelf{} }

// add makes room for what will be kept of a layer.
func (s *Shelf) add(p *packedTar) *prefix {
	k := &prefix{shelf: s, packed: p, busy: make(chan struct{}, 1)}
	if s == nil {
		k.over = true
		return k
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k.over = s.closed
	s.layers = append(s.layers, k)
	return k
}

// park notes that k has a decoder, and lets go of another's if there are more
// than maxParked; false once the shelf is closed. The caller has k.busy.
func (s *Shelf) park(k *prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.remove(k)
	s.parked = append(s.parked, k)
	for i := 0; len(s.parked) > maxParked && i < len(s.parked)-1; {
		old := s.parked[i]
		select {
		case old.busy <- struct{}{}:
			old.dropDecoder()
			<-old.busy
			s.parked = slices.Delete(s.parked, i, i+1)
		default:
			i++ // it is being read from right now
		}
	}
	return true
}

func (s *Shelf) unpark(k *prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(k)
}

func (s *Shelf) remove(k *prefix) {
	if i := slices.Index(s.parked, k); i >= 0 {
		s.parked = slices.Delete(s.parked, i, i+1)
	}
}

// Close gives back the disk. Who still reads, reads on from the blob.
func (s *Shelf) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	s.closed, s.parked = true, nil
	all := s.layers
	s.layers = nil
	s.mu.Unlock()
	var errs []error
	for _, k := range all {
		k.busy <- struct{}{}
		k.dropDecoder()
		errs = append(errs, k.giveUp())
		<-k.busy
	}
	return errors.Join(errs...)
}

// A prefix is the beginning of one compressed layer's tar, as far as anybody has
// read yet. Safe for concurrent use.
type prefix struct {
	shelf  *Shelf
	packed *packedTar

	have atomic.Int64 // how much of file is there to be read; 0 once it is given up

	// busy is held, by an element in it, by the goroutine that touches what follows. It
	// is a channel so that who waits for it can be cancelled.
	busy  chan struct{}
	file  *Spool // nil until the first access; only written where busy is held
	over  bool   // nothing more is kept: giveUp has been called
	whole bool   // all of the tar is in file
	z     io.ReadCloser
	at    int64 // how far z has come; less than have if it had to start again
	buf   []byte
}

// readAt reads what there is at off, and unpacks up to there first if need be.
// It may read less than asked for without an error. errNotKept says that it
// cannot be had from here; the end of the tar is io.EOF.
func (k *prefix) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if have := k.have.Load(); off < have {
			n, err := k.file.ReadAt(p[:min(int64(len(p)), have-off)], off)
			if n == 0 && len(p) > 0 {
				return 0, errors.Join(errNotKept, err) // given up in this moment, or a bad disk
			}
			return n, nil
		}
		if err := k.step(ctx, off); err != nil {
			return 0, err
		}
	}
}

// step unpacks some more, if off is still not there when it is this one's turn.
func (k *prefix) step(ctx context.Context, off int64) error {
	select {
	case k.busy <- struct{}{}:
		defer func() { <-k.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	have := k.have.Load()
	switch {
	case k.over:
		return errNotKept
	case off < have:
		return nil
	case k.whole:
		return io.EOF
	}
	if k.file == nil {
		f, err := NewSpool()
		if err != nil {
			k.over = true
			return errNotKept
		}
		k.file = f
	}
	if k.z == nil {
		if err := k.open(); err != nil {
			return err
		}
	}
	n, err := fill(k.z, k.buf)
	fresh := k.buf[min(int64(n), max(0, have-k.at)):n]
	k.at += int64(n)
	if len(fresh) > 0 {
		if k.at > maxKept {
			return k.fail()
		}
		if _, err := k.file.Write(fresh); err != nil {
			return k.fail()
		}
		k.have.Store(k.at)
	}
	if err == nil {
		return nil
	}
	// The end, or something broken: then the next access finds out again what.
	at := k.at
	k.shelf.unpark(k)
	k.dropDecoder()
	switch {
	case err != io.EOF: //nolint:errorlint // io.Reader's contract is a bare EOF
		return err
	case at < have:
		return k.fail() // the blob is not what it was
	}
	k.whole = true
	return nil
}

// open starts a decoder at the layer's beginning.
func (k *prefix) open() error {
	if !k.shelf.park(k) {
		return k.fail()
	}
	z, err := k.packed.unpack()
	if err != nil {
		k.shelf.unpark(k)
		return err
	}
	k.z, k.at = z, 0
	if k.buf == nil {
		k.buf = make([]byte, streamBuffer)
	}
	return nil
}

// fail ends the keeping for good.
func (k *prefix) fail() error {
	k.shelf.unpark(k)
	k.dropDecoder()
	return errors.Join(errNotKept, k.giveUp())
}

// dropDecoder lets go of the decoder and its memory. k.busy must be held.
func (k *prefix) dropDecoder() {
	if k.z != nil {
		_ = k.z.Close() // of a decoder: says again what reading has said
	}
	k.z, k.at, k.buf = nil, 0, nil
}

// giveUp gives back the disk. k.busy must be held. Who is about to read the file
// finds it closed.
func (k *prefix) giveUp() error {
	if k.over {
		return nil
	}
	k.over = true
	k.have.Store(0)
	if k.file == nil {
		return nil
	}
	return k.file.Close()
}

// fill reads until p is full or there is an error, which is r's own.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = r.Read(p[n:])
		n += got
	}
	return n, err
}

// prefixReader reads a layer's tar from at on, from what the shelf keeps as long as
// that goes well, else from a decoder of its own.
type prefixReader struct {
	ctx    context.Context
	prefix *prefix
	at     int64
	own    io.ReadCloser // nil as long as it goes well
}

func (r *prefixReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.own == nil {
		n, err := r.prefix.readAt(r.ctx, p, r.at)
		if !errors.Is(err, errNotKept) {
			r.at += int64(n)
			return n, err
		}
		if err := r.restart(); err != nil {
			return 0, err
		}
	}
	n, err := r.own.Read(p)
	r.at += int64(n)
	return n, err
}

// restart unpacks the layer anew, up to where this reader is.
func (r *prefixReader) restart() (err error) {
	if r.own, err = r.prefix.packed.unpack(); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, ctxReader{ctx: r.ctx, r: r.own}, r.at)
	return noEOF(err)
}

func (r *prefixReader) Close() error {
	if r.own == nil {
		return nil
	}
	return r.own.Close()
}
