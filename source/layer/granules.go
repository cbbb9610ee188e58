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

// A parted is a blob that can be read in parts.
type parted interface {
	// part fills p with the unverified bytes from off on. The caller expects to read up to until
	// next.
	part(ctx context.Context, p []byte, off, until int64) error
}

// granules reads a blob from an offset on, granule by granule, and verifies each before it
// returns any of its bytes. It is for one goroutine at a time.
type granules struct {
	of    *Checkpoints
	from  parted
	ctx   context.Context // of the current call
	until int64           // expected end of reading

	next int64  // the next granule
	buf  []byte // buffer for one
	rest []byte // rest of the current one
	err  error
}

// reader returns a reader of the blob from off on.
func (c *Checkpoints) reader(ctx context.Context, from parted, off, until int64) (*granules, error) {
	g := &granules{of: c, from: from, ctx: ctx, until: until, next: off / c.granule, buf: make([]byte, min(c.granule, c.size))}
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
	if err := g.from.part(g.ctx, b, off, g.until); err != nil {
		return err
	}
	if err := g.of.verify(g.next, b); err != nil {
		return err
	}
	g.rest = b
	g.next++
	return nil
}

// verify returns an error unless b is the granule with that number.
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
	if n == int64(len(c.states)) { // the last one may be shorter
		if digest.NewDigest(algorithm, h) != c.digest {
			return fmt.Errorf("from byte %d on: %w", n*c.granule, errVerified)
		}
		return nil
	}
	state, err := stateOf(h)
	if err == nil && !bytes.Equal(state, c.states[n]) {
		err = fmt.Errorf("bytes %d to %d: %w", n*c.granule, (n+1)*c.granule, errVerified)
	}
	return err
}
