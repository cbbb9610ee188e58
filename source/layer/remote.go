package layer

import (
	"context"
	"errors"
	"io"
	"slices"
)

// A Remote provides the blob of a layer from another machine. Its methods may be called from
// several goroutines at once.
type Remote interface {
	// Part returns a reader of a half-open range of the blob, unverified. An error that wraps
	// ErrWhole says that parts are not available, but the whole may be; any other error is final.
	Part(ctx context.Context, from, to int64) (io.ReadCloser, error)

	// Whole returns the whole blob, verified by its digest. It may have to fetch it.
	Whole(ctx context.Context) (io.ReaderAt, error)
}

// ErrWhole says that parts of a blob are not available.
var ErrWhole = errors.New("only the whole layer can be read")

// A RemoteReader is a Reader that must be closed.
type RemoteReader interface {
	Reader
	io.Closer
}

// OpenRemote returns a Reader of the contents of a gzip layer with checkpoints. It fetches the
// parts of the blob that the wanted files need, each once. If a part has changed or is not
// available, it requests the whole blob. The caller closes it. It does not support Scan.
func OpenRemote(r Remote, c *Checkpoints, name string, shelf *Shelf) RemoteReader {
	p := &packedTar{
		blob:   &blob{size: c.size, name: name},
		remote: &remote{Remote: r, of: c, have: map[int64]bool{}, turn: make(chan struct{}, 1)},
		form:   Gzip,
	}
	p.places.keptBy(func() *Checkpoints { return c })
	p.shelved = shelf.add(p)
	return p
}

// Close frees the disk space.
func (p *packedTar) Close() error {
	if p.remote == nil {
		return nil
	}
	return p.remote.close()
}

// The size of requests for a remote blob, in bytes, minimum and maximum. It doubles while one
// file is read on.
const (
	firstFetch = 4 << 20
	mostFetch  = 32 << 20
)

// mergeGap is how many unwanted bytes to fetch rather than send another request.
const mergeGap = 1 << 20

// A remote stores the fetched, verified parts of a blob in a temporary file.
type remote struct {
	Remote
	of *Checkpoints

	// turn is a lock for the fields below: the holder has put an element into it. It is a channel
	// so that waiting can be cancelled.
	turn   chan struct{}
	file   *Spool         // nil until something is fetched
	have   map[int64]bool // granules in file
	next   int64          // the granule after the last fetched one
	step   int64          // size of the next request if it continues there
	buf    []byte         // buffer for a granule
	closed bool
}

// part fills p with the granule that starts at off.
func (r *remote) part(ctx context.Context, p []byte, off, until int64) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	n := off / r.of.granule
	if !r.have[n] {
		if err := r.fetch(ctx, n, until); err != nil {
			return err
		}
	}
	if r.closed {
		return errClosed
	}
	_, err := r.file.ReadAt(p, off)
	return noEOF(err)
}

var errClosed = errors.New("the image has been closed")

// fetch fetches granules from a given one on.
func (r *remote) fetch(ctx context.Context, n, until int64) (err error) {
	if r.closed {
		return errClosed
	}
	if r.file == nil {
		if r.file, err = NewSpool(); err != nil {
			return err
		}
		r.buf = make([]byte, min(r.of.granule, r.of.size))
	}
	if n != r.next || r.step == 0 {
		r.step = firstFetch
	}
	from := n * r.of.granule
	to := r.to(n, min(until, from+r.step))
	r.step = min(2*r.step, mostFetch)
	body, err := r.Part(ctx, from, to)
	if err != nil {
		return &partError{err}
	}
	defer func() { _ = body.Close() }() // everything wanted has arrived, or it has failed before
	for ; from < to; n++ {
		b := r.buf[:min(r.of.granule, to-from)]
		if _, err := io.ReadFull(body, b); err != nil {
			return &partError{noEOF(err)}
		}
		if err := r.of.verify(n, b); err != nil {
			return err
		}
		if _, err := r.file.WriteAt(b, from); err != nil {
			return &partError{err}
		}
		r.have[n] = true
		from += int64(len(b))
		r.next = n + 1
	}
	return nil
}

// to returns the end of the granules that are fetched together: up to the wanted place, without
// those already present.
func (r *remote) to(n, until int64) int64 {
	for n++; n*r.of.granule < until && !r.have[n]; n++ {
	}
	return min(n*r.of.granule, r.of.size)
}

// A partError is why a part is not available.
type partError struct{ error }

func (e *partError) Unwrap() error { return e.error }

// final reports whether requesting the whole blob is useless too.
func (r *remote) final(err error) bool {
	part := (*partError)(nil)
	return errors.Is(err, errClosed) || errors.As(err, &part) && !errors.Is(err, ErrWhole)
}

func (r *remote) close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closed = true
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// together returns a function that tells tar, before each entry is read, how far it will be read:
// including entries that follow closely, so that they are fetched together.
func (p *packedTar) together(e *Entries, entries []int, tar *tarReader) func(i int) {
	c := p.places.get()
	if c == nil {
		return nil
	}
	until := make(map[int]int64, len(entries))
	var next, end int64 // start of the next entry in the blob, and end of the group that it belongs to
	for n, i := range slices.Backward(entries) {
		until[i] = e.end(i)
		if n < len(entries)-1 && next <= c.reach(until[i])+mergeGap {
			until[i] = end
		}
		next, end = 0, until[i]
		if at := c.before(e.offset(i)); at >= 0 {
			next = c.points[at].in / 8
		}
	}
	return func(i int) { tar.until = until[i] }
}
