package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// again opens an image a second time, with its contents kept, for those who ask
// for a file's content where the first reading has kept none: from an engine's
// save, from an archive that is compressed as a whole, or because an engine's
// store has been found wanting. It is done once, when content is first asked
// for: most readers of an image never do, and keeping it costs a copy of the
// image on disk.
type again struct {
	open func(ctx context.Context) (*Image, error) // nil: there is no other way
	what string                                    // that it is opened from, for the log
	log  *slog.Logger

	// turn is held, by an element in it, by whoever touches what follows: a
	// channel, so that who waits for it can be cancelled.
	turn   chan struct{}
	other  *Image // what open gave
	closed bool
}

func newAgain(what string, log *slog.Logger, open func(ctx context.Context) (*Image, error)) *again {
	return &again{open: open, what: what, log: log, turn: make(chan struct{}, 1)}
}

// twin returns the layer of the second image that is layer l of the first, which
// has no content because of reason.
func (g *again) twin(ctx context.Context, l *Layer, reason error) (*Layer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if g == nil || g.open == nil {
		return nil, l.wrap(reason)
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := g.reopen(ctx, l, reason); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, l.wrap(fmt.Errorf("%w; %w", reason, err))
	}
	same := g.other.Layers[min(l.Index, len(g.other.Layers)-1)]
	switch {
	case same.Err != nil:
		return nil, same.Err
	case !sameEntries(same.Entries, l.Entries):
		return nil, l.wrap(errors.New(g.what + " gives another layer now"))
	}
	return same, nil
}

// sameEntries reports whether two layers hold files of the same names and sizes.
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

// reopen opens the image, if that has not been done. g.turn must be held.
func (g *again) reopen(ctx context.Context, l *Layer, reason error) error {
	switch {
	case g.closed:
		return errors.New("the image has been closed")
	case g.other != nil:
		return nil
	}
	g.log.Debug("the image is read again for a file's content", "from", g.what, "layer", l.Index, "reason", reason)
	other, err := g.open(ctx)
	if err != nil {
		return err
	}
	if err := other.Scan(ctx); err != nil {
		return errors.Join(err, other.Close())
	}
	if l.Index >= len(other.Layers) || other.Layers[l.Index].DiffID != l.DiffID {
		return errors.Join(errors.New(g.what+" gives another image now"), other.Close())
	}
	g.other = other
	return nil
}

// close lets go of the second image, once nobody is opening it any more.
func (g *again) close() error {
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

// present returns a layer whose content can be read: l itself as a rule.
func (l *Layer) present(ctx context.Context) (*Layer, error) {
	readHere := l.blob == nil || l.blob.at != nil || l.blob.again == nil
	if readHere || l.Err != nil || l.Entries == nil { // then what it is asked for says why not
		return l, nil //nolint:nilerr // as above
	}
	return l.blob.again.twin(ctx, l, errGone)
}

// rereadable has contents be read again by open when they are asked for, if im
// came as a stream that was not kept and the caller may want them.
func (o *opener) rereadable(im *Image, open func(ctx context.Context, o *opener) (*Image, error)) {
	st, ok := im.bundle.(*stream)
	if !ok || st.spool != nil || !o.ContentOnDemand {
		return
	}
	second := &opener{Options: Options{Platform: o.Platform, KeepContent: true, Via: ViaAPI, Log: o.Log}, ref: o.ref}
	second.meter = newMeter(im.Source, o.Progress)
	im.again = newAgain(im.Source, o.Log, func(ctx context.Context) (*Image, error) { return open(ctx, second) })
	for _, l := range im.Layers {
		if l.blob != nil {
			l.blob.again = im.again
		}
	}
}
