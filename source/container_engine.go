package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// containers are the engine's containers.
func (k *engineKind) containers() containerEngine {
	return containerEngine{name: k.name, find: k.findContainer, list: k.listContainers}
}

// An engineContainer is a container of an engine that responds.
type engineContainer struct {
	kind *engineKind
	e    engine.Engine
	is   engine.Container
}

func (k *engineKind) findContainer(ctx context.Context, o *opener, ref string) (foundContainer, error) {
	e, err := k.connect(ctx, o.Log)
	switch {
	case err == nil:
	case k.containerAlone != nil && ctx.Err() == nil:
		return k.containerAlone(ctx, o, ref, err)
	default:
		return nil, err
	}
	is, err := e.Container(ctx, ref)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &engineContainer{k, e, is}, nil
}

func (c *engineContainer) close() error { return c.e.Close() }

// open opens the container's image by its ID and puts the container's own layer on top. It reads
// that layer from the engine's folder if possible, else by the engine's API.
func (c *engineContainer) open(ctx context.Context, o *opener) (*Image, error) {
	im, err := c.image(ctx, o)
	if err != nil {
		return nil, err
	}
	about := c.about()
	r, s, err := c.layer(ctx, o, im, about)
	if err != nil {
		return nil, errors.Join(err, im.Close())
	}
	im.wear(about, r, s, func() error {
		if f, ok := r.(io.Closer); ok {
			return errors.Join(f.Close(), c.close())
		}
		return c.close()
	})
	return im, nil
}

// image opens the image that the container was made from, with all its layers
// scanned.
func (c *engineContainer) image(ctx context.Context, o *opener) (*Image, error) {
	id := c.is.ImageID
	if id == "" {
		return nil, errors.New("the engine does not say which image it was made from")
	}
	if !strings.Contains(id, ":") {
		id = "sha256:" + id
	}
	im, err := c.kind.open(ctx, o, id)
	if errors.Is(err, ErrNotFound) {
		gone := goneImage(&c.is, err)
		if c.kind.below == nil || o.Via == ViaAPI || !c.e.Local() {
			return nil, gone
		}
		if im, err = c.kind.below(ctx, o, &c.is); err != nil {
			o.Log.Debug("the layers below the container's are not in the engine's store either", "container", c.is.Name, "reason", err)
			return nil, cmp.Or(ctx.Err(), gone)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("its image %s: %w", c.is.Image, err)
	}
	if err := im.Scan(ctx); err != nil {
		return nil, errors.Join(err, im.Close())
	}
	return im, nil
}

// about returns a description of the container.
func (c *engineContainer) about() *Container {
	return &Container{
		Engine: c.kind.name, ID: c.is.ID, Name: c.is.Name, Image: c.is.Image, Command: c.is.Command,
		State: c.is.State, Created: c.is.Created, Mounts: c.is.Mounts, InitLayer: initLayer(c.is.LowerDirs),
	}
}

// initLayer returns the folder of Docker's init layer, ROOT/overlay2/ID-init/diff, among the
// folders below a container's, or "". It holds the files that Docker mounts over, such as
// /etc/hosts.
func initLayer(lower []string) string {
	if len(lower) > 0 && strings.HasSuffix(filepath.Base(filepath.Dir(lower[0])), "-init") {
		return lower[0]
	}
	return ""
}

// layer reads the container's own layer.
func (c *engineContainer) layer(ctx context.Context, o *opener, im *Image, about *Container) (layer.Reader, *layer.Scanned, error) {
	if o.Via != ViaAPI {
		about.ReadAt = time.Now().UTC()
		r, s, err := c.byFolder(ctx, o, about)
		switch {
		case err == nil:
			o.Log.Debug("reading the container's folder", "engine", c.kind.name, "container", about.Name, "folder", about.From)
			return r, s, nil
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case o.Via == ViaStore:
			return nil, nil, fmt.Errorf("reading the folder of its layer: %w", err)
		}
		o.Log.Debug("the container's folder is not used", "engine", c.kind.name, "container", about.Name, "reason", err)
	}
	about.ReadAt, about.From = time.Now().UTC(), "the engine's API"
	r := &containerByAPI{e: c.e, is: c.is, imageSize: contentBytes(im), log: o.Log}
	s, err := r.Scan(ctx, o.scanOptions())
	return r, s, err
}

// byFolder reads the layer from the engine's folder.
func (c *engineContainer) byFolder(ctx context.Context, o *opener, about *Container) (layer.Reader, *layer.Scanned, error) {
	if !c.e.Local() {
		return nil, nil, errors.New("the engine does not answer at a socket of this machine")
	}
	if c.is.UpperDir == "" {
		return c.bySnapshot(ctx, o, about)
	}
	return readUpper(ctx, o, about, upperFolder{dir: c.is.UpperDir, lower: c.is.LowerDirs, driver: c.is.Driver, engine: c.kind.name})
}

// contentBytes returns the bytes that the layers of a scanned image store.
func contentBytes(im *Image) (sum int64) {
	for _, l := range im.Layers {
		for i := range l.Entries.Len() {
			sum += l.Entries.Stored(i)
		}
	}
	return sum
}

// listContainers lists the engine's containers.
func (k *engineKind) listContainers(ctx context.Context, l *lister) ([]LocalImage, error) {
	e, err := k.connect(ctx, l.Log)
	switch {
	case err == nil:
	case k.containersAlone != nil && ctx.Err() == nil:
		return k.containersAlone(ctx, l, err)
	case errors.Is(err, ErrNoEngine):
		return nil, fmt.Errorf("%s: %w", k.name, ErrNoEngine)
	default:
		return nil, err
	}
	listed, err := e.Containers(ctx, !l.Quick)
	return listedContainers(k.name, listed), errors.Join(err, e.Close())
}

// listedContainers returns an engine's containers for a list.
func listedContainers(kind string, all []engine.Container) []LocalImage {
	out := make([]LocalImage, len(all))
	for i := range all {
		c := &all[i]
		out[i] = LocalImage{
			Ref: "container://" + kind + "/" + cmp.Or(c.Name, c.ID), Engine: kind, Name: c.Name, ID: c.ID,
			Size: c.Size, Created: c.Created, Layers: -1,
			Container: true, State: c.State, Image: c.Image,
		}
	}
	return out
}
