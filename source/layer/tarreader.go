package layer

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/peelhq/peel/internal/inflate"
)

// places are the points from which a layer can be unpacked. Safe for concurrent use; the zero
// value has none.
type places struct {
	mu     sync.Mutex
	load   func() *Checkpoints // reads them from their storage; nil once that is done
	points *Checkpoints        // nil if none, or if they turned out to be wrong
}

// keptBy sets the function that reads the checkpoints on first use.
func (p *places) keptBy(load func() *Checkpoints) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load, p.points = load, nil
}

// get returns the checkpoints or nil.
func (p *places) get() *Checkpoints {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.load != nil {
		p.points, p.load = p.load(), nil
	}
	return p.points
}

// forget discards the checkpoints: the blob has changed.
func (p *places) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load, p.points = nil, nil
}

// A tarReader reads a compressed layer's tar from any offset on. It starts at the last checkpoint
// before that offset, or at the layer's beginning. If a checkpoint turns out to be wrong, it
// restarts at the layer's beginning: the result is always the same. It is for one goroutine at a
// time.
type tarReader struct {
	ctx    context.Context // of the current call
	packed *packedTar

	at      int64         // offset of the next byte in the tar
	until   int64         // expected end of reading
	z       io.ReadCloser // nil until the first read
	pos     int64         // offset of z: at or before at
	resumed *granules     // source of z if it started at a checkpoint
}

func (r *tarReader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if err := r.ctx.Err(); err != nil {
			return 0, err // the decoder can go on
		}
		n, err := r.read(p)
		switch {
		case n > 0 || err == io.EOF: //nolint:errorlint // io.Reader's contract is a bare EOF
			return n, err
		case err == nil: // on the way to r.at
			continue
		}
		fromCheckpoint := r.resumed != nil
		r.drop() // a decoder's behaviour after an error is undefined
		if !fromCheckpoint || r.ctx.Err() != nil || r.packed.final(err) {
			return 0, err
		}
		r.packed.misled(err)
	}
	return 0, nil
}

// read is Read without a second try. An error that comes with bytes recurs.
func (r *tarReader) read(p []byte) (n int, err error) {
	if r.z == nil {
		if r.z, r.resumed, r.pos, err = r.packed.unpackNear(r.ctx, r.at, max(r.at+1, r.until)); err != nil {
			r.z = nil
			return 0, err
		}
	}
	if r.resumed != nil {
		r.resumed.ctx, r.resumed.until = r.ctx, r.resumed.of.reach(max(r.at+1, r.until))
	}
	if r.pos < r.at { // Read returns here
		n, err := r.z.Read(p[:min(int64(len(p)), r.at-r.pos)])
		r.pos += int64(n)
		return 0, noEOF(err)
	}
	n, err = r.z.Read(p)
	r.pos += int64(n)
	r.at = r.pos
	return n, err
}

// jump moves to an offset, which may be before the current one. It decodes the data in between
// only if that is the shortest way.
func (r *tarReader) jump(to int64) {
	if r.z != nil && (to < r.pos || r.packed.start(to) > r.pos) {
		r.drop()
	}
	r.at = to
}

// drop releases the decoder and its memory.
func (r *tarReader) drop() {
	if r.z != nil {
		_ = r.z.Close() // of a decoder: repeats the read error
	}
	r.z, r.resumed = nil, nil
}

func (r *tarReader) Close() error {
	r.drop()
	return nil
}

// start returns the last point, at or before an offset of the tar, from which the layer can be
// unpacked.
func (p *packedTar) start(off int64) int64 {
	c := p.places.get()
	return c.start(c.before(off))
}

// starts returns all such points in order; the first one is 0.
func (p *packedTar) starts() []int64 {
	at := []int64{0}
	if c := p.places.get(); c != nil {
		for _, point := range c.points {
			at = append(at, point.out)
		}
	}
	return slices.Compact(at)
}

// unpackNear returns a reader of the layer's tar that starts at from, the last point at or before
// off; and its source if checkpoints verify that. The caller expects to read up to until.
func (p *packedTar) unpackNear(ctx context.Context, off, until int64) (z io.ReadCloser, g *granules, from int64, err error) {
	if c := p.places.get(); c != nil {
		// A blob on this machine is read from its beginning as before.
		if i := c.before(off); i >= 0 || p.remote != nil {
			z, g, err = p.resume(ctx, c, i, until)
			if err == nil {
				return z, g, c.start(i), nil
			}
			if ctx.Err() != nil || p.final(err) {
				return nil, nil, 0, err
			}
			p.misled(err)
		}
	}
	z, err = p.unpack(ctx)
	return z, nil, 0, err
}

// resume returns a reader that starts at a checkpoint, or at the layer's beginning if i is -1.
func (p *packedTar) resume(ctx context.Context, c *Checkpoints, i int, until int64) (io.ReadCloser, *granules, error) {
	var point inflate.Checkpoint
	if i >= 0 {
		var err error
		if point, err = c.points[i].open(); err != nil {
			return nil, nil, err
		}
	}
	g, err := c.reader(ctx, p, point.In/8, c.reach(until))
	if err != nil {
		return nil, nil, err
	}
	if i < 0 {
		z, err := Unpack(Gzip, g)
		return z, g, err
	}
	z, err := inflate.Resume(g, point)
	if err != nil {
		return nil, nil, err
	}
	return gzipUnpacker(z), g, nil
}

// final reports whether an error would also occur without checkpoints.
func (p *packedTar) final(err error) bool {
	return p.remote != nil && p.remote.final(err)
}

// misled discards the checkpoints after one of them was wrong.
func (p *packedTar) misled(err error) {
	p.debug("the checkpoints of a layer are not used any more", "layer", p.name, "error", err)
	p.places.forget()
}

// packedInput is an input over a compressed layer's tar. It uses checkpoints to avoid unpacking
// what is skipped.
type packedInput struct {
	*streamInput
	tar *tarReader
}

func newPackedInput(tar *tarReader) *packedInput { return &packedInput{newStreamInput(tar), tar} }

func (p *packedInput) skip(n int64) error {
	if to := p.at + n; n > int64(p.r.Buffered()) && p.tar.packed.start(to) > p.tar.at {
		p.tar.jump(to)
		p.r.Reset(p.tar)
		p.at = to
		return nil
	}
	return p.streamInput.skip(n)
}
