package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/objects"
	"github.com/peelhq/peel/source/registry"
)

// Registries ask registries for many images: connections and tokens are used again, and
// each registry is asked no more often than it should be. Safe for concurrent use.
type Registries struct{ client *registry.Client }

// NewRegistries returns what asks registries as opts say, and each of them at most rate
// times a second on average; 0 sets no bound. Close it at the end.
func NewRegistries(opts Options, rate float64) *Registries {
	return &Registries{registry.NewClient(registry.Options{
		Insecure: opts.InsecureRegistries, Offline: opts.Offline, Agent: opts.Agent, Log: opts.Log, Rate: rate, Keep: true,
	})}
}

// Close lets go of connections.
func (r *Registries) Close() error { return r.client.End() }

// Catalog calls fn with the names of a registry's repositories, "HOST/REPO", some at a
// time, as the registry orders them. An error of fn ends it and is returned. more says
// that there are more than peel lists.
func (r *Registries) Catalog(ctx context.Context, host string, fn func(repos []string) error) (more bool, err error) {
	more, err = r.client.Catalog(ctx, host, fn)
	return more, fromRegistry(err)
}

// Tags lists the tags of a repository, "HOST/REPO", as the registry orders them. more
// says that there are more than peel lists.
func (r *Registries) Tags(ctx context.Context, repo string) (tags []string, more bool, err error) {
	tags, more, err = r.client.Tags(ctx, repo)
	return tags, more, fromRegistry(err)
}

// RegistryLayer opens one layer in a registry, without the manifest of an image that has
// it: an image of that layer alone. ref is that of an image, "registry://HOST/REPO@DIGEST",
// of which the repository counts. Of l, its digests, its media type and size bytes are
// used.
func RegistryLayer(ctx context.Context, ref string, l *Layer, size int64, opts Options) (*Image, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	d := digest.Digest(l.Digest)
	if err := d.Validate(); err != nil || size < 0 {
		return nil, fmt.Errorf("malformed digest %q, or size %d", l.Digest, size)
	}
	return openFrom(ctx, ref, opts, func(_ context.Context, o *opener) (*Image, error) {
		client := o.registries()
		repo, err := client.Repository(strings.TrimPrefix(ref, "registry://"))
		if err != nil {
			return nil, errors.Join(fromRegistry(err), client.Close())
		}
		b := newRemote(o, client, &registry.Found{Repository: repo})
		one := &Layer{DiffID: l.DiffID, Digest: l.Digest, MediaType: l.MediaType, CompressedBytes: -1}
		of := ocispec.Descriptor{Digest: d, Size: size, MediaType: l.MediaType}
		if err := one.from(b.layer(registry.Descriptor{Digest: d, Size: size, MediaType: l.MediaType}, of), nil); err != nil {
			return nil, errors.Join(err, b.close())
		}
		im := &Image{Source: ref, Layers: []*Layer{one}}
		im.origin = origin{bundle: b, scan: o.scanOptions(), meter: o.meter, log: o.Log, cache: o.cache, opened: o.Options, parallel: 1}
		return im, nil
	})
}

// A Failure is why something of a registry or a layer cannot be read, as far as that
// tells what to do about it.
type Failure uint8

// The failures.
const (
	Passing     Failure = iota // another try may go well: no answer, too many requests
	Denied                     // credentials, trust or settings are wrong
	Absent                     // it is not there
	Unsupported                // peel does not read that form
	Damaged                    // it is not what it should be
)

// FailureOf says what an error of opening an image, or of reading a layer, is.
func FailureOf(err error) Failure {
	var own *registry.Error
	var object *objects.RequestError
	var unsupported layer.UnsupportedError
	var absent *absentBlob
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Passing
	case errors.As(err, &unsupported):
		return Unsupported
	case errors.Is(err, registry.ErrWrongBytes):
		return Damaged
	case errors.Is(err, objects.ErrRefused), errors.Is(err, registry.ErrUnauthorized), errors.Is(err, registry.ErrUntrusted), errors.Is(err, registry.ErrBlocked), errors.Is(err, registry.ErrRefused):
		return Denied
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, registry.ErrNoBlob), errors.Is(err, ErrNotFound), errors.As(err, &absent):
		return Absent
	case errors.As(err, &own), errors.As(err, &object):
		return Passing
	}
	return Damaged
}

// ScanLayer is Scan for one layer alone. Its entries alone count against
// Options.EntryMemory. The error is the layer's, and does not say which that is.
func (im *Image) ScanLayer(ctx context.Context, i int) error {
	l := im.Layers[i]
	if l.Err != nil || l.Entries != nil {
		return nil //nolint:nilerr // it was read before, and Layer.Err says how that went
	}
	s := scan{im: im}
	o := s.options([]*Layer{l})
	o.Budget = layer.NewBudget(cmp.Or(im.opened.EntryMemory, maxIndex))
	found, failed := l.reader.Scan(ctx, o)
	err := l.take(found, failed)
	switch {
	case err == nil: // or it is why the layer cannot be read, and kept
		return nil
	case failed != nil:
		return failed
	}
	return cmp.Or(errors.Unwrap(err), err)
}

// Archives lists the images in the archives and layouts of a folder, however long that
// takes: of each, whether it can be told or not, what Open takes. There may be some beside
// an error, which says what could not be looked at.
func Archives(ctx context.Context, dir string, opts Options) ([]LocalImage, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	l := &lister{Options: opts, dir: dir}
	names, left, err := archivesIn(dir, maxFolderEntries)
	if err != nil {
		return nil, err
	}
	var out []LocalImage
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out = append(out, l.inside(ctx, dir, name)...)
	}
	if left != "" {
		return out, errors.New(left)
	}
	return out, nil
}
