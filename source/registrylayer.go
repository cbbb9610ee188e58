package source

import (
	"bufio"
	"context"
	"errors"
	"hash"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/registry"
)

// A layerSource is where layers come from that are not in a file: a registry, or an
// engine's API. What it gives is as [registry.Repository] gives it.
type layerSource interface {
	// Blob streams a layer, verified at its end. The error of a read wraps
	// registry.ErrNoBlob if it is not there.
	Blob(ctx context.Context, d registry.Descriptor) summedBlob

	// Part streams some of a layer's bytes. It verifies nothing but their number.
	Part(ctx context.Context, d registry.Descriptor, from, to int64) io.ReadCloser

	// ReadRange reads the bytes from off on. It verifies nothing but their number.
	ReadRange(ctx context.Context, d registry.Descriptor, p []byte, off int64) error
}

// A summedBlob is a stream whose digest is computed on the way.
type summedBlob interface {
	io.ReadCloser

	// SumBy has the digest be computed by h, which is new. It is called before the
	// first read.
	SumBy(h hash.Hash)
}

// registrySource is a repository of a registry as a layerSource.
type registrySource struct{ *registry.Repository }

var _ layerSource = registrySource{}

// Blob returns a reader of the whole blob.
func (r registrySource) Blob(ctx context.Context, d registry.Descriptor) summedBlob {
	return r.Repository.Blob(ctx, d)
}

// Part returns a reader of some of it.
func (r registrySource) Part(ctx context.Context, d registry.Descriptor, from, to int64) io.ReadCloser {
	return r.Repository.Part(ctx, d, from, to)
}

// A remoteBlob is a blob in a registry that is taken for a layer.
type remoteBlob struct {
	label
	read *remoteLayer
}

var _ blob = (*remoteBlob)(nil)

// all is for documents: those are read when they are found; see remote.file.
func (b *remoteBlob) all(limit int64) ([]byte, error) {
	if err := b.within(limit); err != nil {
		return nil, err
	}
	return nil, errors.New(b.called + ": a layer, not a document")
}

func (b *remoteBlob) layer() layer.Reader { return b.read }

// A remoteLayer is a layer in a registry. It is scanned as it arrives, and not
// fetched if the cache has its index, or if it has a table of contents. To read a
// file's content, those parts of the layer are fetched that the file takes, if the
// table says which, or the cache has its checkpoints: both verify them. Otherwise the
// layer is fetched once more, whole, to a temporary file without a name: only then is
// it known to be what the manifest says.
type remoteLayer struct {
	repo   layerSource
	d      registry.Descriptor
	shelf  *layer.Shelf
	keep   bool  // keep what is scanned, for its content will be wanted
	absent error // why a registry need not have the layer; nil if it should
	meter  *meter
	table  remoteTable

	// known is how the layer was scanned: where the cache is that may have its
	// checkpoints. Nil until then.
	known atomic.Pointer[layer.ScanOptions]

	// turn is held, by an element in it, by the goroutine that touches what follows: a channel,
	// so that who waits for it can be cancelled.
	turn    chan struct{}
	spool   *layer.Spool
	content layer.Reader       // of the spool; nil if there is none
	parts   layer.RemoteReader // by the checkpoints; nil if it is not in use
	closed  bool
}

var (
	_ layer.Reader      = (*remoteLayer)(nil)
	_ layer.KnownReader = (*remoteLayer)(nil)
)

// An absentBlob says that the registry does not have a layer: the others can be read
// all the same.
type absentBlob struct{ error }

func (e *absentBlob) Unwrap() []error { return []error{fs.ErrNotExist, e.error} }

// Known takes from the cache what it has about the layer, by the digest that the
// manifest names: a registry is trusted to keep a blob under its digest, as every
// engine trusts it.
func (l *remoteLayer) Known(o *layer.ScanOptions) (*layer.Scanned, bool) {
	s, ok := layer.CachedIndex(o.Digest, l.d.Size, *o)
	if ok {
		l.known.Store(o)
		l.meter.skip(l.d.Size)
	}
	return s, ok
}

// Scan fetches the layer, and verifies it, unless the cache knows it.
func (l *remoteLayer) Scan(ctx context.Context, o layer.ScanOptions) (*layer.Scanned, error) {
	if s, ok := layer.Known(l, o); ok {
		return s, nil
	}
	if s, ok, err := l.list(ctx, o); ok || err != nil {
		return s, err
	}
	s, err := l.fetch(ctx, o)
	switch {
	case errors.Is(err, registry.ErrNoBlob) && l.absent != nil:
		return nil, &absentBlob{l.absent}
	case errors.Is(err, registry.ErrNoBlob):
		return nil, &absentBlob{err}
	case err == nil && o.Cache != nil:
		layer.KeepIndex(l.d.Size, s, o)
		l.known.Store(&o)
	}
	return s, err
}

// fetch streams the layer and scans it on the way.
func (l *remoteLayer) fetch(ctx context.Context, o layer.ScanOptions) (_ *layer.Scanned, err error) {
	b := l.repo.Blob(ctx, l.d)
	defer func() { err = errors.Join(err, b.Close()) }()
	if o.Cache != nil {
		o.Trail = layer.NewTrail(l.d.Digest.Algorithm())
		b.SumBy(o.Trail)
	}
	raw := layer.Watched(ctx, b, o.Progress)
	var spool *layer.Spool
	if l.keep {
		if spool, err = layer.NewSpool(); err != nil {
			return nil, err
		}
		raw = io.TeeReader(raw, spool)
	}
	s, err := l.scan(ctx, raw, o)
	if spool != nil {
		if err != nil {
			return nil, errors.Join(err, spool.Close())
		}
		err = l.kept(ctx, spool)
	}
	return s, err
}

// scan scans what raw holds to its end: only there is it known whether these were
// the right bytes. If they were not, that is the error, whatever they looked like.
func (l *remoteLayer) scan(ctx context.Context, raw io.Reader, o layer.ScanOptions) (*layer.Scanned, error) {
	in := bufio.NewReaderSize(raw, memberBuffer)
	head, err := in.Peek(int(min(layer.SniffLen, l.d.Size)))
	if err != nil {
		return nil, shorter(err)
	}
	form, what := layer.Sniff(head)
	var failed error
	var s *layer.Scanned
	switch form {
	case layer.Plain, layer.Gzip, layer.Zstd:
		o.Verified = true
		passed, err := layer.Pass(ctx, form, in, o)
		if err != nil {
			return nil, err
		}
		s, failed = passed.Scan(ctx, o)
	case layer.Unsupported:
		return nil, layer.UnsupportedError{Form: what}
	default:
		failed = layer.ErrNotLayer
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	s.Digest = l.d.Digest.String()
	return s, nil
}

// kept has contents be read from a spool that holds the whole layer, verified.
func (l *remoteLayer) kept(ctx context.Context, spool *layer.Spool) error {
	if err := l.wait(ctx); err != nil {
		return errors.Join(err, spool.Close())
	}
	defer l.done()
	return l.use(spool)
}

func (l *remoteLayer) wait(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *remoteLayer) done() { <-l.turn }

// use is kept while l.turn is held.
func (l *remoteLayer) use(spool *layer.Spool) error {
	if l.closed || l.content != nil {
		return spool.Close()
	}
	l.spool = spool
	l.content = layer.Open(spool, l.d.Size, l.d.Digest.String(), l.shelf)
	return nil
}
