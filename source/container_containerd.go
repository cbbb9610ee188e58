package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// containerdContainers are the containers of every containerd that responds.
func containerdContainers() containerEngine {
	return containerEngine{name: containerdPrefix, find: findContainerd, list: listContainerd}
}

// A containerdContainer is a container and its containerd.
type containerdContainer struct {
	engine.ContainerdContainer
	place *containerdPlace
}

var _ foundContainer = (*containerdContainer)(nil)

func (c *containerdContainer) close() error { return c.place.close() }

// name returns the reference of the container.
func (c *containerdContainer) name() string {
	return c.Namespace + "/" + cmp.Or(c.Name, c.ID)
}

// containersOf returns the containers in all namespaces of all places with an API.
func containersOf(ctx context.Context, places []*containerdPlace, sized bool) (out []*containerdContainer, err error) {
	for _, p := range places {
		if p.api == nil {
			continue
		}
		namespaces, err := p.api.Namespaces(ctx)
		if err != nil {
			return nil, err
		}
		slices.Sort(namespaces)
		for _, n := range namespaces[:min(len(namespaces), maxContainerdNamespaces)] {
			found, err := p.api.Containers(ctx, n, sized)
			switch {
			case errors.Is(err, engine.ErrNotFound):
				continue
			case err != nil:
				return nil, err
			}
			for _, c := range found {
				out = append(out, &containerdContainer{c, p})
			}
		}
	}
	return out, nil
}

// findContainerd returns the container that ref, "[NAMESPACE/]NAME", names: by ID, by name, or by
// a unique prefix of either.
func findContainerd(ctx context.Context, o *opener, ref string) (_ foundContainer, err error) {
	places, failed := containerdPlaces(ctx, &o.Options)
	var found *containerdContainer
	defer func() {
		for _, p := range places {
			if found == nil || p != found.place {
				err = errors.Join(err, p.close())
			}
		}
	}()
	if len(places) == 0 {
		return nil, failed
	}
	all, err := containersOf(ctx, places, false)
	if err != nil {
		return nil, err
	}
	if found, err = oneContainer(all, ref); err != nil {
		return nil, err
	}
	return found, nil
}

// oneContainer returns the container that matches ref best.
func oneContainer(all []*containerdContainer, ref string) (*containerdContainer, error) {
	for _, fits := range []func(*containerdContainer) bool{
		func(c *containerdContainer) bool { return ref == c.ID || ref == c.Name },
		func(c *containerdContainer) bool { return ref == c.Namespace+"/"+c.ID || ref == c.Namespace+"/"+c.Name },
		func(c *containerdContainer) bool {
			return strings.HasPrefix(c.ID, ref) || c.Name != "" && strings.HasPrefix(c.Name, ref)
		},
	} {
		var found []*containerdContainer
		for _, c := range all {
			if ref != "" && fits(c) {
				found = append(found, c)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			var names []string
			for _, c := range found[:min(len(found), maxListed)] {
				names = append(names, "container://containerd/"+c.name())
			}
			return nil, errors.New(clean.Line("containerd has several containers of that name: write " + enumerated(names, "or")))
		}
	}
	return nil, fmt.Errorf("containerd: %w", ErrNoContainer)
}

// open opens the container's image and puts the container's own layer on top, read from
// containerd's folder.
func (c *containerdContainer) open(ctx context.Context, o *opener) (*Image, error) {
	if o.Via == ViaAPI {
		return nil, errors.New("containerd's API does not give the files of a container: leave out --via api")
	}
	snapshot, err := c.place.api.Snapshot(ctx, &c.ContainerdContainer)
	if err != nil {
		return nil, err
	}
	im, err := c.image(ctx, o, snapshot.Parent)
	if err != nil {
		return nil, err
	}
	about := &Container{
		Engine: containerdPrefix, ID: c.ID, Name: c.name(), Image: c.Image, Command: c.Command,
		State: c.State, Created: c.Created, Mounts: c.Mounts, ReadAt: time.Now().UTC(), From: snapshot.UpperDir,
	}
	folder, s, err := c.layer(ctx, o, snapshot)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the folder of its layer: %w", err), im.Close())
	}
	im.wear(about, folder, s, func() error { return errors.Join(folder.Close(), c.close()) })
	return im, nil
}

