package source

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/registry"
)

// A contentAPI is containerd's content store, read by its API, as a bundle: blobs by digest and
// an index of the wanted image.
type contentAPI struct {
	blobs  contentBlobs
	opener *opener
	index  []byte
	shelf  *layer.Shelf

	mu    sync.Mutex
	files map[string]*contentBlob // requested files
}

var _ bundle = (*contentAPI)(nil)

func newContentAPI(o *opener, api *engine.Containerd, namespace string, index []byte) *contentAPI {
	return &contentAPI{
		blobs: contentBlobs{api, namespace}, opener: o, index: index,
		shelf: layer.NewShelf(), files: map[string]*contentBlob{},
	}
}

func (c *contentAPI) file(ctx context.Context, name string) (blob, error) {
	if name == ociIndexName {
		return newDocument(name, c.index), nil
	}
	of := digestNamed(name)
	if of == "" {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.files[name]; ok {
		return b, nil
	}
	size, err := c.blobs.api.BlobSize(ctx, c.blobs.namespace, of)
	if err != nil {
		return nil, fromContainerd(err)
	}
	d := registry.Descriptor{Digest: digest.Digest(of), Size: size}
	b := &contentBlob{
		label: label{name, size}, ctx: ctx,
		read: &remoteLayer{repo: c.blobs, d: d, shelf: c.shelf, keep: c.opener.KeepContent, meter: c.opener.meter, turn: make(chan struct{}, 1)},
	}
	c.files[name] = b
	return b, nil
}

func (c *contentAPI) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	errs := []error{c.shelf.Close()}
	for _, b := range c.files {
		errs = append(errs, b.read.close())
	}
	return errors.Join(errs...)
}

// A contentBlob is a blob read by containerd's API: a document or a layer.
type contentBlob struct {
	label
	ctx  context.Context //nolint:containedctx // of the opening, in which documents are read
	read *remoteLayer
}

var _ blob = (*contentBlob)(nil)

// all reads a document. The caller checks its digest.
func (b *contentBlob) all(limit int64) ([]byte, error) {
	if err := b.within(limit); err != nil {
		return nil, err
	}
	text := make([]byte, b.bytes)
	if err := b.read.repo.ReadRange(b.ctx, b.read.d, text, 0); err != nil {
		return nil, fromContainerd(err)
	}
	return text, nil
}

func (b *contentBlob) layer() layer.Reader { return b.read }

// fromContainerd wraps an error of containerd's API so that the code that chooses an image
// recognizes missing content.
func fromContainerd(err error) error {
	if errors.Is(err, engine.ErrNoBlob) {
		return &missingDocument{err}
	}
	return err
}

// contentBlobs are the blobs of a namespace as a layerSource.
type contentBlobs struct {
	api       *engine.Containerd
	namespace string
}

var _ layerSource = contentBlobs{}

// Blob streams a layer and checks its digest at the end.
func (c contentBlobs) Blob(ctx context.Context, d registry.Descriptor) summedBlob {
	return &contentStream{
		ReadCloser: c.api.Blob(ctx, c.namespace, d.Digest.String(), 0, d.Size),
		want:       d.Digest, sum: d.Digest.Algorithm().Hash(),
	}
}

// Part streams a part of a layer.
func (c contentBlobs) Part(ctx context.Context, d registry.Descriptor, from, to int64) io.ReadCloser {
	return c.api.Blob(ctx, c.namespace, d.Digest.String(), from, to)
}

// ReadRange reads a part of a layer.
func (c contentBlobs) ReadRange(ctx context.Context, d registry.Descriptor, p []byte, off int64) error {
	r := c.Part(ctx, d, off, off+int64(len(p)))
	_, err := io.ReadFull(r, p)
	return errors.Join(shorter(err), r.Close())
}

// A contentStream is a blob being read; it computes the digest on the way.
type contentStream struct {
	io.ReadCloser
	want digest.Digest
	sum  hash.Hash
	err  error
}

// SumBy sets the hash that computes the digest.
func (s *contentStream) SumBy(h hash.Hash) { s.sum = h }

// Read returns io.EOF only if the digest matches.
func (s *contentStream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.ReadCloser.Read(p)
	s.sum.Write(p[:n])
	switch {
	case err == io.EOF: //nolint:errorlint // io.Reader's contract is a bare EOF
		if got := digest.NewDigest(s.want.Algorithm(), s.sum); got != s.want {
			err = fmt.Errorf("containerd returned the wrong bytes for %s: their digest is %s", s.want, got)
		}
	case errors.Is(err, engine.ErrNoBlob):
		err = &goneBlob{err}
	}
	s.err = err
	return n, err
}

// A goneBlob is a layer that has disappeared.
type goneBlob struct{ error }

func (e *goneBlob) Unwrap() []error { return []error{registry.ErrNoBlob, e.error} }
