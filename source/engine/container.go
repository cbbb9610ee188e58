package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Containers is the part of Engine about containers.
type Containers interface {
	// Containers lists all containers, whatever their state. sized measures their own layers, for
	// which the engine walks each of them.
	Containers(ctx context.Context, sized bool) ([]Container, error)

	// Container returns the container that ref names: by name, by ID, or by a
	// unique prefix of either. The error is ErrNoContainer if it does not
	// exist.
	Container(ctx context.Context, ref string) (Container, error)

	// Changes lists the changes in a container, which the engine finds by comparing with the
	// image. id is the container's ID.
	Changes(ctx context.Context, id string) ([]Change, error)

	// Archive streams an absolute path of a container, with everything below it, as a tar. Names
	// start with the last component of path. Volumes are included. The caller closes it, whether
	// or not it was read.
	Archive(ctx context.Context, id, path string) (io.ReadCloser, error)

	// Export streams all of a container's files, including those of its image,
	// as a tar. Volumes are not included. size is an estimate in bytes. The
	// caller closes it, whether or not it was read.
	Export(ctx context.Context, id string, size int64) (io.ReadCloser, error)
}

// A Container is an engine's description of one of its containers. Unknown text is "".
type Container struct {
	ID      string // 64 hex digits
	Name    string // without the leading slash of engines
	Image   string // the image name that it was created from: "app:1"
	ImageID string // "sha256:..."
	Command []string
	State   string // "running", "exited", "created", "paused" ...
	Created time.Time
	Size    int64   // bytes in its own layer, as the engine counts them; -1 if unknown
	Mounts  []Mount // volumes and host folders, by mount point; not set in a list

	Driver    string   // storage driver of its layer: "overlay2"; "" if unknown
	UpperDir  string   // folder of its own layer; "" if unknown
	LowerDirs []string // folders below, topmost first
}

// A Mount is something mounted over a path of a container.
type Mount struct {
	Path   string // in the container
	Kind   string // "volume", "bind", "tmpfs"
	Source string // a volume's name, or the folder on the engine's machine
}

// MountOver returns what is mounted at a path of a container or at one of its parent directories.
func MountOver(mounts []Mount, name string) (Mount, bool) {
	at := path.Clean("/" + name)
	for _, m := range mounts {
		over := path.Clean("/" + m.Path)
		if at == over || strings.HasPrefix(at, strings.TrimSuffix(over, "/")+"/") {
			return m, true
		}
	}
	return Mount{}, false
}

// A Change is a path of a container that differs from its image.
type Change struct {
	Path string // absolute
	Kind ChangeKind
}

// A ChangeKind says what happened to a path.
type ChangeKind uint8

// The kinds of changes, numbered as in the API.
const (
	Modified ChangeKind = iota
	Added
	Deleted
)

// ErrNoContainer says that no container matches a reference.
var ErrNoContainer = errors.New("no such container")

// The time for an engine to walk a container's files, and how many ambiguous containers are
// named.
const (
	walkTimes = 10 // as a multiple of other calls
	maxMeant  = 5
	shortID   = 12 // digits of an ID that people see
)

func (e *apiClient) Containers(ctx context.Context, sized bool) ([]Container, error) {
	limit := e.limits.call
	if sized {
		limit *= walkTimes
	}
	ctx, cancel := within(ctx, limit)
	defer cancel()
	found, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Size: sized})
	if err != nil {
		return nil, e.fail("", fmt.Errorf("listing its containers: %w", unanswered(ctx, err)))
	}
	out := make([]Container, 0, min(len(found), e.limits.listed))
	for i := range found {
		if len(out) == e.limits.listed {
			return out, e.fail("", fmt.Errorf("listing its containers: only the first %d are listed", len(out)))
		}
		s := &found[i]
		c := Container{ID: s.ID, Name: ownName(s.Names), Image: s.Image, ImageID: s.ImageID, State: s.State, Size: -1}
		if s.Created > 0 {
			c.Created = time.Unix(s.Created, 0).UTC()
		}
		if s.Command != "" {
			c.Command = []string{s.Command}
		}
		if sized {
			c.Size = max(s.SizeRw, 0)
		}
		out = append(out, c)
	}
	return out, nil
}

