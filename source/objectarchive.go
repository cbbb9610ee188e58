package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/peelhq/peel/source/objects"
)

// # Archives in an object store

// objectPrefix starts a reference to an archive in a bucket: s3://BUCKET/KEY[:TAG]. The
// environment names the store and the credentials, as for Amazon's own tools.
const objectPrefix = "s3://"

// openObject opens an archive in a bucket. Only the parts that are needed are fetched.
func openObject(ctx context.Context, o *opener, rest string) (*Image, error) {
	if o.Offline {
		return nil, fmt.Errorf("%s%s: not asked, because of --offline", objectPrefix, rest)
	}
	name, tag, object, err := findObject(ctx, rest)
	if err != nil {
		return nil, err
	}
	im, err := o.archiveAt(ctx, object, object.Size(), name, tag)
	if err != nil {
		return nil, err
	}
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return openObject(ctx, o, rest) })
	return im, nil
}

// findObject opens an object. A key may contain colons, so the whole reference is tried first.
func findObject(ctx context.Context, rest string) (name, tag string, object objects.Object, err error) {
	name = objectPrefix + rest
	object, err = objects.OpenKey(ctx, name)
	first := err
	for i := len(name) - 1; errors.Is(err, fs.ErrNotExist) && i > len(objectPrefix); i-- {
		if name[i] != ':' {
			continue
		}
		if object, err = objects.OpenKey(ctx, name[:i]); err == nil {
			return name[:i], name[i+1:], object, nil
		}
	}
	switch {
	case err == nil:
		return name, "", object, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", "", nil, asNotFound(first)
	}
	return "", "", nil, err
}

// BucketArchives lists the images in the archives of a bucket whose keys begin with a prefix,
// s3://BUCKET[/PREFIX], and calls fn with those of each archive: an object with a name like a
// file's that Archives looks into. An archive that cannot be read is handed on as one image, which
// Open then reports. It stops at the first error of fn and returns it.
func BucketArchives(ctx context.Context, prefix string, opts Options, fn func([]LocalImage) error) error {
	if err := opts.check(); err != nil {
		return err
	}
	return objects.ListKeys(ctx, prefix, func(name string, size int64) error {
		if size == 0 || !hasSuffix(name) {
			return nil
		}
		images, err := imagesInObject(ctx, name, size, opts)
		if err != nil {
			return err
		}
		return fn(images)
	})
}

// imagesInObject lists the images in an archive: by name if it can be read in places, else the
// archive alone.
func imagesInObject(ctx context.Context, name string, size int64, opts Options) ([]LocalImage, error) {
	whole := LocalImage{Ref: name, File: name, Size: size, Layers: -1}
	object, err := objects.OpenKey(ctx, name)
	if err != nil {
		return []LocalImage{whole}, ctx.Err()
	}
	b, err := quickArchive(ctx, object, size)
	switch {
	case errors.Is(err, errNotImages):
		return nil, nil
	case b == nil:
		return []LocalImage{whole}, ctx.Err()
	}
	defer func() { _ = b.close() }()
	candidates, err := candidatesOf(ctx, b)
	if err != nil {
		return nil, ctx.Err() // some other archive
	}
	return whole.holding(ctx, candidates, opts.Platform), nil
}
