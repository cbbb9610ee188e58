package layer

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// ErrGone says that a layer's content was not kept when it passed.
var ErrGone = errors.New("its content has gone by in a stream and was not kept")

// A Passed is a layer that passed in a stream, and was scanned then: its
// manifest may stand at the stream's end. What was wrong with it is said when it
// is asked for, since nobody may ask.
type Passed struct {
	Reader // of its content: what was kept of it, or another way to it

	scanned *Scanned
	err     error
}

var _ Reader = (*Passed)(nil)

// NewPassed returns a layer that was scanned as it passed, with that result.
func NewPassed(s *Scanned, err error) *Passed {
	return &Passed{Reader: Broken(ErrGone), scanned: s, err: err}
}

// Pass scans a layer that passes in r, of which it is known how it begins. It
// leaves in r what follows the layer's end. An error is that of ctx; what is
// wrong with the layer is kept.
func Pass(ctx context.Context, form Form, r *bufio.Reader, o ScanOptions) (*Passed, error) {
	var s *Scanned
	var err error
	if form == Plain {
		s, err = scanTar(ctx, &streamInput{r: r}, true, &o)
	} else {
		s, err = scanPacked(ctx, form, r, &o)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return NewPassed(s, err), nil
}

// Scan returns what was found when the layer passed.
func (p *Passed) Scan(context.Context, ScanOptions) (*Scanned, error) { return p.scanned, p.err }

// Entries returns the layer's entries; nil if it could not be read.
func (p *Passed) Entries() *Entries {
	if p.err != nil || p.scanned == nil {
		return nil
	}
	return p.scanned.Entries
}

// Otherwise has the content be read by another reader, if it was not kept.
func (p *Passed) Otherwise(r Reader) {
	if gone, ok := p.Reader.(*broken); ok && gone.err == ErrGone { //nolint:errorlint // NewPassed's own
		p.Reader = r
	}
}

// Kept has the content be read from r, which holds the layer's blob of size bytes.
func (p *Passed) Kept(r io.ReaderAt, size int64, name string, shelf *Shelf) {
	p.Reader = Open(r, size, name, shelf)
}
