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

// A layerSource provides layers that are not in a file: a registry or an engine's API. Its
// descriptors are those of [registry.Repository].
type layerSource interface {
	// Blob streams a layer and verifies it at the end. Read errors wrap registry.ErrNoBlob if the
	// layer is missing.
	Blob(ctx context.Context, d registry.Descriptor) summedBlob

	// Part streams a part of a layer. It verifies only the number of bytes.
	Part(ctx context.Context, d registry.Descriptor, from, to int64) io.ReadCloser

	// ReadRange reads the bytes from off on. It verifies only their number.
	ReadRange(ctx context.Context, d registry.Descriptor, p []byte, off int64) error
}

// A summedBlob is a stream that computes its digest on the way.
type summedBlob interface {
	io.ReadCloser

	// SumBy sets the hash, which must be new, that computes the digest. Call it before the first
	// read.
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

// A remoteBlob is a blob in a registry, read as a layer.
type remoteBlob struct {
	label
	read *remoteLayer
}

var _ blob = (*remoteBlob)(nil)

// all is meant for documents, which are read when they are found; see remote.file.
func (b *remoteBlob) all(limit int64) ([]byte, error) {
	if err := b.within(limit); err != nil {
		return nil, err
	}
	return nil, errors.New(b.called + ": a layer, not a document")
}

func (b *remoteBlob) layer() layer.Reader { return b.read }

// A remoteLayer is a layer in a registry. It is scanned while it arrives. It is not fetched if
// the cache has its index or if it has a table of contents. To read a file, the layer's relevant
// parts are fetched if the table or cached checkpoints say which; both can verify them. Otherwise
// the whole layer is fetched again to an unlinked temporary file and verified against the
// manifest.
type remoteLayer struct {
	repo   layerSource
	d      registry.Descriptor
	shelf  *layer.Shelf
	keep   bool  // keep the scanned data, because content will be needed
	absent error // why the registry may lack the layer; nil if it should have it
	meter  *meter
	table  remoteTable

	// known is the cache used for the scan, which may have checkpoints of the layer. Nil before
	// the scan.
	known atomic.Pointer[layer.ScanOptions]

	// turn is a lock for the fields below: the holder has put an element into it. It is a channel
	// so that waiting can be cancelled.
	turn    chan struct{}
	spool   *layer.Spool
	content layer.Reader       // content of the spool; nil without a spool
	parts   layer.RemoteReader // reads by checkpoints; nil if not in use
	closed  bool
}

var (
	_ layer.Reader      = (*remoteLayer)(nil)
	_ layer.KnownReader = (*remoteLayer)(nil)
)

// An absentBlob is a layer that the registry does not have. The other layers can still be read.
type absentBlob struct{ error }

func (e *absentBlob) Unwrap() []error { return []error{fs.ErrNotExist, e.error} }

// Known looks up the layer in the cache by its digest in the manifest. It
// trusts the registry to store blobs under their digests, as every engine does.
func (l *remoteLayer) Known(o *layer.ScanOptions) (*layer.Scanned, bool) {
	s, ok := layer.CachedIndex(o.Digest, l.d.Size, *o)
	if ok {
		l.known.Store(o)
		l.meter.skip(l.d.Size)
	}
	return s, ok
}

// Scan fetches and verifies the layer unless the cache has it.
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

// scan scans raw to its end, because the digest is known only there. If the digest is wrong, that
// is the error, whatever else went wrong.
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

// kept makes contents readable from a spool that holds the whole verified layer.
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

// use is a reader of l; it requires l.turn.
func (l *remoteLayer) use(spool *layer.Spool) error {
	if l.closed || l.content != nil {
		return spool.Close()
	}
	l.spool = spool
	l.content = layer.Open(spool, l.d.Size, l.d.Digest.String(), l.shelf)
	return nil
}
