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

// engineImages lists an engine's images. There may be some beside an error.
func (l *lister) engineImages(ctx context.Context, e engine.Engine) ([]LocalImage, error) {
	listed, err := e.List(ctx)
	var out []LocalImage
	for _, found := range listed {
		im := LocalImage{Engine: e.Name(), ID: found.ID, Size: found.Size, Created: found.Created, Layers: -1, Platform: likeliestPlatform(found.Platforms)}
		out = append(out, im.each(found.Tags)...)
	}
	return out, err
}

// likeliestPlatform is that of the image which an engine would take from an
// index: the host's, if it has it, else the first that it has; "" if it has none.
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

// each returns an engine's image once for each of its tags, or once by its ID.
func (im LocalImage) each(tags []string) []LocalImage {
	var out []LocalImage
	for _, tag := range tags {
		if tag == "" || strings.Contains(tag, "<none>") || strings.Contains(tag, "@") {
			continue // "<none>:<none>", or a digest, which podman takes for a name too
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

// dockerDetails adds what the engine does not list, from its own files if they
// can be read: the layers' number and the platform.
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

// containerdDetails does the same from containerd's content store, where an
// image's ID is the digest of its manifest, or of an index.
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

// podmanConfig is where podman's store keeps the config of an image: among the
// files that it keeps with an image under any name, which it writes so.
func podmanConfig(id string) string {
	return "overlay-images/" + digestHex(id) + "/=" + base64.StdEncoding.EncodeToString([]byte(id))
}

// Bounds on what is read to complete a list: bytes of configs, and images of
// containerd, each of which takes an index, a manifest and a config.
const (
	maxDetails       = 256 << 20
	maxDetailsOpened = 10_000
)

// details completes images by their configs; file names the config of an image
// below root. It adds nothing from what cannot be read, is not that image's config,
// or is beyond maxDetails.
func (l *lister) details(ctx context.Context, root string, images []LocalImage, file func(id string) string) {
	store, err := os.OpenRoot(root)
	if err != nil {
		l.Log.Debug("an engine's own files are not used for the list", "root", root, "error", err)
		return
	}
	defer store.Close()
	known := map[string]LocalImage{} // by ID; without details where nothing could be read
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

// opened adds what is known of the image once it is open. Its ID stays the
// engine's.
func (im *LocalImage) opened(o *Image) {
	im.Layers = len(o.Layers)
	if o.Platform != "" {
		im.Platform = o.Platform
	}
	if o.Created.Unix() > 0 {
		im.Created = o.Created
	}
}

// describe adds what an image's config says.
func (im *LocalImage) describe(config *configFile) {
	im.Layers = len(config.RootFS.DiffIDs)
	if p := config.platform(); p.known() {
		im.Platform = p.String()
	}
	if t := parseTime(config.Created); t.Unix() > 0 { // to a fraction of a second
		im.Created = t
	}
}

// listPodmanStore lists the images in podman's store; reason is why no service
// answers.
func listPodmanStore(ctx context.Context, l *lister, reason error) ([]LocalImage, error) {
	if engine.PodmanNamed() {
		return nil, reason
	}
	var unread error // names what is wrong with the settings, if anything is
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

// stackSizes returns a function that adds up the tars of a layer and of all
// below it; it reports false where one is missing. What is known of a stack is
// kept, so that all stacks together take one walk over the layers.
func stackSizes(layers map[string]storedLayer) func(top string) (int64, bool) {
	known := map[string]int64{"": 0} // -1: not known
	return func(top string) (size int64, ok bool) {
		var walk []string // layers whose stacks are not known yet, the topmost first
		for id := top; ; {
			if _, ok := known[id]; ok {
				break
			}
			known[id] = -1 // parents may be a circle
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
