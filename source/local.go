package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source/engine"
)

// A LocalImage is an image that can be opened without a registry: one that an
// engine has, by one of its names, one in a file, or that of a container. Text that is not known is
// "", a time that is not known is zero.
type LocalImage struct {
	Ref      string    // what Open takes: "docker://app:1", "app.tar:app:2"
	Engine   string    // "docker", "podman" or "containerd"; "" for one in a file
	Within   string    // containerd's namespace that it is in; "" elsewhere
	File     string    // the archive or folder; "" for one of an engine
	Name     string    // as it is tagged: an image with two tags is listed twice
	ID       string    // as the engine has it, or the digest of the config: "sha256:..."
	Size     int64     // bytes, as the engine counts them, or of the file; -1 if not known
	Created  time.Time // when it was built, as it says itself
	Layers   int       // how many; -1 if that cannot be told without opening it
	Platform string    // "linux/amd64"

	// Of a container, which is listed as its image with its own layer on top: Size is
	// that layer's, ID and Name are the container's.
	Container bool
	State     string // "running", "exited" ...
	Image     string // as the container was asked for: "app:1"
}

// A Place is where images of this machine may be: an engine, or the files of a
// folder.
type Place struct {
	Name       string // "docker", "podman", "containerd", "containers" or "files"
	Containers bool   // what it lists are containers

	list func(context.Context) ([]LocalImage, error)
}

// ErrNoEngine says that nothing names an engine, and that none listens at its
// default address: most likely, it is not installed.
var ErrNoEngine = engine.ErrNoEngine

// Places returns where to look for images: every kind of source that can list
// them, such as the engines, and the archives and layouts in dir itself. Of an
// archive with several platforms, the image for opts.Platform is listed, else the
// one for the host. With opts.Engine, there are only that engine's images and
// containers. Nothing is asked before Place.Images is called.
func Places(dir string, opts Options) []Place {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	l := &lister{Options: opts, dir: dir}
	var out []Place
	for _, k := range kinds() {
		if k.list != nil && (opts.Engine == "" || k.place == opts.Engine || k.containers) {
			out = append(out, Place{k.place, k.containers, func(ctx context.Context) ([]LocalImage, error) { return k.list(l, ctx) }})
		}
	}
	return out
}

// Images lists the images of a place, in no order. There may be some beside an
// error, which says what could not be looked at. It wraps ErrNoEngine if there
// is no engine of that kind, and is the context's error once that has ended:
// Images does not wait for an engine or a disk that does not answer.
func (p Place) Images(ctx context.Context) ([]LocalImage, error) {
	type answer struct {
		images []LocalImage
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		a.err = crash.Do(func() (err error) {
			a.images, err = p.list(ctx)
			return err
		})
		done <- a
	}()
	select {
	case a := <-done:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return a.images, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A lister is one look at what there is.
type lister struct {
	Options
	dir string // whose files are looked at
}
