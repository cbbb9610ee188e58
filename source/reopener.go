package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/peelhq/peel/source/layer"
)

// A reopener opens an image a second time, with its contents kept, to read a
// file that the first pass did not keep: from an engine's save, from a
// compressed archive, or because a file is missing from an engine's store. It
// does so once, on the first request for content, because most callers never
// need it and it costs a copy of the image on disk.
type reopener struct {
	open func(ctx context.Context) (*Image, error) // nil: no other way exists
	what string                                    // source of the second image, for the log
	log  *slog.Logger

	// turn is a lock for the fields below: the holder has put an element into it. It is a channel
	// so that waiting can be cancelled.
	turn   chan struct{}
	other  *Image // result of open
	closed bool
}

func newReopener(what string, log *slog.Logger, open func(ctx context.Context) (*Image, error)) *reopener {
	return &reopener{open: open, what: what, log: log, turn: make(chan struct{}, 1)}
}

// counterpart returns the layer of the second image that matches the first
// image's layer by index, diffID and entries. reason is why the first has no
// content.
func (g *reopener) counterpart(ctx context.Context, index int, diffID string, e *Entries, reason error) (*Layer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if g == nil || g.open == nil {
		return nil, reason
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := g.reopen(ctx, index, diffID, reason); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w; %w", reason, err)
	}
	same := g.other.Layers[min(index, len(g.other.Layers)-1)]
	switch {
	case same.Err != nil:
		return nil, same.Err
	case !sameEntries(same.Entries, e):
		return nil, errors.New(g.what + " gives another layer now")
	}
	return same, nil
}

// sameEntries reports whether two layers have files with the same names and sizes.
func sameEntries(a, b *Entries) bool {
	if a.Len() != b.Len() {
		return false
	}
	var x, y []byte
	for i := range a.Len() {
		x, y = a.AppendName(x[:0], i), b.AppendName(y[:0], i)
		if a.Type(i) != b.Type(i) || a.Size(i) != b.Size(i) || !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// reopen opens the image unless it is open. The caller holds g.turn.
func (g *reopener) reopen(ctx context.Context, index int, diffID string, reason error) error {
	switch {
	case g.closed:
		return errors.New("the image has been closed")
	case g.other != nil:
		return nil
	}
	g.log.Debug("the image is read again for a file's content", "from", g.what, "layer", index, "reason", reason)
	other, err := g.open(ctx)
	if err != nil {
		return err
	}
	if err := other.Scan(ctx); err != nil {
		return errors.Join(err, other.Close())
	}
	if index >= len(other.Layers) || other.Layers[index].DiffID != diffID {
		return errors.Join(errors.New(g.what+" gives another image now"), other.Close())
	}
	g.other = other
	return nil
}

// close waits for a pending reopen and closes the second image.
func (g *reopener) close() error {
	if g == nil {
		return nil
	}
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	g.closed = true
	if g.other == nil {
		return nil
	}
	other := g.other
	g.other = nil
	return other.Close()
}

// reopened is a layer without kept content. It reads content by opening the image a second time.
type reopened struct {
	image  *reopener
	index  int
	diffID string
	reason error // why the first image has no content
}

var _ layer.Reader = (*reopened)(nil)

func (r *reopened) Scan(context.Context, layer.ScanOptions) (*layer.Scanned, error) {
	return nil, r.reason
}

func (r *reopened) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	l, err := r.counterpart(ctx, e)
	if err != nil {
		return nil, err
	}
	return l.reader.Open(ctx, l.Entries, i)
}

func (r *reopened) Body(ctx context.Context, e *Entries, i int) (*Body, error) {
	l, err := r.counterpart(ctx, e)
	if err != nil {
		return nil, err
	}
	return l.reader.Body(ctx, l.Entries, i)
}

func (r *reopened) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	l, err := r.counterpart(ctx, e)
	if err != nil {
		return err
	}
	return l.reader.Each(ctx, l.Entries, entries, fn)
}

func (r *reopened) counterpart(ctx context.Context, e *Entries) (*Layer, error) {
	return r.image.counterpart(ctx, r.index, r.diffID, e, r.reason)
}

// rereadable lets im read contents by opening the image again with open, if im came as an
// unspooled stream and the caller may want contents.
func (o *opener) rereadable(im *Image, open func(ctx context.Context, o *opener) (*Image, error)) {
	if o.KeepContent || !o.ContentOnDemand {
		return
	}
	second := &opener{Options: Options{Platform: o.Platform, KeepContent: true, Via: ViaAPI, Log: o.Log}, ref: o.ref}
	second.meter = newMeter(im.Source, o.Progress)
	im.reopener = newReopener(im.Source, o.Log, func(ctx context.Context) (*Image, error) { return open(ctx, second) })
	for _, l := range im.Layers {
		if p, ok := l.reader.(*layer.Passed); ok {
			l.far = true
			p.Otherwise(&reopened{im.reopener, l.Index, l.DiffID, layer.ErrGone})
		}
	}
}
