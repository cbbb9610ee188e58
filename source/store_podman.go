package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
)

// podmanKind is podman. Its store can be read without a service, as the podman command does.
func podmanKind() *engineKind {
	return &engineKind{
		name: "podman", connect: engine.Podman,
		store: func(ctx context.Context, o *opener, _ engine.Engine, ref string, info engine.Image) (*Image, error) {
			return o.podmanImage(ctx, info.ID, ref)
		},
		details:   podmanDetails,
		openAlone: openPodmanStore, listAlone: listPodmanStore,
		diffIDsAlone: podmanDiffIDs, relativesAlone: podmanRelatives,
		containerAlone: findPodmanContainer, containersAlone: listPodmanContainers,
	}
}

// openPodmanStore opens an image from podman's store; reason is why no service
// answers. It fails if the environment names a service, whose store may be on
// another machine.
func openPodmanStore(ctx context.Context, o *opener, ref string, reason error) (*Image, error) {
	if engine.PodmanNamed() || o.Via == ViaAPI {
		return nil, reason
	}
	im, err := o.scanStore(ctx, "podman://"+ref, func() (*Image, error) { return o.podmanImage(ctx, "", ref) })
	if err == nil {
		return im, nil
	}
	o.Log.Debug("the engine's store is not used", "engine", "podman", "image", ref, "reason", err)
	if errors.Is(err, errNotStored) && errors.Is(reason, ErrNoEngine) { // no service runs, and none is needed
		return nil, fmt.Errorf("podman: %w", err)
	}
	if o.Via == ViaStore || errors.Is(err, errNotStored) {
		return nil, fmt.Errorf("podman: %w; %w", err, reason)
	}
	return nil, reason
}

// errNotStored says that podman's store is readable but does not have the image.
var errNotStored = fmt.Errorf("%w in podman's store", ErrNotFound)

// podmanImage opens an image in podman's store. id is the image's ID, "" if no service reported
// it.
func (o *opener) podmanImage(ctx context.Context, id, ref string) (*Image, error) {
	dir, err := engine.PodmanStore()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &storeImage{root: root, log: o.Log}
	im, err := s.podman(ctx, id, ref, o.Platform)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	im.bundle = s
	if id != "" && o.Via != ViaStore {
		s.viaAPI = podmanKind().reopenByAPI(o, id)
	}
	return im, nil
}

// storedImage is a row of overlay-images/images.json, storedLayer a row of
// overlay-layers/layers.json. Source: github.com/containers/storage, images.go
// and layers.go; the names have not changed since its first release.
type storedImage struct {
	ID    string   `json:"id"`
	Names rowNames `json:"names"`
	Layer string   `json:"layer"` // topmost layer; "" if the image has none
}

// rowNames are the names of one image, at most maxRowNames.
type rowNames []string

// UnmarshalJSON reads a list of names, or null.
func (n *rowNames) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	return eachElement(bytes.NewReader(b), maxRowNames, func(name *string) error {
		*n = append(*n, *name)
		return nil
	})
}

type storedLayer struct {
	ID       string `json:"id"`
	Parent   string `json:"parent"`
	DiffID   string `json:"diff-digest"`
	DiffSize int64  `json:"diff-size"` // of the uncompressed tar, in bytes
}

func (s *storeImage) podman(ctx context.Context, id, ref, wanted string) (*Image, error) {
	search := newStoredSearch(strings.TrimPrefix(id, "sha256:"), ref)
	if err := eachStored(ctx, s.root, podmanImages, search.add); err != nil {
		return nil, err
	}
	found, name, err := search.found()
	if err != nil {
		return nil, err
	}
	id = "sha256:" + found.ID
	if digestHex(id) == "" {
		return nil, fmt.Errorf("an image with the ID %q", found.ID)
	}
	text, err := storedConfig(s.root, id, podmanConfig(id))
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", podmanConfig(id), err)
	}
	want, err := wantedPlatform(wanted)
	if err != nil {
		return nil, err
	}
	if want.known() && config.platform().fit(want) == 0 {
		return nil, absent("podman's store has it for %s, not for %s", config.platform(), want)
	}
	layers, err := s.podmanLayers(ctx, found.Layer, config.RootFS.DiffIDs)
	if err != nil {
		return nil, err
	}
	im, err := describeStored(id, text, layers)
	if err != nil {
		return nil, err
	}
	if im.Name = name; name == "" {
		im.Name = ref
	}
	return im, nil
}

