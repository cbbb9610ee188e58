package source

import (
	"context"
	"errors"
	"strings"

	"github.com/peelhq/peel/source/registry"
)

// DiffIDsOf returns the diffIDs of the image that ref names, lowest first. It
// looks in the engines that respond, in files, in the cache and, unless im was
// opened offline, in a registry. It reads no layer, except in compressed
// archives, which must be read whole.
func (im *Image) DiffIDsOf(ctx context.Context, ref string) ([]string, error) {
	ids, err := im.LocalDiffIDsOf(ctx, ref)
	if err == nil {
		return ids, nil
	}
	k, rest := kindOf(ref)
	switch {
	case k == nil && strings.Contains(ref, "://"):
		return nil, err // it has no known kind
	case k != nil && k.diffIDs != nil:
		return nil, err // it has been asked
	case k != nil && k.remote:
		ids, _, err := im.RegistryDiffIDsOf(ctx, rest, true, false)
		return ids, err
	case k != nil:
		return im.openedDiffIDs(ctx, k.open, ref, rest)
	}
	ids, fileErr := im.openedDiffIDs(ctx, openNamedFile, ref, ref)
	if fileErr == nil || !errors.Is(fileErr, errNoFile) || looksLikePath(ref) || !registry.IsName(ref) {
		if fileErr != nil {
			fileErr = errors.Join(fileErr, err)
		}
		return ids, fileErr
	}
	if asking := im.opened.Asking; asking != nil && !im.opened.Offline {
		asking(ref)
	}
	ids, _, registryErr := im.RegistryDiffIDsOf(ctx, ref, true, false)
	if registryErr != nil {
		return nil, errors.Join(fileErr, err, registryErr)
	}
	return ids, nil
}

// openedDiffIDs opens an image to get its diffIDs.
func (im *Image) openedDiffIDs(ctx context.Context, open func(context.Context, *opener, string) (*Image, error), ref, rest string) (ids []string, err error) {
	o := im.baseOpener(ref)
	defer func() { err = errors.Join(err, o.cache.close()) }()
	other, err := open(ctx, o, rest)
	if err != nil {
		return nil, err
	}
	for _, l := range other.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids, other.Close()
}

// basePlatform returns the platform to request for a base image of im. For Windows it is the
// build alone, because the base may have had a later revision ("10.0.20348.2582").
func (im *Image) basePlatform() string {
	numbers := strings.SplitN(im.OSVersion, ".", 4)
	if im.Platform == "" || len(numbers) < 3 {
		return im.Platform
	}
	return im.Platform + ":" + strings.Join(numbers[:3], ".")
}

// LocalDiffIDsOf is like DiffIDsOf, but limited to sources that can return diffIDs without
// opening the image: the engines that respond.
func (im *Image) LocalDiffIDsOf(ctx context.Context, ref string) ([]string, error) {
	meant, rest := kindOf(ref)
	if meant == nil && strings.Contains(ref, "://") {
		return nil, absent("%q: unknown scheme", ref)
	}
	var errs []error
	for _, k := range kinds() {
		name := ref
		switch {
		case k.diffIDs == nil, meant == nil && !k.named, meant != nil && meant.prefix != k.prefix:
			continue
		case meant != nil:
			name = rest
		}
		ids, err := k.diffIDs(ctx, im, name)
		if err == nil {
			return ids, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, errors.New("the layers of a file are known only once it is opened")
	}
	return nil, errors.Join(errs...)
}
