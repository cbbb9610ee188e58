package source

import (
	"context"
	"io"

	"github.com/peelhq/peel/source/layer"
)

// ErrNotStored says that a layer is not stored as a tar; see Layer.Raw.
var ErrNotStored = layer.ErrNotStored

// Raw returns the layer's blob as stored, plain or compressed. The error is ErrNotStored if the
// tar is assembled from files. For an image read in one pass, the limits of Open apply. The
// caller checks the digest.
func (l *Layer) Raw(ctx context.Context) (io.ReadCloser, error) {
	if err := l.readable(); err != nil {
		return nil, err
	}
	r, err := layer.Raw(ctx, l.reader, l.Entries)
	if err != nil {
		return nil, l.wrap(err)
	}
	return &layerFile{r, l}, nil
}

var (
	_ layer.RawReader = (*remoteLayer)(nil)
	_ layer.RawReader = (*reopened)(nil)
	_ layer.RawReader = (*storeFiles)(nil)
)

// Raw fetches the layer.
func (l *remoteLayer) Raw(ctx context.Context, _ *Entries) (io.ReadCloser, error) {
	return l.repo.Blob(ctx, l.d), nil
}

// Raw opens the image a second time.
func (r *reopened) Raw(ctx context.Context, e *Entries) (io.ReadCloser, error) {
	l, err := r.counterpart(ctx, e)
	if err != nil {
		return nil, err
	}
	return layer.Raw(ctx, l.reader, l.Entries)
}

// Raw uses the engine's save, which assembles the tar from the files.
func (f *storeFiles) Raw(ctx context.Context, e *Entries) (io.ReadCloser, error) {
	l, err := f.image.viaAPI.counterpart(ctx, f.index, f.diffID, e, ErrNotStored)
	if err != nil {
		return nil, err
	}
	return layer.Raw(ctx, l.reader, l.Entries)
}