// The lists in podman's store.
const (
	podmanImages = "overlay-images/images.json"
	podmanLayers = "overlay-layers/layers.json"
)

// layersByID reads podman's list of layers.
func layersByID(ctx context.Context, root *os.Root) (map[string]storedLayer, error) {
	byID := map[string]storedLayer{}
	err := eachStored(ctx, root, podmanLayers, func(l *storedLayer) { byID[l.ID] = *l })
	return byID, err
}

// podmanLayers finds the layers from the top down. It takes as many steps as the config has
// diffIDs, even if the parents form a cycle.
func (s *storeImage) podmanLayers(ctx context.Context, top string, diffIDs []string) ([]*storeFiles, error) {
	if err := checkLayers(len(diffIDs)); err != nil {
		return nil, err
	}
	byID, err := layersByID(ctx, s.root)
	if err != nil {
		return nil, err
	}
	layers := make([]*storeFiles, len(diffIDs))
	for i, diffID := range slices.Backward(diffIDs) {
		l, ok := byID[top]
		switch {
		case !ok:
			return nil, fmt.Errorf("layer %d, %q, is not in the store's list", i, top)
		case !plainName.MatchString(l.ID):
			return nil, fmt.Errorf("a layer with the ID %q", l.ID)
		case l.DiffID != diffID || digestHex(diffID) == "":
			return nil, fmt.Errorf("layer %d is %q in the store, %q in the config", i, l.DiffID, diffID)
		case l.DiffSize <= 0:
			return nil, fmt.Errorf("layer %d is of unknown size", i)
		}
		files, err := s.layer("overlay-layers/"+l.ID+".tar-split.gz", "overlay/"+l.ID+"/diff", l.DiffSize)
		if err != nil {
			return nil, err
		}
		layers[i], top = files, l.Parent
	}
	if top != "" {
		return nil, fmt.Errorf("the store has more layers below than the %d that the config names", len(diffIDs))
	}
	return layers, nil
}

// A storedSearch finds the podman image with an ID (in hex) or, if that is "", the image that ref
// names: a reference, or an ID, in full or its first digits.
type storedSearch struct {
	id, ref string
	digits  string         // first digits of an ID; "" if ref can't be an ID
	wanted  []string       // names, likeliest first
	named   []*storedImage // first image with each of the names
	byID    *storedImage   // first image with the ID or its first digits
	matches int            // number of images with those digits
}

func newStoredSearch(id, ref string) *storedSearch {
	s := &storedSearch{id: id, ref: ref, wanted: storedNames(ref)}
	s.named = make([]*storedImage, len(s.wanted))
	hex := strings.TrimPrefix(ref, "sha256:")
	if len(hex) >= 3 && strings.Trim(hex, "0123456789abcdef") == "" {
		s.digits = hex
	}
	return s
}

func (s *storedSearch) add(im *storedImage) {
	if s.id == "" || im.ID == s.id {
		for i, name := range s.wanted {
			if s.named[i] == nil && slices.Contains(im.Names, name) {
				s.named[i] = im
			}
		}
	}
	if im.ID == s.id || s.id == "" && s.digits != "" && strings.HasPrefix(im.ID, s.digits) {
		if s.matches++; s.matches == 1 {
			s.byID = im
		}
	}
}

// found returns the image and, if ref is a reference, its full name.
func (s *storedSearch) found() (im *storedImage, name string, err error) {
	for i, im := range s.named {
		if im != nil {
			return im, s.wanted[i], nil
		}
	}
	switch {
	case s.matches == 1:
		return s.byID, "", nil
	case s.matches > 1:
		return nil, "", fmt.Errorf("%q are the first digits of %d images", s.ref, s.matches)
	}
	return nil, "", fmt.Errorf("%s: %w", s.ref, errNotStored)
}

// storedNames returns the full names that ref may stand for, likeliest first, in podman's order.
func storedNames(ref string) []string {
	if strings.Contains(ref, "@") {
		return nil
	}
	if at := strings.LastIndexByte(ref, ':'); at <= strings.LastIndexByte(ref, '/') {
		ref += ":latest"
	}
	names := []string{ref, "localhost/" + ref, "docker.io/" + ref}
	if !strings.Contains(ref, "/") {
		names = append(names, "docker.io/library/"+ref)
	}
	return names
}
