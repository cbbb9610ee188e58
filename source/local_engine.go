package source

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
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
func (l *lister) dockerDetails(ctx context.Context, e engine.Engine, images []LocalImage) {
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

func (l *lister) podmanDetails(ctx context.Context, images []LocalImage) {
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

// details completes images by their configs, which are in the file of that name
// below root. What cannot be read, or is not that image's config, adds nothing.
func (l *lister) details(ctx context.Context, root string, images []LocalImage, file func(id string) string) {
	store, err := os.OpenRoot(root)
	if err != nil {
		l.Log.Debug("an engine's own files are not used for the list", "root", root, "error", err)
		return
	}
	defer store.Close()
	read := map[string]*configFile{}
	for i := range images {
		im := &images[i]
		if ctx.Err() != nil {
			return
		}
		if digestHex(im.ID) == "" {
			continue
		}
		config, known := read[im.ID]
		if !known {
			var text []byte
			if text, err = storedConfig(store, im.ID, file(im.ID)); err == nil {
				config, err = parseConfig(text)
			}
			if err != nil {
				l.Log.Debug("an image's config is not read", "id", im.ID, "error", err)
			}
			read[im.ID] = config
		}
		if config != nil {
			im.describe(config)
		}
	}
}

// opened adds what is known of the image once it is open, but for its ID: engines
// have their own.
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
	s := &storeImage{root: root, log: l.Log}
	defer func() { _ = s.close() }()
	var listed []storedImage
	if err := s.list("overlay-images/images.json", &listed); err != nil {
		return nil, err
	}
	var layers []storedLayer
	if err := s.list("overlay-layers/layers.json", &layers); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	sizes := stackSizes(layers)
	var out []LocalImage
	for _, stored := range listed {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		im := LocalImage{Engine: "podman", ID: "sha256:" + stored.ID, Size: -1, Layers: -1}
		if digestHex(im.ID) == "" {
			continue
		}
		if size, ok := sizes(stored.Layer); ok {
			im.Size = size
		}
		out = append(out, im.each(stored.Names)...)
	}
	l.details(ctx, dir, out, podmanConfig)
	return out, nil
}

// stackSizes returns a function that adds up the tars of a layer and of all
// below it; it reports false where one is missing.
func stackSizes(layers []storedLayer) func(top string) (int64, bool) {
	byID := map[string]*storedLayer{}
	for i := range layers {
		byID[layers[i].ID] = &layers[i]
	}
	return func(top string) (size int64, ok bool) {
		for range len(layers) + 1 { // parents may be a circle
			if top == "" {
				return size, true
			}
			l, known := byID[top]
			if !known || l.DiffSize < 0 {
				return 0, false
			}
			size, top = size+l.DiffSize, l.Parent
		}
		return 0, false
	}
}
