package source

import (
	"context"
	"errors"
	"io"
)

// forwardBody gives random access to content that can only be read from its beginning.
type forwardBody struct {
	open func(ctx context.Context) (io.ReadCloser, error)

	// turn is a lock for the fields below: the holder has put an element into it.
	turn   chan struct{}
	r      io.ReadCloser // nil until it is needed
	at     int64
	stop   context.CancelFunc // cancels r's context
	closed bool
}

func (b *forwardBody) read(ctx context.Context, p []byte, off int64) (n int, err error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if b.closed {
		return 0, errors.New("it has been closed")
	}
	if b.r != nil && off < b.at {
		b.drop()
	}
	if b.r == nil {
		// The opened stream outlives the read that first needs it.
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r, err := b.open(own)
		if err != nil {
			stop()
			return 0, err
		}
		b.r, b.at, b.stop = r, 0, stop
	}
	defer context.AfterFunc(ctx, b.stop)()
	skipped, err := io.CopyN(io.Discard, b.r, off-b.at)
	b.at += skipped
	if err == nil {
		n, err = io.ReadFull(b.r, p)
		b.at += int64(n)
	}
	if err != nil {
		b.drop()
		return n, shorter(err)
	}
	return n, nil
}

func (b *forwardBody) drop() {
	if b.r != nil {
		_ = b.r.Close() // nothing more is read from it
		b.stop()
	}
	b.r = nil
}

func (b *forwardBody) close() error {
	select {
	case b.turn <- struct{}{}:
		b.drop()
		b.closed = true
		<-b.turn
	default: // another read is in progress and may continue
	}
	return nil
}
