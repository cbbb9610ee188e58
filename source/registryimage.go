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

// remoteLayers is how many layers of a registry's image are read at once, at least:
// much of the time goes into waiting for the first byte of each.
const remoteLayers = 4

// openRegistry opens an image in a registry. No layer is read.
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
	im.parallel = remoteLayers
	im.Provenance = b.referred(ctx, im)
	return im, nil
}

// registries returns what asks registries, as the options say.
func (o *opener) registries() *registry.Client {
	r := registry.Options{Insecure: o.InsecureRegistries, Offline: o.Offline, Agent: o.Agent, Log: o.Log}
	if o.cache != nil {
		r.Store = texts{o.cache}
	}
	return registry.NewClient(r)
}

// fromRegistry is an error of a registry with what tells this package's callers and
// the choice among images what it is: that an image does not exist, or that
// something that is listed is not there.
func fromRegistry(err error) error {
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return &notFoundError{&missingDocument{err}}
	case errors.Is(err, registry.ErrNoBlob):
		return &missingDocument{err}
	}
	return err
}

// missingDocument is an error of something that is listed, and is not there.
type missingDocument struct{ error }

func (e *missingDocument) Unwrap() []error { return []error{fs.ErrNotExist, e.error} }

// elsewhere opens an image that a bare name may mean in a kind of source that asks
// other machines. sure says that nothing nearer may have it.
func (o *opener) elsewhere(ctx context.Context, k *kind, name string, sure bool) (*Image, error) {
	form := k.prefix + name
	switch {
	case looksLikePath(name) || !registry.IsName(name):
		return nil, absent("%s: not the name of an image in a registry", form)
	case !sure:
		return nil, fmt.Errorf("%s: not asked, for an engine may have the image and has not said so; write %s to ask anyway", k.place, form)
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

// lacking reports whether an error says that an image is not in a place, or that
// there is no such place.
func lacking(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoEngine) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// texts is the cache as a registry's client uses it.
type texts struct{ cache *cache }

// textKind is the kind of these files, with the version of their form.
const textKind = "peelTxt1"

func textName(key string) string { return layer.CacheName("text "+key) + ".text" }

func (t texts) Read(key string) ([]byte, bool) { return t.cache.Read(textName(key), textKind) }

func (t texts) Write(key string, text []byte) { t.cache.Write(textName(key), textKind, text) }

// A remote is an image in a registry as a bundle: as if it were a layout whose
// index.json lists it alone. What its documents name is in the bundle; nothing is
// fetched before it is asked for.
type remote struct {
	client *registry.Client
	found  *registry.Found
	opener *opener
	shelf  *layer.Shelf

	mu      sync.Mutex
	outside outsideTables

	named map[string]remoteFile // what documents have named, by name in a layout
	files map[string]blob       // those that were asked for
}

// A remoteFile is what a document says of another, or of a layer.
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
	if err == nil { // always
		r.files[ociIndexName] = newDocument(ociIndexName, index)
	}
	return r
}

// name notes that a document names a blob. What was said first holds.
func (r *remote) name(d ocispec.Descriptor, manifest bool) {
	name, err := blobName(d.Digest)
	if _, known := r.named[name]; err == nil && !known && d.Size >= 0 {
		r.named[name] = remoteFile{d, manifest}
	}
}

// learn notes all that a manifest or an index names.
func (r *remote) learn(text []byte) {
	m, err := parseManifest(text)
	if err != nil {
		return // the code that reads it reports the error
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

// A remoteDocument is a small blob that was read whole. It may be a layer all the
// same, of a media type that does not say so.
type remoteDocument struct {
	*documentBlob
	as   func() *remoteLayer
	read *remoteLayer // nil until it was asked for
}

func (b *remoteDocument) layer() layer.Reader {
	if b.read == nil {
		b.read = b.as()
	}
	return b.read
}

// layer is a blob that is taken for a layer.
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

// maxReferred bounds how many of those that refer to an image are looked into for
// its provenance; each is a request or two.
const maxReferred = 4

// referred is the image's provenance: what its index lists, else what refers to the
// image in the registry. It is nil if there is none, and if that cannot be found out:
// an image is the same without.
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
		// What a registry says of the type is a hint, and often wrong; what is surely
		// something else is left out.
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
