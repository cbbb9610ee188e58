package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source/engine"
)

const containerdPrefix = "containerd"

// A containerdPlace is one containerd: the source of its image names and the place of its blobs.
type containerdPlace struct {
	what  string // its socket or folder, for messages
	names containerdNames
	api   *engine.Containerd // nil if its API is not used
	roots engine.ContainerdRoots
}

// containerdNames lists the images of a containerd.
type containerdNames interface {
	// Namespaces lists the namespaces, in no particular order.
	Namespaces(ctx context.Context) ([]string, error)

	// Images lists the images of a namespace, in no particular order.
	Images(ctx context.Context, namespace string) ([]engine.ContainerdImage, error)
}

func (p *containerdPlace) close() error {
	if p.api == nil {
		return nil
	}
	return p.api.Close()
}

// containerdPlaces returns every containerd that responds, in the order in which they are asked.
// If none does, it returns those whose folders can be read. The error covers those that do not
// respond; it may come along with places.
func containerdPlaces(ctx context.Context, o *Options) ([]*containerdPlace, error) {
	answering, err := engine.Containerds(ctx, o.Log)
	var out []*containerdPlace
	for _, c := range answering {
		p := &containerdPlace{what: c.Socket.Path, names: c, api: c}
		if o.Via != ViaAPI {
			var rootsErr error
			if p.roots, rootsErr = c.Roots(ctx); rootsErr != nil {
				o.Log.Debug("containerd does not say where its files are", "at", p.what, "error", rootsErr)
			}
		}
		if o.Via == ViaStore {
			db, err := engine.ReadContainerdDB(ctx, p.roots.Metadata)
			if err != nil {
				return out, errors.Join(fmt.Errorf("containerd (%s): reading its own folders: %w", p.what, err), p.close())
			}
			p.names = db
		}
		out = append(out, p)
	}
	if len(out) > 0 || o.Via == ViaAPI || engine.ContainerdChosen() != "" || ctx.Err() != nil {
		return out, err
	}
	if out = storedContainerds(ctx, o); len(out) > 0 {
		err = nil // the folders say as much
	}
	return out, err
}

// storedContainerds are those with readable folders in the usual places.
func storedContainerds(ctx context.Context, o *Options) []*containerdPlace {
	var out []*containerdPlace
	for _, roots := range engine.ContainerdFolders() {
		db, err := engine.ReadContainerdDB(ctx, roots.Metadata)
		if err != nil {
			o.Log.Debug("no containerd's folder is read", "at", roots.Content, "reason", err)
			continue
		}
		out = append(out, &containerdPlace{what: filepath.Dir(roots.Content), names: db, roots: roots})
	}
	return out
}