// ownName selects a container's own name: names with another slash are links from other
// containers.
func ownName(names []string) string {
	for _, name := range names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

func (e *apiClient) Container(ctx context.Context, ref string) (Container, error) {
	if ref == "" || strings.ContainsAny(ref, "/?#%") || ref[0] == '.' { // it becomes part of a path
		return Container{}, e.fail(ref, fmt.Errorf("%w: a container's name holds letters, digits, _ . and -", ErrNoContainer))
	}
	c, err := e.inspect(ctx, ref)
	if err == nil && named(&c, ref) || ctx.Err() != nil {
		return c, err
	}
	// It is a prefix, which engines interpret differently.
	listed, listErr := e.Containers(ctx, false)
	if listErr != nil {
		if err != nil {
			return c, err
		}
		return c, listErr
	}
	is, meantErr := Meant(listed, ref)
	if meantErr != nil {
		return Container{}, e.fail("", meantErr)
	}
	return e.inspect(ctx, is.ID)
}

// named reports whether ref is a container's full name or ID.
func named(c *Container, ref string) bool { return c.Name == ref || c.ID == ref }

// Meant returns the container in a list that ref names: by name, by ID, or by a prefix of either.
// The error is ErrNoContainer if none matches, and names the containers if several do.
func Meant(all []Container, ref string) (Container, error) {
	var found []Container
	for i := range all {
		c := &all[i]
		switch {
		case named(c, ref):
			return *c, nil
		case ref != "" && (strings.HasPrefix(c.Name, ref) || strings.HasPrefix(c.ID, ref)):
			found = append(found, *c)
		}
	}
	switch len(found) {
	case 0:
		return Container{}, fmt.Errorf("%w: %s", ErrNoContainer, ref)
	case 1:
		return found[0], nil
	}
	slices.SortFunc(found, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	var names []string
	for i := range found[:min(len(found), maxMeant)] {
		c := &found[i]
		names = append(names, fmt.Sprintf("%s (%s)", c.Name, c.ID[:min(len(c.ID), shortID)]))
	}
	if len(found) > maxMeant {
		names = append(names, fmt.Sprintf("%d more", len(found)-maxMeant))
	}
	return Container{}, fmt.Errorf("%q begins the name or ID of %d containers: %s; use a longer beginning", ref, len(found), strings.Join(names, ", "))
}

func (e *apiClient) inspect(ctx context.Context, ref string) (Container, error) {
	ctx, cancel := within(ctx, e.limits.call)
	defer cancel()
	found, err := e.api.ContainerInspect(ctx, ref)
	switch {
	case cerrdefs.IsNotFound(err):
		return Container{}, e.fail("", fmt.Errorf("%w: %s", ErrNoContainer, ref))
	case err != nil:
		return Container{}, e.fail(ref, unanswered(ctx, err))
	case found.ContainerJSONBase == nil:
		return Container{}, e.fail(ref, errors.New("the engine's answer does not match its API: it describes no container"))
	}
	return describeContainer(&found), nil
}

// describeContainer converts an engine's description of a container.
func describeContainer(found *container.InspectResponse) Container {
	c := Container{
		ID: found.ID, Name: strings.TrimPrefix(found.Name, "/"), ImageID: found.Image, Size: -1,
		Driver: found.GraphDriver.Name, UpperDir: found.GraphDriver.Data["UpperDir"],
	}
	if lower := found.GraphDriver.Data["LowerDir"]; lower != "" {
		c.LowerDirs = strings.Split(lower, ":")
	}
	if found.Config != nil {
		c.Image = found.Config.Image
	}
	if found.Path != "" {
		c.Command = append([]string{found.Path}, found.Args...)
	}
	if found.State != nil {
		c.State = found.State.Status
	}
	if t, err := time.Parse(time.RFC3339Nano, found.Created); err == nil {
		c.Created = t.UTC()
	}
	for _, m := range found.Mounts {
		from := m.Name
		if from == "" {
			from = m.Source
		}
		c.Mounts = append(c.Mounts, Mount{Path: m.Destination, Kind: string(m.Type), Source: from})
	}
	if found.HostConfig != nil {
		for path := range found.HostConfig.Tmpfs {
			if !slices.ContainsFunc(c.Mounts, func(m Mount) bool { return m.Path == path }) {
				c.Mounts = append(c.Mounts, Mount{Path: path, Kind: "tmpfs"})
			}
		}
	}
	slices.SortFunc(c.Mounts, func(a, b Mount) int { return strings.Compare(a.Path, b.Path) })
	return c
}

func (e *apiClient) Changes(ctx context.Context, id string) ([]Change, error) {
	ctx, cancel := within(ctx, e.limits.call*walkTimes)
	defer cancel()
	found, err := e.api.ContainerDiff(ctx, id)
	if err != nil {
		return nil, e.failContainer(ctx, id, "listing its changes", err)
	}
	out := make([]Change, len(found))
	for i, c := range found {
		if c.Kind > container.ChangeDelete || !strings.HasPrefix(c.Path, "/") {
			return nil, e.fail(id, fmt.Errorf("the engine's answer does not match its API: a change of kind %d at %q", c.Kind, c.Path))
		}
		out[i] = Change{Path: c.Path, Kind: ChangeKind(c.Kind)}
	}
	return out, nil
}

func (e *apiClient) Archive(ctx context.Context, id, path string) (io.ReadCloser, error) {
	s, ctx := e.stream(ctx, id, "the container's files", 0)
	body, _, err := e.api.CopyFromContainer(ctx, id, path)
	if err != nil {
		return nil, s.refused(e.failContainer(ctx, id, "reading "+path, err))
	}
	s.body = body
	return s, nil
}

func (e *apiClient) Export(ctx context.Context, id string, size int64) (io.ReadCloser, error) {
	s, ctx := e.stream(ctx, id, "the container's files", size)
	body, err := e.api.ContainerExport(ctx, id)
	if err != nil {
		return nil, s.refused(e.failContainer(ctx, id, "exporting it", err))
	}
	s.body = body
	return s, nil
}

// failContainer is the error of a call about a container that may have been removed meanwhile.
func (e *apiClient) failContainer(ctx context.Context, id, what string, err error) error {
	short := id[:min(len(id), shortID)]
	if cerrdefs.IsNotFound(err) && !client.IsErrConnectionFailed(err) {
		if strings.HasPrefix(what, "reading ") {
			return e.fail(short, fmt.Errorf("%s: %w", what, &goneError{err}))
		}
		return e.fail("", fmt.Errorf("%s: %w: %s", what, ErrNoContainer, short))
	}
	return e.fail(short, fmt.Errorf("%s: %w", what, unanswered(ctx, err)))
}

// ErrNoPath says that a path of a container, or the container, no longer exists.
var ErrNoPath = errors.New("no such path")

// A goneError is an engine's error for a missing path, as an ErrNoPath.
type goneError struct{ error }

func (e *goneError) Unwrap() []error { return []error{ErrNoPath, e.error} }
