package source

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/peelhq/peel/source/registry"
)

// ErrImageExists says that a registry has an image of that name already.
var ErrImageExists = registry.ErrExists

// CheckPush fails if an image cannot be pushed to a name, "HOST/REPO:TAG", and with an
// error that wraps ErrImageExists if there is one of that name. The registry is asked for
// the name; of opts, what says how registries are reached counts.
func CheckPush(ctx context.Context, name string, opts Options) error {
	client := pusher(opts)
	to, err := client.Target(name)
	if err == nil {
		err = to.Free(ctx)
	}
	return errors.Join(err, client.Close())
}

// PushFolder pushes the one image of an OCI layout to a registry, as name, and replaces
// what has that name. Blobs that the registry has are not sent. The error holds no secret.
func PushFolder(ctx context.Context, dir, name string, opts Options) error {
	client := pusher(opts)
	err := pushFolder(ctx, client, dir, name)
	return errors.Join(err, client.Close())
}

func pushFolder(ctx context.Context, client *registry.Client, dir, name string) error {
	to, err := client.Target(name)
	if err != nil {
		return err
	}
	img, err := imageIn(dir)
	if err != nil {
		return fmt.Errorf("the new image: %w", err)
	}
	return to.Push(ctx, img)
}

// imageIn returns the one image of an OCI layout.
func imageIn(dir string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(list.Manifests) != 1 {
		return nil, fmt.Errorf("%d images in the layout, want one", len(list.Manifests))
	}
	return index.Image(list.Manifests[0].Digest)
}

func pusher(opts Options) *registry.Client {
	return registry.NewClient(registry.Options{Insecure: opts.InsecureRegistries, Offline: opts.Offline, Agent: opts.Agent, Log: opts.Log})
}
