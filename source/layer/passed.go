package layer

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// ErrGone says that a layer's content was not kept while streaming.
var ErrGone = errors.New("its content passed in a stream and was not kept")

// A Passed is a layer read from a stream and scanned on the way, because its
// manifest may come at the end of the stream. Its errors are reported on
// request, because the layer may never be needed.
type Passed struct {
	Reader // reads its content: from a copy or in another way

	scanned *Scanned
	err     error
}

var _ Reader = (*Passed)(nil)

// NewPassed returns a layer that was scanned while streaming, with that result.
func NewPassed(s *Scanned, err error) *Passed {
	return &Passed{Reader: Broken(ErrGone), scanned: s, err: err}
}

// Pass scans a layer from r; the start of its data is known. It leaves in r
// what follows the layer. The error is ctx's; faults of the layer are stored in
// the result.
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

// Scan returns the result of scanning the stream.
func (p *Passed) Scan(context.Context, ScanOptions) (*Scanned, error) { return p.scanned, p.err }

// Entries returns the layer's entries; nil if unreadable.
func (p *Passed) Entries() *Entries {
	if p.err != nil || p.scanned == nil {
		return nil
	}
	return p.scanned.Entries
}

// Otherwise sets another reader for the content if it was not kept.
func (p *Passed) Otherwise(r Reader) {
	if gone, ok := p.Reader.(*broken); ok && gone.err == ErrGone { //nolint:errorlint // NewPassed's own
		p.Reader = r
	}
}

// Kept sets r, which holds the layer's blob of size bytes, as the source of content.
func (p *Passed) Kept(r io.ReaderAt, size int64, name string, shelf *Shelf) {
	p.Reader = Open(r, size, name, shelf)
}
