package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/registry"
)

// contents returns a reader for the files of e. It uses the table of contents that lists them,
// else the whole layer if it has been fetched, else parts of it if checkpoints exist, else it
// fetches the whole layer.
func (l *remoteLayer) contents(ctx context.Context, e *Entries) (layer.ContentReader, error) {
	if t := l.table.of(e); t != nil {
		return t.Reader(l.readRange), nil
	}
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	defer l.done()
	if l.content == nil && l.parts == nil && !l.closed {
		if o := l.known.Load(); o != nil {
			if c := layer.CachedCheckpoints(l.d.Digest.String(), l.d.Size, *o); c != nil {
				l.parts = layer.OpenRemote(remoteParts{l}, c, l.d.Digest.String(), l.shelf)
			}
		}
	}
	if l.content == nil && l.parts != nil {
		return l.parts, nil
	}
	if err := l.fetchWhole(ctx); err != nil {
		return nil, err
	}
	return l.content, nil
}

// fetchWhole makes l.content and l.spool available. The caller holds l.turn.
func (l *remoteLayer) fetchWhole(ctx context.Context) error {
	switch {
	case l.closed:
		return errors.New("the image has been closed")
	case l.content != nil:
		return nil
	}
	spool, err := layer.NewSpool()
	if err != nil {
		return err
	}
	b := l.repo.Blob(ctx, l.d)
	l.begin(l.d.Size)
	_, err = io.CopyBuffer(spool, layer.Watched(ctx, b, l.meter.add), make([]byte, memberBuffer))
	if err = errors.Join(err, b.Close()); err != nil {
		return errors.Join(err, spool.Close())
	}
	l.meter.layerDone()
	return l.use(spool)
}

// begin announces to the meter the number of bytes to fetch.
func (l *remoteLayer) begin(bytes int64) {
	if l.meter != nil {
		l.meter.restart()
		l.meter.expect(bytes, 1)
	}
}

// remoteParts reads parts of a remoteLayer.
type remoteParts struct{ layer *remoteLayer }

var _ layer.Remote = remoteParts{}

// Part requests a range. If the registry does not support ranges or sends something else, the
// caller may still fetch the whole blob, which is verified.
func (r remoteParts) Part(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	l := r.layer
	l.begin(to - from)
	b := l.repo.Part(ctx, l.d, from, to)
	return &remotePart{layer.Watched(ctx, b, l.meter.add), b, l.meter}, nil
}

// A remotePart is the bytes of a range.
type remotePart struct {
	io.Reader
	blob  io.Closer
	meter *meter
}

func (p *remotePart) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if errors.Is(err, registry.ErrWhole) || errors.Is(err, registry.ErrWrongBytes) || errors.Is(err, registry.ErrBroken) {
		err = fmt.Errorf("%w: %w", layer.ErrWhole, err)
	}
	return n, err
}

func (p *remotePart) Close() error {
	p.meter.layerDone()
	return p.blob.Close()
}

// Whole returns the whole layer and fetches it if necessary.
func (r remoteParts) Whole(ctx context.Context) (io.ReaderAt, error) {
	l := r.layer
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	defer l.done()
	if err := l.fetchWhole(ctx); err != nil {
		return nil, err
	}
	return l.spool, nil
}

func (l *remoteLayer) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	r, err := l.contents(ctx, e)
	if err != nil {
		return nil, err
	}
	return r.Open(ctx, e, i)
}

func (l *remoteLayer) Body(ctx context.Context, e *Entries, i int) (*Body, error) {
	r, err := l.contents(ctx, e)
	if err != nil {
		return nil, err
	}
	return r.Body(ctx, e, i)
}

func (l *remoteLayer) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	r, err := l.contents(ctx, e)
	if err != nil {
		return err
	}
	return r.Each(ctx, e, entries, fn)
}

// readRange is a layer.RangeFunc. It verifies only the number of bytes.
func (l *remoteLayer) readRange(ctx context.Context, p []byte, off int64) error {
	return l.repo.ReadRange(ctx, l.d, p, off)
}

// close frees the disk space.
func (l *remoteLayer) close() error {
	l.turn <- struct{}{}
	defer l.done()
	l.closed, l.content = true, nil
	var errs []error
	if l.parts != nil {
		errs = append(errs, l.parts.Close())
	}
	if l.spool != nil {
		errs = append(errs, l.spool.Close())
	}
	return errors.Join(errs...)
}
