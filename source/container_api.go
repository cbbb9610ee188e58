package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// A containerByAPI is a container's own layer, read by the engine's API. The engine lists the
// changed paths. Their current content comes from archives of single paths or from an export of
// the whole container, whichever is cheaper.
//
// The engine finds changes by comparing, so files rewritten with the same content are missing.
// Docker doesn't compare the times of directories.
type containerByAPI struct {
	e         engine.Engine
	is        engine.Container
	imageSize int64 // bytes of the image's files
	log       *slog.Logger
}

var _ layer.Reader = (*containerByAPI)(nil)

// archiveCost is the number of exported bytes that take an engine as long as one archive of a
// path. Docker starts a program for each archive.
const archiveCost = 8 << 20

// maxFetches is the maximum number of archives for one layer; each is a request.
const maxFetches = 200

// Scan asks the engine for the changes and for the current content.
func (c *containerByAPI) Scan(ctx context.Context, o layer.ScanOptions) (*layer.Scanned, error) {
	listed, err := c.e.Changes(ctx, c.is.ID)
	if err != nil {
		return nil, err
	}
	ch := newChanges(listed)
	a, err := c.read(ctx, o, ch)
	if err != nil {
		return nil, err
	}
	if c.is.State == "running" {
		again, err := c.e.Changes(ctx, c.is.ID)
		if err != nil {
			return nil, err
		}
		newChanges(again).differ(ch, func(path, problem string) { a.Flaw("/"+path, problem) })
	}
	return a.Done(), nil
}

// read fetches the changed content. It starts with the method that may be cheaper, and uses the
// export if single archives are not enough.
func (c *containerByAPI) read(ctx context.Context, o layer.ScanOptions, ch *changes) (*layer.Assembly, error) {
	fetches := ch.fetches()
	reason := c.needsExport(ch, fetches)
	if reason == "" {
		a := layer.NewAssembly(o)
		f := &changeFilter{changes: ch, a: a}
		if err := c.archives(ctx, f, fetches); err != nil {
			return nil, err
		}
		if !f.maybeLinked() {
			return a, f.addDeleted()
		}
		reason = "two files may be one that has two names"
	}
	c.log.Debug("the container is exported", "container", c.is.Name, "changes", len(ch.kinds), "reason", reason)
	f := &changeFilter{changes: ch, a: layer.NewAssembly(o)}
	if err := c.export(ctx, f); err != nil {
		return nil, err
	}
	return f.a, f.addDeleted()
}

// needsExport says why the whole container has to be exported, or "" if archives of single paths
// are enough.
func (c *containerByAPI) needsExport(ch *changes, fetches []fetch) string {
	if c.e.Name() != "docker" {
		return "archives follow symlinks" // podman's archives do
	}
	if len(fetches) > maxFetches || int64(len(fetches))*archiveCost > c.imageSize {
		return fmt.Sprintf("%d paths would be asked for", len(fetches))
	}
	for _, m := range c.is.Mounts {
		at := strings.Trim(path.Clean("/"+m.Path), "/")
		if _, ok := ch.kinds[at]; ok || ch.below(at) {
			return "something is mounted over " + m.Path
		}
	}
	return ""
}

// archives reads the fetches, one call each. If Docker uses a user namespace for containers
// (userns-remap), an archive has the numeric owners on disk; an export does not.
func (c *containerByAPI) archives(ctx context.Context, f *changeFilter, fetches []fetch) error {
	store, err := c.e.Store(ctx)
	if err != nil {
		return err
	}
	uids, gids := dockerRemap(store.Root)
	for _, x := range fetches {
		r, err := c.e.Archive(ctx, c.is.ID, "/"+x.path)
		switch {
		case errors.Is(err, engine.ErrNoPath):
			if _, err := c.e.Container(ctx, c.is.ID); err != nil {
				return err // the container is gone, not the path
			}
			continue // f.addDeleted reports it as gone
		case err != nil:
			return err
		}
		parent, _ := path.Split(x.path)
		f.call++
		err = errors.Join(f.a.Tar(ctx, r, func(m *layer.Record) layer.Take {
			m.UID, m.GID = uids.Inside(m.UID), gids.Inside(m.GID)
			what := f.take(m, parent)
			if what == layer.Keep && !x.below {
				return layer.KeepLast
			}
			return what
		}), r.Close())
		if err != nil {
			return fmt.Errorf("/%s: %w", x.path, err)
		}
	}
	return nil
}

