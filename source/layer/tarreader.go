package layer

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/peelhq/peel/internal/inflate"
)

// places are the places from which a layer can be unpacked. Safe for
// concurrent use; the zero value knows of none.
type places struct {
	mu     sync.Mutex
	load   func() *Checkpoints // reads them where they are kept; nil once that is done
	points *Checkpoints        // nil if there are none, or they have misled somebody
}

// keptBy sets what reads the checkpoints when they are first wanted.
func (p *places) keptBy(load func() *Checkpoints) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load, p.points = load, nil
}

// get returns the checkpoints, nil if there are none.
func (p *places) get() *Checkpoints {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.load != nil {
		p.points, p.load = p.load(), nil
	}
	return p.points
}

// forget gives up the checkpoints: the blob is not what they were made of.
func (p *places) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load, p.points = nil, nil
}

// A tarReader reads a compressed layer's tar from any place on. It begins at the
// last checkpoint before that place, or at the layer's beginning. If a checkpoint
// leads nowhere, it begins anew at the layer's beginning: it never gives other bytes
// than that would. It is for one goroutine at a time.
type tarReader struct {
	ctx    context.Context // of the current access
	packed *packedTar

	at      int64         // where the next byte is in the tar
	until   int64         // up to where the tar will be read, as far as is known
	z       io.ReadCloser // nil until something is read
	pos     int64         // where z is: at or before at
	resumed *granules     // what z reads from, if it began at a checkpoint
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
		r.drop() // what a decoder does after an error is not said
		if !fromCheckpoint || r.ctx.Err() != nil || r.packed.final(err) {
			return 0, err
		}
		r.packed.misled(err)
	}
	return 0, nil
}

// read is Read without a second try. An error with which bytes come comes again.
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
	if r.pos < r.at { // Read comes back
		n, err := r.z.Read(p[:min(int64(len(p)), r.at-r.pos)])
		r.pos += int64(n)
		return 0, noEOF(err)
	}
	n, err = r.z.Read(p)
	r.pos += int64(n)
	r.at = r.pos
	return n, err
}

// jump goes to a place, which may lie before the current one. What lies between is
// decoded only if that is the shortest way.
func (r *tarReader) jump(to int64) {
	if r.z != nil && (to < r.pos || r.packed.start(to) > r.pos) {
		r.drop()
	}
	r.at = to
}

// drop lets go of the decoder and its memory.
func (r *tarReader) drop() {
	if r.z != nil {
		_ = r.z.Close() // of a decoder: says again what reading has said
	}
	r.z, r.resumed = nil, nil
}

func (r *tarReader) Close() error {
	r.drop()
	return nil
}

// start returns the last place at or before a byte of the tar from which the layer
// can be unpacked.
func (p *packedTar) start(off int64) int64 {
	c := p.places.get()
	return c.start(c.before(off))
}

// starts returns all such places, in order; the first one is 0.
func (p *packedTar) starts() []int64 {
	at := []int64{0}
	if c := p.places.get(); c != nil {
		for _, point := range c.points {
			at = append(at, point.out)
		}
	}
	return slices.Compact(at)
}

// unpackNear returns a reader of the layer's tar that begins at the last place, from,
// at or before off; and what it reads from if that is verified by checkpoints. The
// tar will be read up to until, as far as is known.
func (p *packedTar) unpackNear(ctx context.Context, off, until int64) (z io.ReadCloser, g *granules, from int64, err error) {
	if c := p.places.get(); c != nil {
		// A blob on this machine is read from its beginning as ever.
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

// resume returns a reader that begins at a checkpoint; at the layer's beginning if i
// is -1.
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

// final reports whether an error that came while checkpoints were used would come
// without them too.
func (p *packedTar) final(err error) bool {
	return p.remote != nil && p.remote.final(err)
}

// misled gives up the checkpoints after one of them has led nowhere.
func (p *packedTar) misled(err error) {
	p.debug("the checkpoints of a layer are not used any more", "layer", p.name, "error", err)
	p.places.forget()
}

// packedInput is an input over a compressed layer's tar. What it passes over is not
// unpacked where a checkpoint makes that needless.
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
