package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/peelhq/peel/source/objects"
)

// # Archives in an object store

// objectPrefix starts a reference to an archive or a layout in a bucket: s3://BUCKET/KEY[:TAG]. The
// environment names the store and the credentials, as for Amazon's own tools.
const objectPrefix = "s3://"

// openObject opens an archive or a layout in a bucket. Only the parts that are needed are fetched.
func openObject(ctx context.Context, o *opener, rest string) (*Image, error) {
	if o.Offline {
		return nil, fmt.Errorf("%s%s: not asked, because of --offline", objectPrefix, rest)
	}
	found, err := findObject(ctx, rest)
	if err != nil {
		return nil, err
	}
	var im *Image
	if found.layout != nil {
		im, err = o.layoutAt(ctx, found.layout, found.name, found.tag)
	} else {
		im, err = o.archiveAt(ctx, found.archive, found.archive.Size(), found.name, found.tag)
	}
	if err != nil {
		return nil, err
	}
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return openObject(ctx, o, rest) })
	return im, nil
}

// A foundObject is what a reference to an object store names: an archive or a layout.
type foundObject struct {
	name, tag string
	archive   objects.Object
	layout    *objectFolder // nil for an archive
}

// findObject finds what a reference names. A key may contain colons, so the whole reference is
// tried first.
func findObject(ctx context.Context, rest string) (*foundObject, error) {
	name := objectPrefix + rest
	found, err := objectAt(ctx, name)
	first := err
	for i := len(name) - 1; errors.Is(err, fs.ErrNotExist) && i > len(objectPrefix); i-- {
		if name[i] != ':' {
			continue
		}
		if found, err = objectAt(ctx, name[:i]); err == nil {
			found.tag = name[i+1:]
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, asNotFound(first)
	}
	return found, err
}

// objectAt opens the archive of that name, or the layout in the objects whose keys begin with the
// name and a slash.
func objectAt(ctx context.Context, name string) (*foundObject, error) {
	if strings.HasSuffix(name, "/") {
		layout, err := openObjectFolder(ctx, name)
		return &foundObject{name: name, layout: layout}, err
	}
	archive, err := objects.OpenKey(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		if layout, err := openObjectFolder(ctx, name+"/"); err == nil {
			return &foundObject{name: name, layout: layout}, nil
		}
	}
	return &foundObject{name: name, archive: archive}, err
}

// BucketArchives lists the images in the archives and layouts of a bucket whose keys begin with a
// prefix, s3://BUCKET[/PREFIX], and calls fn with those of each. An archive is an object with a name
// like a file's that Archives looks into, but not if it is a blob of a layout. An archive or an OCI
// layout that cannot be read is handed on as one image, which Open then reports. BucketArchives
// stops at the first error of fn and returns it.
func BucketArchives(ctx context.Context, prefix string, opts Options, fn func([]LocalImage) error) error {
	if err := opts.check(); err != nil {
		return err
	}
	layouts, err := findLayouts(ctx, prefix)
	if err != nil {
		return err
	}
	return objects.ListKeys(ctx, prefix, func(name string, size int64) error {
		of, images, err := layouts.holding(ctx, name, opts)
		switch {
		case err != nil:
			return err
		case len(images) > 0:
			return fn(images)
		case of || size == 0 || !hasSuffix(name):
			return nil
		}
		images, err = imagesInObject(ctx, name, size, opts)
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
