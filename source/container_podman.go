package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/source/engine"
)

// Podman's containers are in its store, which can be read without a service, as the podman
// command does. The store does not record their state.

// podmanContainers is podman's list of containers.
const podmanContainers = "overlay-containers/containers.json"

// storedContainer is a row of podmanContainers. Source: github.com/containers/storage,
// containers.go.
type storedContainer struct {
	ID       string    `json:"id"`
	Names    rowNames  `json:"names"`
	Image    string    `json:"image"` // its ID, in hex
	Layer    string    `json:"layer"` // the container's own layer
	Metadata string    `json:"metadata"`
	Created  time.Time `json:"created"`
}

// describe returns a description of the container.
func (c *storedContainer) describe() engine.Container {
	out := engine.Container{ID: c.ID, ImageID: "sha256:" + c.Image, Created: c.Created.UTC(), Size: -1, Driver: "overlay"}
	if len(c.Names) > 0 {
		out.Name = c.Names[0]
	}
	var said struct { // podman's own metadata. Source: libpod/storage.go
		Image string `json:"image-name"`
		Name  string `json:"name"`
	}
	if json.Unmarshal([]byte(c.Metadata), &said) == nil {
		out.Image = said.Image
		if said.Name != "" {
			out.Name = said.Name
		}
	}
	return out
}

// aloneContainer is a container that is read from podman's store.
type aloneContainer struct {
	is    engine.Container
	store string // folder of the store
	layer string
}

// findPodmanContainer looks for a container in podman's store; reason is why no
// service answers.
func findPodmanContainer(ctx context.Context, o *opener, ref string, reason error) (foundContainer, error) {
	if engine.PodmanNamed() || o.Via == ViaAPI {
		return nil, reason
	}
	store, all, layers, err := podmanStoredContainers(ctx)
	if err != nil {
		o.Log.Debug("podman's store has no containers to read", "reason", err)
		return nil, reason
	}
	c, err := engine.Meant(all, ref)
	if err != nil {
		if errors.Is(err, ErrNoContainer) && errors.Is(reason, ErrNoEngine) { // no service runs, and none is needed
			return nil, fmt.Errorf("podman's store: %w", err)
		}
		return nil, fmt.Errorf("podman's store: %w; %w", err, reason)
	}
	return &aloneContainer{is: c, store: store, layer: layers[c.ID]}, nil
}

// podmanStoredContainers lists the containers in podman's store, and their own layers by ID.
func podmanStoredContainers(ctx context.Context) (store string, all []engine.Container, layers map[string]string, err error) {
	if store, err = engine.PodmanStore(); err != nil {
		return "", nil, nil, err
	}
	root, err := os.OpenRoot(store)
	if err != nil {
		return "", nil, nil, err
	}
	defer root.Close()
	layers = map[string]string{}
	err = eachStored(ctx, root, podmanContainers, func(c *storedContainer) {
		if hexName(c.ID) == c.ID && plainName.MatchString(c.Layer) && len(all) < engine.MaxListed {
			all = append(all, c.describe())
			layers[c.ID] = c.Layer
		}
	})
	return store, all, layers, err
}

func (c *aloneContainer) close() error { return nil }

// open opens the container's image, and puts the container's own layer on top.
func (c *aloneContainer) open(ctx context.Context, o *opener) (*Image, error) {
	root, err := os.OpenRoot(c.store)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	at, err := c.folder(ctx, root)
	if err != nil {
		return nil, err
	}
	c.spec(root)
	im, err := o.scanStore(ctx, "podman://"+c.is.ImageID, func() (*Image, error) { return o.podmanImage(ctx, c.is.ImageID, c.is.ImageID) })
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			err = goneImage(&c.is, err)
		}
		return nil, err
	}
	about := &Container{
		Engine: "podman", ID: c.is.ID, Name: c.is.Name, Image: c.is.Image, Command: c.is.Command,
		Created: c.is.Created, Mounts: c.is.Mounts, ReadAt: time.Now().UTC(),
	}
	r, s, err := readUpper(ctx, o, about, at)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the folder of its layer: %w", err), im.Close())
	}
	im.wear(about, r, s, r.Close)
	return im, nil
}

// folder finds the folder of the container's layer and the folders below it.
func (c *aloneContainer) folder(ctx context.Context, root *os.Root) (upperFolder, error) {
	byID, err := layersByID(ctx, root)
	if err != nil {
		return upperFolder{}, err
	}
	dir := func(id string) string { return filepath.Join(c.store, "overlay", id, "diff") }
	at := upperFolder{dir: dir(c.layer), driver: "overlay", engine: "podman"}
	for id := byID[c.layer].Parent; id != ""; id = byID[id].Parent {
		if len(at.lower) > maxLayers || !plainName.MatchString(id) {
			return upperFolder{}, fmt.Errorf("the layers below that of the container do not end, or one is called %q", id)
		}
		at.lower = append(at.lower, dir(id))
	}
	return at, nil
}

// spec adds what podman passed to the runtime when the container last started, if that can be
// read.
func (c *aloneContainer) spec(root *os.Root) {
	text, err := readStored(root, "overlay-containers/"+c.is.ID+"/userdata/config.json", maxDocument)
	if err != nil {
		return
	}
	var spec struct { // Source: OCI runtime-spec, config.md
		Process struct {
			Args []string `json:"args"`
		} `json:"process"`
		Mounts []struct {
			Destination string `json:"destination"`
			Type        string `json:"type"`
			Source      string `json:"source"`
		} `json:"mounts"`
	}
	if json.Unmarshal(text, &spec) != nil {
		return
	}
	c.is.Command = spec.Process.Args
	for _, m := range spec.Mounts {
		if m.Type != "bind" || podmanOwn[strings.Trim(m.Destination, "/")] || strings.HasPrefix(m.Destination, "/dev/") {
			continue
		}
		c.is.Mounts = append(c.is.Mounts, engine.Mount{Path: m.Destination, Kind: m.Type, Source: m.Source})
	}
	slices.SortFunc(c.is.Mounts, func(a, b engine.Mount) int { return strings.Compare(a.Path, b.Path) })
}

// listPodmanContainers lists the containers in podman's store; reason is why no
// service answers.
func listPodmanContainers(ctx context.Context, _ *lister, reason error) ([]LocalImage, error) {
	if engine.PodmanNamed() {
		return nil, reason
	}
	_, all, _, err := podmanStoredContainers(ctx)
	if err != nil {
		if errors.Is(reason, ErrNoEngine) {
			return nil, fmt.Errorf("podman: %w", ErrNoEngine)
		}
		return nil, reason
	}
	return listedContainers("podman", all), nil
}
