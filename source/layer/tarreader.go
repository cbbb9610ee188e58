package layer

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/peelhq/peel/internal/inflate"
)

// places is what is known of the places from which a layer can be unpacked. Safe for
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
		if !fromCheckpoint || r.ctx.Err() != nil {
			return 0, err
		}
		r.packed.misled(err)
	}
	return 0, nil
}

// read is Read without a second try. An error with which bytes come comes again.
func (r *tarReader) read(p []byte) (n int, err error) {
	if r.z == nil {
		if r.z, r.resumed, r.pos, err = r.packed.unpackNear(r.ctx, r.at); err != nil {
			r.z = nil
			return 0, err
		}
	}
	if r.resumed != nil {
		r.resumed.ctx = r.ctx
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
	if c := p.places.get(); c != nil {
		if i := c.before(off); i >= 0 {
			return c.points[i].out
		}
	}
	return 0
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
// at or before off; and what it reads from if that is a checkpoint.
func (p *packedTar) unpackNear(ctx context.Context, off int64) (z io.ReadCloser, g *granules, from int64, err error) {
	if c := p.places.get(); c != nil {
		if i := c.before(off); i >= 0 {
			z, g, err = p.resume(ctx, c, i)
			if err == nil {
				return z, g, c.points[i].out, nil
			}
			if ctx.Err() != nil {
				return nil, nil, 0, err
			}
			p.misled(err)
		}
	}
	z, err = p.unpack()
	return z, nil, 0, err
}

// resume returns a reader that begins at a checkpoint.
func (p *packedTar) resume(ctx context.Context, c *Checkpoints, i int) (io.ReadCloser, *granules, error) {
	point, err := c.points[i].open()
	if err != nil {
		return nil, nil, err
	}
	g, err := c.from(ctx, point.In/8, p.part)
	if err != nil {
		return nil, nil, err
	}
	z, err := inflate.Resume(g, point)
	if err != nil {
		return nil, nil, err
	}
	return gzipUnpacker(z), g, nil
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
