package layer

import (
	"context"
	"errors"
	"io"
)

// A RawReader is a Reader of a layer stored as one tar, plain or compressed.
type RawReader interface {
	// Raw returns the layer's blob as stored. Only Scan verifies it.
	Raw(ctx context.Context, e *Entries) (io.ReadCloser, error)
}

// ErrNotStored says that a layer is not stored as a tar: it was assembled from files of a folder
// or a container.
var ErrNotStored = errors.New("it is not stored as a tar")

// Raw returns the stored blob of r, or ErrNotStored. The entries are those from r's Scan.
func Raw(ctx context.Context, r Reader, e *Entries) (io.ReadCloser, error) {
	if raw, ok := r.(RawReader); ok {
		return raw.Raw(ctx, e)
	}
	return nil, ErrNotStored
}

var (
	_ RawReader = plainTar{}
	_ RawReader = (*packedTar)(nil)
	_ RawReader = (*Passed)(nil)
	_ RawReader = (*broken)(nil)
)

// Raw returns the tar.
func (p plainTar) Raw(ctx context.Context, _ *Entries) (io.ReadCloser, error) {
	return io.NopCloser(ctxReader{ctx, p.stream(), nil}), nil
}

// Raw returns the compressed tar.
func (p *packedTar) Raw(ctx context.Context, _ *Entries) (io.ReadCloser, error) {
	if p.remote == nil {
		return io.NopCloser(ctxReader{ctx, p.stream(), nil}), nil
	}
	r, err := p.remote.Whole(ctx)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(ctxReader{ctx, io.NewSectionReader(r, 0, p.size), nil}), nil
}

// Raw returns the copy of the layer.
func (p *Passed) Raw(ctx context.Context, e *Entries) (io.ReadCloser, error) {
	return Raw(ctx, p.Reader, e)
}

// Raw returns the reader's error.
func (b *broken) Raw(context.Context, *Entries) (io.ReadCloser, error) { return nil, b.err }
