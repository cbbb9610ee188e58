package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
)

// openPodman reads an image of podman: by its service if that answers, and also
// without one from the store, which the podman command itself uses.
func openPodman(ctx context.Context, o *opener, ref string) (*Image, error) {
	e, err := engine.Podman(ctx, o.Log)
	if err == nil {
		return o.fromEngine(ctx, engine.Podman, e, ref)
	}
	if engine.PodmanNamed() || ctx.Err() != nil || o.Via == ViaAPI {
		return nil, err
	}
	im, storeErr := o.scanStore(ctx, "podman://"+ref, func() (*Image, error) { return o.podmanImage("", ref) })
	if storeErr == nil {
		return im, nil
	}
	o.Log.Debug("the engine's store is not used", "engine", "podman", "image", ref, "reason", storeErr)
	if o.Via == ViaStore || errors.Is(storeErr, errNotStored) {
		return nil, fmt.Errorf("podman: %w; %w", storeErr, err)
	}
	return nil, err
}

// errNotStored says that podman's store can be read and has no such image.
var errNotStored = fmt.Errorf("%w in podman's store", ErrNotFound)

// podmanImage opens an image in podman's store. id is the image's, "" if no
// service has told it.
func (o *opener) podmanImage(id, ref string) (*Image, error) {
	dir, err := engine.PodmanStore()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &storeImage{root: root, log: o.Log}
	im, err := s.podman(id, ref, o.Platform)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	im.bundle = s
	if id != "" && o.Via != ViaStore {
		s.viaAPI = newReopener("the engine's API", o.Log, o.reopenByAPI(engine.Podman, id))
	}
	return im, nil
}

// storedImage is a line of overlay-images/images.json, storedLayer one of
// overlay-layers/layers.json. Source: github.com/containers/storage, images.go
// and layers.go; the names have not changed since its first release.
type storedImage struct {
	ID    string   `json:"id"`
	Names []string `json:"names"`
	Layer string   `json:"layer"` // the topmost; "" if the image has none
}

type storedLayer struct {
	ID       string `json:"id"`
	Parent   string `json:"parent"`
	DiffID   string `json:"diff-digest"`
	DiffSize int64  `json:"diff-size"` // of the uncompressed tar, in bytes
}

func (s *storeImage) podman(id, ref, wanted string) (*Image, error) {
	var images []storedImage
	if err := s.list("overlay-images/images.json", &images); err != nil {
		return nil, err
	}
	found, name, err := findStored(images, strings.TrimPrefix(id, "sha256:"), ref)
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
		return nil, err
	}
	want, err := wantedPlatform(wanted)
	if err != nil {
		return nil, err
	}
	if want.known() && config.platform().fit(want) == 0 {
		return nil, absent("podman's store has it for %s, not for %s", config.platform(), want)
	}
	layers, err := s.podmanLayers(found.Layer, config.RootFS.DiffIDs)
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

// podmanLayers finds the layers from the topmost down.
func (s *storeImage) podmanLayers(top string, diffIDs []string) ([]*storeFiles, error) {
	var listed []storedLayer
	if err := s.list("overlay-layers/layers.json", &listed); err != nil {
		return nil, err
	}
	byID := map[string]*storedLayer{}
	for i := range listed {
		byID[listed[i].ID] = &listed[i]
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

func (s *storeImage) list(name string, to any) error {
	text, err := readStored(s.root, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// findStored finds the image with an ID (in hex) or, if that is "", the one that
// ref names: a reference, or an ID, in full or its first digits. name is the
// image's full name, if ref is one.
func findStored(images []storedImage, id, ref string) (found storedImage, name string, err error) {
	wanted := storedNames(ref)
	hex := strings.TrimPrefix(ref, "sha256:")
	isID := len(hex) >= 3 && strings.Trim(hex, "0123456789abcdef") == ""
	for _, w := range wanted {
		for _, im := range images {
			if slices.Contains(im.Names, w) && (id == "" || im.ID == id) {
				return im, w, nil
			}
		}
	}
	var matches []storedImage
	for _, im := range images {
		if im.ID == id || id == "" && isID && strings.HasPrefix(im.ID, hex) {
			matches = append(matches, im)
		}
	}
	switch {
	case len(matches) == 1:
		return matches[0], "", nil
	case len(matches) > 1:
		return storedImage{}, "", fmt.Errorf("%q are the first digits of %d images", ref, len(matches))
	}
	return storedImage{}, "", fmt.Errorf("%s: %w", ref, errNotStored)
}

// storedNames are the full names that ref may stand for, the likeliest first, as
// podman looks for them among what it has.
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