// openContainerd opens the image that rest, "[NAMESPACE/]NAME", names in the first containerd
// that has it.
func openContainerd(ctx context.Context, o *opener, rest string) (_ *Image, err error) {
	places, failed := containerdPlaces(ctx, &o.Options)
	defer func() {
		for _, p := range places {
			err = errors.Join(err, p.close())
		}
	}()
	if len(places) == 0 {
		return nil, failed
	}
	all, err := containerdNamed(ctx, places)
	if err != nil {
		return nil, err
	}
	found, err := all.find(rest)
	switch {
	case err != nil && failed != nil && errors.Is(err, ErrNotFound):
		// Another containerd may have it, so this is not a proof of absence.
		return nil, fmt.Errorf("%w; %w", failed, errors.New(err.Error()))
	case err != nil:
		return nil, err
	}
	var first error
	for _, f := range found {
		im, byAPI, err := f.open(ctx, o)
		if err == nil {
			if byAPI {
				im.bundle = &connectedBundle{im.bundle, f.place.api}
				places = slices.DeleteFunc(places, func(p *containerdPlace) bool { return p == f.place }) // the image closes it
			}
			im.Source = "containerd://" + rest
			im.Name = cmp.Or(im.Name, rest)
			return im, nil
		}
		first = cmp.Or(first, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// containerdDiffIDs returns the diffIDs of the image that rest names.
func containerdDiffIDs(ctx context.Context, im *Image, rest string) ([]string, error) {
	return im.openedDiffIDs(ctx, openContainerd, "containerd://"+rest, rest)
}

// A containerdFound is an image and its place.
type containerdFound struct {
	engine.ContainerdImage
	place *containerdPlace
}

// ref returns a reference that opens exactly this image of the same containerd.
func (f *containerdFound) ref() string { return "containerd://" + f.Namespace + "/" + f.Name }

// index is an index that lists only this image.
func (f *containerdFound) index() ([]byte, error) {
	d := ocispec.Descriptor{Digest: digest.Digest(f.Digest), MediaType: f.MediaType, Size: f.Size}
	if err := d.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%s: its digest is %q", f.ref(), f.Digest)
	}
	if !strings.HasPrefix(f.Name, "sha256:") {
		d.Annotations = map[string]string{imageNameAnnotation: f.Name}
	}
	return json.Marshal(ocispec.Index{Manifests: []ocispec.Descriptor{d}})
}

// open opens the image from containerd's folders if they can be read, else by its API, over a
// connection that then stays open. It reads discarded layers from snapshots.
func (f *containerdFound) open(ctx context.Context, o *opener) (_ *Image, byAPI bool, err error) {
	im, byAPI, err := f.fromContent(ctx, o)
	if err != nil {
		return nil, false, err
	}
	if err := f.fromSnapshots(ctx, o, im); err != nil {
		return nil, false, errors.Join(err, im.bundle.close())
	}
	return im, byAPI, nil
}

// fromContent opens the image from the content store.
func (f *containerdFound) fromContent(ctx context.Context, o *opener) (_ *Image, byAPI bool, err error) {
	if o.Via == ViaAPI {
		im, err := f.byAPI(ctx, o)
		return im, true, err
	}
	im, err := f.fromFolders(ctx, o)
	switch {
	case err == nil:
		o.Log.Debug("reading containerd's own folders", "image", f.ref(), "folder", f.place.roots.Content)
		return im, false, nil
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case o.Via == ViaStore || f.place.api == nil:
		return nil, false, fmt.Errorf("%s: reading containerd's own folders: %w", f.ref(), err)
	}
	o.Log.Debug("containerd's own folders are not used", "image", f.ref(), "reason", err)
	im, err = f.byAPI(ctx, o)
	return im, true, err
}

// fromFolders opens the image in containerd's content store.
func (f *containerdFound) fromFolders(ctx context.Context, o *opener) (*Image, error) {
	if f.place.roots.Content == "" {
		return nil, errors.New("containerd does not say where they are")
	}
	index, err := f.index()
	if err != nil {
		return nil, err
	}
	folder, err := openFolder(f.place.roots.Content)
	if err != nil {
		return nil, err
	}
	return f.image(ctx, o, &contentStore{folder, index})
}

// byAPI opens the image by containerd's API.
func (f *containerdFound) byAPI(ctx context.Context, o *opener) (*Image, error) {
	if f.place.api == nil {
		return nil, fmt.Errorf("%s: containerd's API is not available", f.ref())
	}
	index, err := f.index()
	if err != nil {
		return nil, err
	}
	return f.image(ctx, o, newContentAPI(o, f.place.api, f.Namespace, index))
}

// image opens the image in a bundle that holds only that image. It closes the bundle on failure.
func (f *containerdFound) image(ctx context.Context, o *opener, b bundle) (*Image, error) {
	im, err := f.described(ctx, o, b)
	switch {
	case err == nil:
		return im, nil
	case errors.Is(err, fs.ErrNotExist):
		// The image itself exists, so don't look elsewhere.
		err = fmt.Errorf("the image's manifest or config is no longer in containerd's content store (%v); pull it again", err) //nolint:errorlint // on purpose
	}
	return nil, fmt.Errorf("%s: %w", f.ref(), errors.Join(err, b.close()))
}

// described opens the image if its top document exists. Without it, nothing says what else is
// missing.
func (f *containerdFound) described(ctx context.Context, o *opener, b bundle) (*Image, error) {
	name, err := blobName(digest.Digest(f.Digest))
	if err == nil {
		_, err = b.file(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	return o.image(ctx, b, "", ociForm)
}

// A connectedBundle is the blobs of an image and the connection that serves them.
type connectedBundle struct {
	bundle
	api *engine.Containerd
}

func (b *connectedBundle) close() error { return errors.Join(b.bundle.close(), b.api.Close()) }

// containerd lists the images of every containerd that responds.
func (l *lister) containerd(ctx context.Context) ([]LocalImage, error) {
	places, failed := containerdPlaces(ctx, &l.Options)
	defer func() {
		for _, p := range places {
			_ = p.close() // nothing was written
		}
	}()
	if len(places) == 0 {
		return nil, failed
	}
	all, err := containerdNamed(ctx, places)
	if err != nil {
		return nil, errors.Join(err, failed)
	}
	if len(all.images) > engine.MaxListed {
		all.images = all.images[:engine.MaxListed]
		failed = errors.Join(failed, fmt.Errorf("containerd: only the first %d of its images are listed", engine.MaxListed))
	}
	var out []LocalImage
	var of []*containerdFound // all names of each
	for _, f := range all.listed() {
		im := LocalImage{Engine: containerdPrefix, Within: f.Namespace, Ref: f.ref(), Name: shortName(f.Name), ID: f.Digest, Size: -1, Layers: -1, Created: f.Created}
		if digestHex(f.Name) != "" || strings.Contains(f.Name, "@") {
			im.Name = ""
		}
		out, of = append(out, im), append(of, f)
	}
	l.containerdContents(ctx, out, of)
	return out, failed
}

// maxDetailsAsked is the maximum number of images that a list inspects by an API. Each takes
// requests for its index, manifest, config and every layer.
const maxDetailsAsked = 500

// containerdContents adds details from manifests and configs to a list of images.
func (l *lister) containerdContents(ctx context.Context, images []LocalImage, of []*containerdFound) {
	type content struct {
		place  *containerdPlace
		digest string
	}
	known := map[content]LocalImage{}
	asked := 0
	for i := range images {
		im, f := &images[i], of[i]
		key := content{f.place, f.Digest}
		if same, ok := known[key]; ok {
			im.Layers, im.Platform, im.Created, im.Size = same.Layers, same.Platform, same.Created, same.Size
			continue
		}
		if ctx.Err() != nil || len(known) == maxDetailsOpened {
			return
		}
		o := &opener{Options: Options{Platform: l.Platform, Log: l.Log}, ref: f.ref()}
		opened, err := f.fromFolders(ctx, o)
		if err != nil && f.place.api != nil && asked < maxDetailsAsked {
			asked++
			opened, err = f.byAPI(ctx, o)
		}
		if err != nil {
			l.Log.Debug("an image's manifest is not read", "image", clean.Line(f.ref()), "error", err)
		} else {
			im.opened(opened)
			im.Size = storedBytes(opened)
			_ = opened.Close() // nothing was written; the connection stays open
		}
		known[key] = *im
	}
}

// storedBytes adds up the stored sizes of an image's layers; -1 if one is unknown.
func storedBytes(im *Image) (sum int64) {
	for _, l := range im.Layers {
		switch {
		case l.size > 0:
			sum += l.size
		case l.CompressedBytes > 0:
			sum += l.CompressedBytes
		default:
			return -1
		}
	}
	return sum
}
