package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// A Container describes the container that the topmost layer belongs to. Unknown text is "", an
// unknown time is zero.
type Container struct {
	Engine  string // "docker", "podman" or "containerd"
	ID      string // 64 hex digits; any name in containerd
	Name    string
	Image   string // the image name that the container was created from: "app:1"
	Command []string
	State   string // when its layer was read: "running", "exited", "created" ...
	Created time.Time
	ReadAt  time.Time // when its layer was read
	Mounts  []Mount   // what is mounted over its own folders; the layer does not include that content

	// InitLayer is the folder or the name of the layer that the engine puts
	// between the image and the container for mount points such as /etc/hosts.
	// It does not belong to the image. "" if the engine adds none.
	InitLayer string

	// From is the source of the layer: the folder with its files, or "the engine's API".
	From string
}

// A Mount is a volume or a host folder that is mounted in a container.
type Mount = engine.Mount

// MountOver returns what is mounted at a path of the container or at one of its parent
// directories.
func (c *Container) MountOver(name string) (Mount, bool) { return engine.MountOver(c.Mounts, name) }

// ErrNoContainer says that no container matches a reference.
var ErrNoContainer = engine.ErrNoContainer

// A containerEngine manages containers. To add one, write its value and add it to
// containerEngines.
type containerEngine struct {
	name string // the prefix of references: "docker"

	// find returns the container that ref names: by name, by ID, or by a unique
	// prefix of either. The error is ErrNoContainer if it has no such
	// container, and ErrNoEngine if the engine does not exist.
	find func(ctx context.Context, o *opener, ref string) (foundContainer, error)

	// list lists its containers. It may return some containers along with an error.
	list func(ctx context.Context, l *lister) ([]LocalImage, error)
}

// A foundContainer can be opened once. Close it if you don't open it.
type foundContainer interface {
	// open returns the container's image, with its own layer on top.
	open(ctx context.Context, o *opener) (*Image, error)
	close() error
}

// containerEngines are searched for a container in this order.
func containerEngines() []containerEngine {
	return []containerEngine{dockerKind().containers(), podmanKind().containers(), containerdContainers()}
}

// onlyEngine returns the engine of that name, or all engines for "".
func onlyEngine(engines []containerEngine, name string) []containerEngine {
	return slices.DeleteFunc(engines, func(e containerEngine) bool { return name != "" && e.name != name })
}

// openContainer opens the container that ref names in the form [ENGINE/]NAME.
func openContainer(ctx context.Context, o *opener, ref string) (*Image, error) {
	first, name, ok := strings.Cut(ref, "/")
	if !ok {
		first, name = o.Engine, ref
	}
	engines := onlyEngine(containerEngines(), first)
	if len(engines) == 0 {
		return nil, absent("container://%s: %q has no containers; write container://NAME, or container://ENGINE/NAME with %s", ref, first, enumerated(containerEngineNames(), "or"))
	}
	found, err := findContainer(ctx, o, engines, name)
	if err != nil {
		return nil, fmt.Errorf("container://%s: %w", ref, err)
	}
	im, err := found.open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("container://%s: %w", ref, errors.Join(err, found.close()))
	}
	im.Source = "container://" + im.Container.Engine + "/" + im.Container.Name
	return im, nil
}

// hintTime limits the search for a container with a name that no image has.
const hintTime = time.Second

// containerHint says that a bare name that no image has is the name of a container; otherwise it
// returns "".
func (o *opener) containerHint(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, hintTime)
	defer cancel()
	found, err := findContainer(ctx, o, onlyEngine(containerEngines(), o.Engine), o.ref)
	if err != nil {
		return ""
	}
	if err := found.close(); err != nil {
		o.Log.Debug("releasing a container", "container", o.ref, "error", err)
	}
	return fmt.Sprintf("\n  a container has that name: write container://%s", o.ref)
}

func containerEngineNames() []string {
	var out []string
	for _, e := range containerEngines() {
		out = append(out, e.name)
	}
	return out
}

// findContainer returns the only container of that name in the engines.
func findContainer(ctx context.Context, o *opener, engines []containerEngine, name string) (foundContainer, error) {
	var found foundContainer
	var has []string
	var failed []error
	absent := true // all errors say that the container does not exist
	for _, e := range engines {
		f, err := e.find(ctx, o, name)
		switch {
		case err == nil:
			has = append(has, "container://"+e.name+"/"+name)
			if found != nil {
				err = errors.Join(fmt.Errorf("several engines have a container of that name: write %s", enumerated(has, "or")), found.close(), f.close())
				return nil, err
			}
			found = f
		case ctx.Err() != nil:
			return nil, ctx.Err()
		default:
			failed = append(failed, err)
			absent = absent && (errors.Is(err, ErrNoContainer) || errors.Is(err, ErrNoEngine))
		}
	}
	if found != nil {
		for _, err := range failed {
			o.Log.Debug("no such container", "container", name, "error", err)
		}
		return found, nil
	}
	err := failed[0]
	for _, more := range failed[1:] {
		err = fmt.Errorf("%w; %w", err, more)
	}
	if absent {
		err = &notFoundError{err}
	}
	return nil, err
}

// listContainers lists the containers of all engines. A missing engine is an error only if all
// engines are missing.
func listContainers(l *lister, ctx context.Context) ([]LocalImage, error) { //nolint:revive // as kind.list is, for method expressions
	var out []LocalImage
	var failed, missing []error
	engines := onlyEngine(containerEngines(), l.Engine)
	for _, e := range engines {
		found, err := e.list(ctx, l)
		out = append(out, found...)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrNoEngine):
			missing = append(missing, err)
		case err != nil:
			failed = append(failed, err)
		}
	}
	if len(missing) == len(engines) {
		return nil, fmt.Errorf("containers: %w", ErrNoEngine)
	}
	return out, errors.Join(failed...)
}

// wear puts a container's own layer, which has been read, on top of its image. closeLayer
// releases the source of the layer.
func (im *Image) wear(c *Container, r layer.Reader, s *layer.Scanned, closeLayer func() error) {
	step := Step{Command: "container " + c.Name, Comment: strings.Join(c.Command, " "), Created: c.ReadAt}
	im.Container, im.Name = c, c.Name
	// Steps match layers by order: the container's step must become its layer.
	made := 0
	for i := range im.History {
		if !im.History[i].Empty {
			made++
		}
	}
	for ; made < len(im.Layers); made++ {
		im.History = append(im.History, Step{})
	}
	if made == len(im.Layers) {
		im.History = append(im.History, step)
	}
	im.Layers = append(im.Layers, &Layer{
		Index: len(im.Layers), CompressedBytes: -1, Step: step, OfContainer: true,
		Entries: s.Entries, Facts: s.Facts,
		name: "container " + c.Name, reader: r,
	})
	im.bundle = &wornBundle{im.bundle, closeLayer}
}

// wornBundle is an image's bundle plus the source of its container's layer.
type wornBundle struct {
	bundle
	closeLayer func() error
}

func (b *wornBundle) close() error { return errors.Join(b.closeLayer(), b.bundle.close()) }
