package layer

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"sync"
)

// A plainTar is an uncompressed layer. It is scanned by its headers alone, and files are read in
// place.
type plainTar struct{ *blob }

var _ Reader = plainTar{}

// Scan skips the contents, so it computes no checksums. With o.Verify it reads them for the
// blob's digest, with o.Wide for checksums. With neither, it uses the cache if that has the
// layer.
func (p plainTar) Scan(ctx context.Context, o ScanOptions) (*Scanned, error) {
	cached := o.Cache != nil && !o.Verify && !o.Wide
	var at location
	if cached {
		at = locationOf(p.blob)
		if s, ok := o.cachedPlain(at); ok {
			o.progress(p.size)
			return s, nil
		}
	}
	in := newSeekInput(p.r, p.size)
	s, err := scanTar(ctx, in, o.Wide, &o)
	in.release()
	if err != nil || !o.Verify {
		if err == nil && cached {
			o.keepPlain(at, s)
		}
		o.progress(p.size)
		return s, err
	}
	if _, s.Digest = p.digest(ctx, &o); s.Digest == "" {
		return nil, cmp.Or(ctx.Err(), io.ErrUnexpectedEOF)
	}
	return s, nil
}

func (p plainTar) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	c := contents{ctx: ctx, entries: e, in: newSeekInput(p.r, p.size)}
	r, err := c.entry(i)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}

func (p plainTar) Body(ctx context.Context, e *Entries, i int) (*Body, error) {
	return newBody(e, i, p.read, func() (*contents, error) {
		return &contents{ctx: ctx, entries: e, in: newSeekInput(p.r, p.size)}, nil
	})
}

func (p plainTar) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	in := newSeekInput(p.r, p.size)
	defer in.release()
	c := contents{ctx: ctx, entries: e, in: in}
	return c.each(entries, fn)
}

// read is a readFunc for the tar.
func (p plainTar) read(_ context.Context, b []byte, off int64) (int, error) {
	n, err := p.r.ReadAt(b, off)
	if n > 0 {
		err = nil // it will recur if it matters
	}
	return n, err
}

// The probe of large files: how many bytes to compare in each of three places, and from which
// size on.
const (
	probeBytes = 4 << 10
	probeFrom  = 64 << 10
)

var probes = sync.Pool{New: func() any { return new([2][probeBytes]byte) }}

// Differ reports whether two files of the same size, in one or two layers, are
// certain to differ; it compares a few blocks of each. False means nothing: the
// files are small, slow to read, or the blocks are equal.
func Differ(a Reader, ae *Entries, i int, b Reader, be *Entries, j int) bool {
	x, ok1 := a.(plainTar)
	y, ok2 := b.(plainTar)
	size := ae.Size(i)
	if !ok1 || !ok2 || size < probeFrom || ae.sparse(i) || be.sparse(j) {
		return false
	}
	from, other := ae.offset(i), be.offset(j)
	blocks, _ := probes.Get().(*[2][probeBytes]byte) // the pool has only these
	defer probes.Put(blocks)
	p, q := blocks[0][:], blocks[1][:]
	for _, at := range []int64{0, size / 2, size - probeBytes} {
		if x.readAt(p, from+at) != nil || y.readAt(q, other+at) != nil {
			return false // a full read will report the error
		}
		if !bytes.Equal(p, q) {
			return true
		}
	}
	return false
}
