package source

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
)

// engineImages lists an engine's images. It may return some images along with an error.
func (l *lister) engineImages(ctx context.Context, e engine.Engine) ([]LocalImage, error) {
	listed, err := e.List(ctx)
	var out []LocalImage
	for _, found := range listed {
		im := LocalImage{Engine: e.Name(), ID: found.ID, Size: found.Size, Created: found.Created, Layers: -1, Platform: likeliestPlatform(found.Platforms)}
		out = append(out, im.each(found.Tags)...)
	}
	return out, err
}

// likeliestPlatform returns the platform that an engine would choose from an index: the host's if
// present, else the first one present, else "".
func likeliestPlatform(has []engine.Platform) string {
	var best platform
	host := hostPlatform()
	for _, h := range has {
		if p := platformOf(h); p.known() && (!best.known() || p.fit(host) > best.fit(host)) {
			best = p
		}
	}
	if !best.known() {
		return ""
	}
	return best.String()
}

// each returns an engine's image once for each tag, or once by its ID.
func (im LocalImage) each(tags []string) []LocalImage {
	var out []LocalImage
	for _, tag := range tags {
		if tag == "" || strings.Contains(tag, "<none>") || strings.Contains(tag, "@") {
			continue // "<none>:<none>", or a digest, which podman treats as a name
		}
		im.Name, im.Ref = tag, im.Engine+"://"+tag
		out = append(out, im)
	}
	if len(out) == 0 {
		im.Name, im.Ref = "", im.Engine+"://"+im.ID
		out = append(out, im)
	}
	return out
}

// dockerDetails adds what the engine does not list, from its files if possible: the number of
// layers and the platform.
func dockerDetails(ctx context.Context, l *lister, e engine.Engine, images []LocalImage) {
	where, err := e.Store(ctx)
	switch {
	case err == nil && where.Containerd && filepath.IsAbs(where.Root):
		l.containerdDetails(ctx, where.Root, images)
		return
	case err != nil, !filepath.IsAbs(where.Root), !plainName.MatchString(where.Driver):
		l.Log.Debug("the engine's own files are not used for the list", "engine", "docker", "root", where.Root, "error", err)
		return
	}
	l.details(ctx, where.Root, images, func(id string) string {
		return dockerConfig(where.Driver, id)
	})
}

// containerdDetails does the same from containerd's content store. There, an image's ID is the
// digest of its manifest or of an index.
func (l *lister) containerdDetails(ctx context.Context, root string, images []LocalImage) {
	o := &opener{Options: Options{Platform: l.Platform, Log: l.Log}}
	known := map[string]LocalImage{}
	for i := range images {
		im := &images[i]
		if ctx.Err() != nil {
			return
		}
		if same, ok := known[im.ID]; ok {
			im.Layers, im.Platform, im.Created = same.Layers, same.Platform, same.Created
			continue
		}
		if len(known) == maxDetailsOpened {
			return
		}
		opened, err := o.containerdImage(ctx, root, im.ID, engine.Image{ID: im.ID})
		if err != nil {
			l.Log.Debug("an image's manifest is not read", "id", im.ID, "error", err)
		} else {
			im.opened(opened)
			_ = opened.Close()
		}
		known[im.ID] = *im
	}
}

func podmanDetails(ctx context.Context, l *lister, _ engine.Engine, images []LocalImage) {
	root, err := engine.PodmanStore()
	if err != nil {
		l.Log.Debug("podman's own files are not used for the list", "error", err)
		return
	}
	l.details(ctx, root, images, podmanConfig)
}

// podmanConfig returns the path of an image's config in podman's store. The store keeps it as one
// of several named files and encodes the name.
func podmanConfig(id string) string {
	return "overlay-images/" + digestHex(id) + "/=" + base64.StdEncoding.EncodeToString([]byte(id))
}

// Limits on what is read to complete a list: bytes of configs, and images of containerd (each
// takes an index, a manifest and a config).
const (
	maxDetails       = 256 << 20
	maxDetailsOpened = 10_000
)