// export reads the whole container and keeps the changed entries.
func (c *containerByAPI) export(ctx context.Context, f *changeFilter) error {
	if len(f.changes.kinds) == 0 {
		return nil
	}
	r, err := c.e.Export(ctx, c.is.ID, c.imageSize+max(c.is.Size, 0))
	if err != nil {
		return err
	}
	err = f.a.Tar(ctx, r, func(m *layer.Record) layer.Take { return f.take(m, "") })
	return errors.Join(err, r.Close())
}

// Open returns the current content of entry i. It fails if the content has changed since the
// layer was read.
func (c *containerByAPI) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	r, err := c.content(ctx, e, i)
	if err != nil {
		return nil, err
	}
	return e.Verified(i, r, errContainerChanged), nil
}

var errContainerChanged = errors.New("the container has changed the file since its layer was read: open the container again")

// content returns the content of entry i. It verifies only the size.
func (c *containerByAPI) content(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	if e.Size(i) == 0 {
		return io.NopCloser(eofReader{}), nil
	}
	name := "/" + strings.Trim(path.Clean("/"+e.At(i).Name), "/")
	if m, ok := engine.MountOver(c.is.Mounts, name); ok {
		return nil, fmt.Errorf("%q: the engine's API does not give it, because a %s is mounted over it", name, m.Kind)
	}
	r, t, h, err := c.member(ctx, name)
	switch {
	case errors.Is(err, engine.ErrNoPath):
		return nil, fmt.Errorf("%q: %w (%w)", name, errContainerChanged, err)
	case err != nil:
		return nil, err
	case h.Type != File || h.Size != e.Size(i):
		return nil, errors.Join(fmt.Errorf("%q: %w", name, errContainerChanged), r.Close())
	}
	return &openedContent{t.Reader(ctx, h), r}, nil
}

// member requests the file at a path. It returns the tar, positioned at the content, and the
// file's header.
func (c *containerByAPI) member(ctx context.Context, name string) (r io.ReadCloser, t *layer.Tar, h *layer.Header, err error) {
	podman := c.e.Name() == "podman"
	whole := podman && strings.Contains(name, "*") // podman can't resolve that
	switch {
	case whole:
		r, err = c.e.Export(ctx, c.is.ID, c.imageSize+max(c.is.Size, 0))
	case podman:
		r, err = c.e.Archive(ctx, c.is.ID, globSigns.Replace(name))
	default:
		r, err = c.e.Archive(ctx, c.is.ID, name)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	t, h = layer.NewTarStream(layer.Watched(ctx, r, nil)), &layer.Header{}
	for {
		err = t.Next(h)
		switch {
		case whole && errors.Is(err, io.EOF):
			err = engine.ErrNoPath
		case err == nil && whole && path.Clean("/"+string(h.Name)) != name:
			continue
		}
		if err != nil {
			return nil, nil, nil, errors.Join(fmt.Errorf("%q: %w", name, shorter(err)), r.Close())
		}
		return r, t, h, nil
	}
}

// globSigns are the special characters of patterns that may occur in a path: podman accepts
// patterns.
var globSigns = strings.NewReplacer(`\`, `\\`, "?", `\?`, "[", `\[`)

// openedContent is content together with its source.
type openedContent struct {
	io.Reader
	io.Closer
}

// Each opens the files one after the other.
func (c *containerByAPI) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	return layer.EachOpened(ctx, e, entries, func(i int) (io.ReadCloser, error) { return c.Open(ctx, e, i) }, fn)
}

// Body reads forward in one archive of the file, and requests another one to go back.
func (c *containerByAPI) Body(_ context.Context, e *Entries, i int) (*Body, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	b := &forwardBody{turn: make(chan struct{}, 1), open: func(ctx context.Context) (io.ReadCloser, error) { return c.content(ctx, e, i) }}
	return layer.NewBody(e.Size(i), b.read, b.close), nil
}