// image opens the image that the container was made from. Its layers must be the ones below the
// container's own.
func (c *containerdContainer) image(ctx context.Context, o *opener, parent string) (*Image, error) {
	all, err := containerdNamed(ctx, []*containerdPlace{c.place})
	if err != nil {
		return nil, err
	}
	found := all.best(c.Namespace, c.Image)
	if len(found) == 0 {
		return nil, fmt.Errorf("its image %s is gone, so nothing is below its own layer", clean.Line(c.Image))
	}
	im, _, err := found[0].open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("its image: %w", err)
	}
	im.Name = cmp.Or(im.Name, c.Image)
	if err := im.Scan(ctx); err != nil {
		return nil, errors.Join(err, im.Close())
	}
	var diffIDs []string
	for _, l := range im.Layers {
		diffIDs = append(diffIDs, l.DiffID)
	}
	top := ""
	if chain := chainIDs(diffIDs); len(chain) > 0 {
		top = chain[len(chain)-1]
	}
	if top != parent {
		return nil, errors.Join(fmt.Errorf("its image %s has changed since the container was created", clean.Line(c.Image)), im.Close())
	}
	return im, nil
}

// layer reads the container's own layer.
func (c *containerdContainer) layer(ctx context.Context, o *opener, at engine.ContainerdSnapshot) (*layer.Folder, *layer.Scanned, error) {
	return readSnapshot(ctx, o, at, c.State == "running", containerdPrefix, layer.UpperOptions{Fuse: c.Driver == "fuse-overlayfs"})
}

// readSnapshot reads a container's own layer from the folder of a containerd snapshot.
func readSnapshot(ctx context.Context, o *opener, at engine.ContainerdSnapshot, running bool, engineName string, options layer.UpperOptions) (*layer.Folder, *layer.Scanned, error) {
	options.Lower = at.LowerDirs
	if err := inNamespace(filepath.Dir(filepath.Dir(at.UpperDir)), engineName, &options); err != nil {
		return nil, nil, err
	}
	folder, err := layer.OpenUpper(at.UpperDir, options)
	if err != nil {
		return nil, nil, err
	}
	s, err := folder.Scan(ctx, o.scanOptions())
	if err == nil && running {
		err = folder.FlagChanged(ctx, s.Entries)
	}
	if err != nil {
		return nil, nil, errors.Join(err, folder.Close())
	}
	return folder, s, nil
}

// dockersNamespace is the namespace of Docker's containers.
const dockersNamespace = "moby"

// bySnapshot reads the layer of a container of a Docker engine that keeps its images in
// containerd's store and therefore reports no folders. The key of the container's snapshot is the
// container's ID; its parent is a snapshot made by Docker.
func (c *engineContainer) bySnapshot(ctx context.Context, o *opener, about *Container) (_ layer.Reader, _ *layer.Scanned, err error) {
	places, failed := containerdPlaces(ctx, &Options{Log: o.Log})
	defer func() {
		for _, p := range places {
			err = errors.Join(err, p.close())
		}
	}()
	for _, p := range places {
		if p.api == nil {
			continue
		}
		of := engine.ContainerdContainer{Container: c.is, Namespace: dockersNamespace, SnapshotKey: c.is.ID}
		at, err := p.api.Snapshot(ctx, &of)
		if err != nil {
			failed = err
			continue
		}
		folder, s, err := readSnapshot(ctx, o, at, about.State == "running", c.kind.name, layer.UpperOptions{Fuse: c.is.Driver == "fuse-overlayfs", Keep: committedXattr(c.kind.name)})
		if err != nil {
			return nil, nil, err
		}
		about.From = at.UpperDir
		if at.Parent == c.is.ID+"-init" && len(at.LowerDirs) > 0 {
			about.InitLayer = at.LowerDirs[0]
		}
		return folder, s, nil
	}
	if failed == nil {
		failed = errors.New("no containerd answers")
	}
	return nil, nil, fmt.Errorf("the engine does not say where it is, with the driver %q: %w", c.is.Driver, failed)
}

// listContainerd lists the containers of every containerd that responds.
func listContainerd(ctx context.Context, l *lister) ([]LocalImage, error) {
	places, failed := containerdPlaces(ctx, &l.Options)
	defer func() {
		for _, p := range places {
			_ = p.close() // nothing was written
		}
	}()
	if len(places) == 0 {
		return nil, failed
	}
	all, err := containersOf(ctx, places, !l.Quick)
	var out []LocalImage
	for _, c := range all {
		out = append(out, LocalImage{
			Ref: "container://containerd/" + c.name(), Engine: containerdPrefix, Within: c.Namespace, Name: c.Name, ID: c.ID,
			Size: c.Size, Created: c.Created, Layers: -1,
			Container: true, State: c.State, Image: shortName(c.Image),
		})
	}
	return out, errors.Join(err, failed)
}
