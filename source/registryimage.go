package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/registry"
)

// remoteLayers is the minimum number of layers of a registry's image that are read at once: much
// of the time is spent waiting for the first byte.
const remoteLayers = 4

// openRegistry opens an image in a registry. It reads no layer.
func openRegistry(ctx context.Context, o *opener, name string) (_ *Image, err error) {
	client := o.registries()
	found, err := client.Resolve(ctx, name)
	if err != nil {
		return nil, errors.Join(fromRegistry(err), client.Close())
	}
	b := newRemote(o, client, found)
	im, err := o.image(ctx, b, "", ociForm)
	if err != nil {
		if !strings.Contains(err.Error(), found.Name) {
			err = fmt.Errorf("%s: %w", found.Name, err)
		}
		return nil, errors.Join(err, b.close())
	}
	im.Source = "registry://" + name
	im.Pinned = "registry://" + found.Pinned()
	im.parallel = remoteLayers
	im.Provenance = b.referred(ctx, im)
	return im, nil
}

// registries returns a registry client configured by the options.
func (o *opener) registries() *registry.Client {
	if o.Registries != nil {
		return o.Registries.client
	}
	r := registry.Options{Insecure: o.InsecureRegistries, Offline: o.Offline, Agent: o.Agent, Log: o.Log}
	if o.cache != nil {
		r.Store = texts{o.cache}
	}
	return registry.NewClient(r)
}

// fromRegistry translates a registry's error for this package's callers and for the choice among
// images: the image does not exist, or a listed document is missing.
func fromRegistry(err error) error {
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return &notFoundError{&missingDocument{err}}
	case errors.Is(err, registry.ErrNoBlob):
		return &missingDocument{err}
	}
	return err
}

// missingDocument is the error for a listed document that is missing.
type missingDocument struct{ error }

func (e *missingDocument) Unwrap() []error { return []error{fs.ErrNotExist, e.error} }

// elsewhere opens the image of a bare name from a kind of source on another machine. sure says
// that no nearer source can have it.
func (o *opener) elsewhere(ctx context.Context, k *kind, name string, sure bool) (*Image, error) {
	form := k.prefix + name
	switch {
	case looksLikePath(name) || !registry.IsName(name):
		return nil, absent("%s: not the name of an image in a registry", form)
	case !sure:
		return nil, fmt.Errorf("%s: not asked, because an engine that did not answer may have the image; write %s to ask anyway", k.place, form)
	}
	names, err := o.registries().Names(name)
	if err != nil {
		return nil, err
	}
	if o.Asking != nil && !o.Offline {
		o.Asking(strings.Join(names, ", "))
	}
	if o.meter != nil {
		o.meter.what(form)
	}
	return k.open(ctx, o, name)
}

// lacking reports whether an error says that a place does not have the image, or does not exist.
func lacking(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoEngine) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// texts lets a registry's client use the cache.
type texts struct{ cache *cache }

// textKind is the kind of these cache files, including the format's version.
const textKind = "peelTxt1"

func textName(key string) string { return layer.CacheName("text "+key) + ".text" }

func (t texts) Read(key string) ([]byte, bool) { return t.cache.Read(textName(key), textKind) }

func (t texts) Write(key string, text []byte) { t.cache.Write(textName(key), textKind, text) }

// A remote is an image in a registry as a bundle. It looks like a layout whose
// index.json lists only this image. It contains the files that its documents
// name, and fetches them on demand.
type remote struct {
	client *registry.Client
	found  *registry.Found
	opener *opener
	shelf  *layer.Shelf

	mu      sync.Mutex
	outside outsideTables

	named map[string]remoteFile // files named in documents, by their path in a layout
	files map[string]blob       // requested files
}

// A remoteFile is the description of a document or a layer in another document.
type remoteFile struct {
	ocispec.Descriptor
	manifest bool
}

var _ bundle = (*remote)(nil)

func newRemote(o *opener, client *registry.Client, found *registry.Found) *remote {
	r := &remote{client: client, found: found, opener: o, shelf: layer.NewShelf(), named: map[string]remoteFile{}, files: map[string]blob{}}
	top := ocispec.Descriptor{
		Digest: found.Digest, Size: found.Size, MediaType: found.MediaType,
		Annotations: map[string]string{refNameAnnotation: shortName(found.Name)},
	}
	r.name(top, true)
	index, err := json.Marshal(ocispec.Index{Manifests: []ocispec.Descriptor{top}})
	if err == nil { // always true
		r.files[ociIndexName] = newDocument(ociIndexName, index)
	}
	return r
}

