package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
)

var (
	errState    = errors.New("no state of a digest")
	errVerified = errors.New("its bytes are not those that were read before")
)

// granules reads a blob from a byte on, granule by granule, each verified before a
// byte of it is handed out. It is for one goroutine at a time.
type granules struct {
	of   *Checkpoints
	part func(ctx context.Context, p []byte, off int64) error // reads the blob, unverified
	ctx  context.Context                                      // of the current access

	next int64  // the granule that comes next
	buf  []byte // room for one
	rest []byte // what is left of the current one
	err  error
}

// from returns a reader of the blob from byte off on.
func (c *Checkpoints) from(ctx context.Context, off int64, part func(ctx context.Context, p []byte, off int64) error) (*granules, error) {
	g := &granules{of: c, part: part, ctx: ctx, next: off / c.granule, buf: make([]byte, min(c.granule, c.size))}
	if err := g.fetch(); err != nil {
		return nil, err
	}
	g.rest = g.rest[min(int64(len(g.rest)), off%c.granule):]
	return g, nil
}

func (g *granules) Read(p []byte) (int, error) {
	for len(g.rest) == 0 {
		if g.err == nil {
			g.err = g.fetch()
		}
		if g.err != nil {
			return 0, g.err
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// fetch reads the next granule.
func (g *granules) fetch() error {
	off := g.next * g.of.granule
	if off >= g.of.size {
		return io.EOF
	}
	b := g.buf[:min(g.of.granule, g.of.size-off)]
	if err := g.part(g.ctx, b, off); err != nil {
		return err
	}
	if err := g.of.verify(g.next, b); err != nil {
		return fmt.Errorf("bytes %d to %d: %w", off, off+int64(len(b)), err)
	}
	g.rest = b
	g.next++
	return nil
}

// verify returns an error unless b is the granule of that number.
func (c *Checkpoints) verify(n int64, b []byte) error {
	algorithm := c.digest.Algorithm()
	h := algorithm.Hash()
	if n > 0 {
		var err error
		if h, err = resumed(algorithm, c.states[n-1], n*c.granule); err != nil {
			return err
		}
	}
	_, _ = h.Write(b)              // never fails
	if n == int64(len(c.states)) { // the last one, which need not be whole
		if digest.NewDigest(algorithm, h) != c.digest {
			return errVerified
		}
		return nil
	}
	state, err := stateOf(h)
	if err == nil && !bytes.Equal(state, c.states[n]) {
		err = errVerified
	}
	return err
}
