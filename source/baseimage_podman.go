package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/peelhq/peel/source/engine"
)

// podmanRoot opens podman's store if it may be read without a service; reason is why no service
// answers.
func podmanRoot(reason error) (*os.Root, error) {
	if engine.PodmanNamed() { // its store may be on another machine
		return nil, reason
	}
	dir, err := engine.PodmanStore()
	if err != nil {
		return nil, errors.Join(err, reason)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, reason
	}
	return root, nil
}

// podmanDiffIDs returns the diffIDs of an image in podman's store.
func podmanDiffIDs(ctx context.Context, ref string, reason error) (_ []string, err error) {
	root, err := podmanRoot(reason)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	search := newStoredSearch("", ref)
	if err := eachStored(ctx, root, podmanImages, search.add); err != nil {
		return nil, fmt.Errorf("podman: %w; %w", err, reason)
	}
	found, _, err := search.found()
	if err != nil {
		return nil, fmt.Errorf("podman: %w", err)
	}
	return podmanConfigDiffIDs(root, "sha256:"+found.ID)
}

// podmanConfigDiffIDs reads the diffIDs of an image from its config in podman's
// store.
func podmanConfigDiffIDs(root *os.Root, id string) ([]string, error) {
	if digestHex(id) == "" {
		return nil, fmt.Errorf("podman: an image with the ID %q", strings.TrimPrefix(id, "sha256:"))
	}
	text, err := storedConfig(root, id, podmanConfig(id))
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(text)
	if err != nil {
		return nil, err
	}
	return config.RootFS.DiffIDs, nil
}

// podmanRelatives is Image.Relatives for podman's store.
func podmanRelatives(ctx context.Context, im *Image, reason error) (_ []Relative, err error) {
	root, err := podmanRoot(reason)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var named []*storedImage
	err = eachStored(ctx, root, podmanImages, func(stored *storedImage) {
		if len(named) < maxRelatives && len(tagsOf(stored.Names)) > 0 {
			copied := *stored
			named = append(named, &copied)
		}
	})
	if err != nil {
		return nil, err
	}
	var out []Relative
	for _, stored := range named {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		ids, err := podmanConfigDiffIDs(root, "sha256:"+stored.ID)
		if err == nil && im.hasLowest(ids) {
			out = append(out, Relative{tagsOf(stored.Names), ids})
		}
	}
	return out, nil
}
