package source

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/peelhq/peel/source/registry"
)

// ErrImageExists says that a registry already has an image of that name.
var ErrImageExists = registry.ErrExists

// CheckPush returns an error if an image can't be pushed to a name, "HOST/REPO:TAG". The error
// wraps ErrImageExists if the name exists. It asks the registry for the name, and uses only those
// opts that control access to registries.
func CheckPush(ctx context.Context, name string, opts Options) error {
	client := pusher(opts)
	to, err := client.Target(name)
	if err == nil {
		err = to.Free(ctx)
	}
	return errors.Join(err, client.Close())
}

// PushFolder pushes the only image of an OCI layout to a registry under name, replacing any image
// of that name. It skips blobs that the registry already has. The error contains no secrets.
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

// imageIn returns the only image of an OCI layout.
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