// name records that a document names a blob. The first description counts.
func (r *remote) name(d ocispec.Descriptor, manifest bool) {
	name, err := blobName(d.Digest)
	if _, known := r.named[name]; err == nil && !known && d.Size >= 0 {
		r.named[name] = remoteFile{d, manifest}
	}
}

// learn records all blobs that a manifest or an index names.
func (r *remote) learn(text []byte) {
	m, err := parseManifest(text)
	if err != nil {
		return // its reader reports the error
	}
	for _, d := range m.Manifests {
		r.name(d, true)
	}
	r.name(m.Config, false)
	for _, d := range m.Layers {
		r.name(d, false)
	}
}

func (r *remote) file(ctx context.Context, name string) (blob, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := r.files[name]; ok {
		return b, nil
	}
	f, ok := r.named[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	d := registry.Descriptor{Digest: f.Digest, MediaType: f.MediaType, Size: f.Size}
	if t := f.MediaType; !f.manifest && (isLayerType(t) || slices.Contains(plainTypes, bareType(t)) && f.Size > maxDocument) {
		b := r.layer(d, f.Descriptor)
		r.files[name] = b
		return b, nil
	}
	var text []byte
	var err error
	if f.manifest {
		text, err = r.found.Manifest(ctx, d)
	} else {
		text, err = r.found.Document(ctx, d)
	}
	if err != nil {
		return nil, fromRegistry(err)
	}
	if f.manifest {
		r.learn(text)
	}
	b := &remoteDocument{documentBlob: newDocument(name, text), as: func() *remoteLayer { return r.layer(d, f.Descriptor).read }}
	r.files[name] = b
	return b, nil
}

// A remoteDocument is a small blob that was read whole. It may still be a layer with an unrelated
// media type.
type remoteDocument struct {
	*documentBlob
	as   func() *remoteLayer
	read *remoteLayer // nil until requested
}

func (b *remoteDocument) layer() layer.Reader {
	if b.read == nil {
		b.read = b.as()
	}
	return b.read
}

// layer returns the blob as a layer.
func (r *remote) layer(d registry.Descriptor, of ocispec.Descriptor) *remoteBlob {
	l := &remoteLayer{repo: registrySource{r.found.Repository}, d: d, shelf: r.shelf, keep: r.opener.KeepContent, meter: r.opener.meter, turn: make(chan struct{}, 1)}
	ref, err := layer.FindTable(of.Annotations, d.Size)
	if err != nil {
		r.opener.Log.Debug("a layer is read instead of its table of contents", "layer", d.Digest, "reason", err)
	}
	l.table.ref = ref
	if ref != nil {
		ref.Outside = func(ctx context.Context) ([]byte, error) {
			return r.outside.of(ctx, r.found.Repository, d.Digest)
		}
	}
	if r.opener.cache != nil {
		l.table.cache = texts{r.opener.cache}
	}
	if foreign(of) {
		l.absent = errForeign(of)
	}
	return &remoteBlob{label{d.Digest.String(), d.Size}, l}
}

func (r *remote) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := []error{r.shelf.Close(), r.client.Close()}
	for _, f := range r.files {
		switch b := f.(type) {
		case *remoteBlob:
			errs = append(errs, b.read.close())
		case *remoteDocument:
			if b.read != nil {
				errs = append(errs, b.read.close())
			}
		}
	}
	return errors.Join(errs...)
}

// maxReferred is the maximum number of referrers of an image that are inspected for provenance;
// each takes one or two requests.
const maxReferred = 4

// referred returns the image's provenance: from the index, else from its referrers in the
// registry. It is nil if the image has none or the requests fail: an image is complete without.
func (r *remote) referred(ctx context.Context, im *Image) *Provenance {
	if im.Provenance != nil || im.Digest == "" {
		return im.Provenance
	}
	refs, err := r.found.Referrers(ctx, digest.Digest(im.Digest))
	if err != nil {
		r.opener.Log.Debug("who refers to the image is not known", "error", err)
		return nil
	}
	var attestations []ocispec.Descriptor
	for _, ref := range refs {
		// A registry's type is only a hint, and often wrong. Skip what is certainly something
		// else.
		kind := bareType(cmp.Or(ref.ArtifactType, ref.MediaType))
		if what := (&manifest{}).knownKind(kind); what != "" && what != "an attestation" || len(attestations) == maxReferred {
			continue
		}
		d := ocispec.Descriptor{Digest: ref.Digest, MediaType: ref.MediaType, Size: ref.Size}
		r.mu.Lock()
		r.name(d, true)
		r.mu.Unlock()
		attestations = append(attestations, d)
	}
	return provenanceOf(ctx, r, im, attestations)
}
