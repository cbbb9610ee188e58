package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source/engine"
)

// A LocalImage is an image that can be opened without a registry: an image of an engine under one
// of its names, an image in a file, or the image of a container. Unknown text is "", an unknown
// time is zero.
type LocalImage struct {
	Ref      string    // the reference for Open: "docker://app:1", "app.tar:app:2"
	Engine   string    // "docker", "podman" or "containerd"; "" for a file
	Within   string    // its namespace in containerd; "" elsewhere
	File     string    // the archive or folder; "" for an image of an engine
	Name     string    // the tag: an image with two tags is listed twice
	ID       string    // the engine's ID, or the digest of the config: "sha256:..."
	Size     int64     // bytes, as counted by the engine, or of the file; -1 if unknown
	Created  time.Time // build time from the config
	Layers   int       // number of layers; -1 if that requires opening the image
	Platform string    // "linux/amd64"

	// For a container, listed as its image with its own layer on top: Size is the size of that
	// layer, ID and Name are the container's.
	Container bool
	State     string // "running", "exited" ...
	Image     string // the image name that the container was created from: "app:1"
}

// A Place may hold images on this machine: an engine, or the files of a folder.
type Place struct {
	Name       string // "docker", "podman", "containerd", "containers" or "files"
	Containers bool   // it lists containers

	list func(context.Context) ([]LocalImage, error)
}

// ErrNoEngine says that no setting names an engine and that none listens at its default address.
// Most likely it is not installed.
var ErrNoEngine = engine.ErrNoEngine

// Places returns the places to look for images: every kind of source that can
// list its images (the engines, for example), and the archives and layouts in
// dir itself. For an archive with several platforms, the list has the image for
// opts.Platform, by default the host's. With opts.Engine, the places are that
// engine's images and containers only. Places itself sends no request;
// Place.Images does.
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

// Images lists the images of a place, in no particular order. It may return
// some images along with an error, which says what could not be read. The error
// wraps ErrNoEngine if the engine does not exist, and is the context's error
// after the context ends: Images does not wait for an engine or a disk that
// does not respond.
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

// A lister lists images once.
type lister struct {
	Options
	dir string // the folder whose files are listed
}
