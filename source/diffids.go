package source

import (
	"context"
	"errors"
	"strings"
)

// DiffIDsOf returns the diffIDs of the image that ref names, lowest first: one
// of an engine that answers, or in a file. No layer of it is read but where a
// compressed archive leaves no other way.
func (im *Image) DiffIDsOf(ctx context.Context, ref string) ([]string, error) {
	ids, err := im.LocalDiffIDsOf(ctx, ref)
	if err == nil {
		return ids, nil
	}
	opts := im.opened
	o := opener{Options: Options{Platform: im.basePlatform(), Log: im.log, Offline: opts.Offline, InsecureRegistries: opts.InsecureRegistries, Agent: opts.Agent}, ref: ref, cache: openCache(opts.Cache, im.log)}
	defer func() { _ = o.cache.close() }()
	open := openNamedFile
	if k, rest := kindOf(ref); k != nil {
		if k.diffIDs != nil {
			return nil, err // it has been asked
		}
		open, ref = k.open, rest
	}
	other, fileErr := open(ctx, &o, ref)
	if fileErr != nil {
		return nil, errors.Join(fileErr, err)
	}
	for _, l := range other.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids, other.Close()
}

// basePlatform is what to ask for of an image that im may be built on: of Windows,
// the build that it needs, for a later revision ("10.0.20348.2582") of the base
// may have been used.
func (im *Image) basePlatform() string {
	numbers := strings.SplitN(im.OSVersion, ".", 4)
	if im.Platform == "" || len(numbers) < 3 {
		return im.Platform
	}
	return im.Platform + ":" + strings.Join(numbers[:3], ".")
}

// LocalDiffIDsOf is DiffIDsOf for the kinds of source that can tell diffIDs
// without opening the image: the engines that answer.
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