// details completes images from their configs; file returns the path of a config below root. It
// ignores configs that can't be read, belong to another image, or exceed maxDetails.
func (l *lister) details(ctx context.Context, root string, images []LocalImage, file func(id string) string) {
	store, err := os.OpenRoot(root)
	if err != nil {
		l.Log.Debug("an engine's own files are not used for the list", "root", root, "error", err)
		return
	}
	defer store.Close()
	known := map[string]LocalImage{} // by ID; without details if reading failed
	bytes := 0
	for i := range images {
		im := &images[i]
		if same, ok := known[im.ID]; ok {
			im.Layers, im.Platform, im.Created = same.Layers, same.Platform, same.Created
			continue
		}
		if ctx.Err() != nil || bytes > maxDetails {
			return
		}
		if digestHex(im.ID) == "" {
			continue
		}
		text, err := readStored(store, file(im.ID), maxDocument)
		bytes += len(text)
		if err == nil {
			err = verifyConfig(im.ID, file(im.ID), text)
		}
		var config *configFile
		if err == nil {
			config, err = parseConfig(text)
		}
		if err != nil {
			l.Log.Debug("an image's config is not read", "id", im.ID, "error", err)
		} else {
			im.describe(config)
		}
		known[im.ID] = *im
	}
}

// opened adds what is known after opening the image. The ID stays the engine's.
func (im *LocalImage) opened(o *Image) {
	im.Layers = len(o.Layers)
	if o.Platform != "" {
		im.Platform = o.Platform
	}
	if o.Created.Unix() > 0 {
		im.Created = o.Created
	}
}

// describe adds details from an image's config.
func (im *LocalImage) describe(config *configFile) {
	im.Layers = len(config.RootFS.DiffIDs)
	if p := config.platform(); p.known() {
		im.Platform = p.String()
	}
	if t := parseTime(config.Created); t.Unix() > 0 { // may have fractions of a second
		im.Created = t
	}
}

// listPodmanStore lists the images in podman's store; reason is why no service
// answers.
func listPodmanStore(ctx context.Context, l *lister, reason error) ([]LocalImage, error) {
	if engine.PodmanNamed() {
		return nil, reason
	}
	var unread error // describes a fault in the settings, if any
	if settings, ok := errors.AsType[*engine.SettingsError](reason); ok {
		unread = settings
	}
	images, err := l.podmanStored(ctx)
	switch {
	case err == nil || len(images) > 0:
		return images, errors.Join(err, unread)
	case errors.Is(reason, ErrNoEngine):
		reason = errors.Join(fmt.Errorf("podman: %w", ErrNoEngine), unread)
	}
	l.Log.Debug("podman's store is not listed", "reason", err)
	return nil, reason
}

// podmanStored lists the images in podman's store, as the podman command does.
func (l *lister) podmanStored(ctx context.Context) ([]LocalImage, error) {
	dir, err := engine.PodmanStore()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	layers, err := layersByID(ctx, root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	sizes := stackSizes(layers)
	var out []LocalImage
	more := false
	err = eachStored(ctx, root, podmanImages, func(stored *storedImage) {
		im := LocalImage{Engine: "podman", ID: "sha256:" + stored.ID, Size: -1, Layers: -1}
		if digestHex(im.ID) == "" {
			return
		}
		if size, ok := sizes(stored.Layer); ok {
			im.Size = size
		}
		names := im.each(stored.Names)
		if more = more || len(out)+len(names) > engine.MaxListed; !more {
			out = append(out, names...)
		}
	})
	if err != nil {
		return nil, err
	}
	l.details(ctx, dir, out, podmanConfig)
	if more {
		return out, fmt.Errorf("podman's store: only the first %d of its images are listed", len(out))
	}
	return out, nil
}

// stackSizes returns a function that adds up the tar sizes of a layer and all
// layers below it. It reports false if one is missing. It remembers each sum,
// so that all stacks together take one walk over the layers.
func stackSizes(layers map[string]storedLayer) func(top string) (int64, bool) {
	known := map[string]int64{"": 0} // -1: unknown
	return func(top string) (size int64, ok bool) {
		var walk []string // layers without a known sum, topmost first
		for id := top; ; {
			if _, ok := known[id]; ok {
				break
			}
			known[id] = -1 // parents may form a cycle
			walk = append(walk, id)
			id = layers[id].Parent
		}
		for _, id := range slices.Backward(walk) {
			l, listed := layers[id]
			below := known[l.Parent]
			if listed && below >= 0 && l.DiffSize >= 0 && l.DiffSize <= math.MaxInt64-below {
				known[id] = below + l.DiffSize
			}
		}
		return max(known[top], 0), known[top] >= 0
	}
}
