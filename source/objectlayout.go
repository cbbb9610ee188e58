package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/objects"
)

// # Layouts in an object store

// An objectFolder is a bundle in a bucket: a folder, such as an OCI layout, that was copied to it
// file by file. Each file is read by ranges.
type objectFolder struct {
	prefix *objects.Prefix
	files  map[string]*storedBlob
	shelf  *layer.Shelf
}

var _ bundle = (*objectFolder)(nil)

// openObjectFolder opens the objects whose keys begin with s3://BUCKET/[PREFIX/] as a folder, if one
// of them lists images. The error for no such object wraps fs.ErrNotExist.
func openObjectFolder(ctx context.Context, place string) (*objectFolder, error) {
	prefix, err := objects.OpenPrefix(ctx, place)
	if err != nil {
		return nil, err
	}
	f := &objectFolder{prefix: prefix, files: map[string]*storedBlob{}, shelf: layer.NewShelf()}
	if _, err = f.file(ctx, ociIndexName); errors.Is(err, fs.ErrNotExist) {
		_, err = f.file(ctx, dockerManifestName)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: no object %s or %s below it: %w", place, ociIndexName, dockerManifestName, fs.ErrNotExist)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *objectFolder) file(ctx context.Context, name string) (blob, error) {
	name = memberName(name)
	if b, ok := f.files[name]; ok {
		return b, nil
	}
	object, err := f.prefix.Open(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case err != nil:
		return nil, err
	}
	b := &storedBlob{label: label{name, object.Size()}, at: object, shelf: f.shelf}
	f.files[name] = b
	return b, nil
}

func (f *objectFolder) close() error { return errors.Join(f.shelf.Close(), f.prefix.Close()) }

// layoutAt opens a layout in a bucket. The image closes it, as does a failure.
func (o *opener) layoutAt(ctx context.Context, f *objectFolder, name, tag string) (*Image, error) {
	im, err := o.image(ctx, f, tag, anyForm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, f.close()))
	}
	im.Source = sourceForm(ctx, f, true, anyForm) + name
	return im, nil
}

// maxLayoutNames is the maximum size of the names of a bucket's layouts, in bytes.
const maxLayoutNames = 64 << 20

// bucketLayouts are the folders in a bucket that are or may be layouts, by their names with a slash
// at the end.
type bucketLayouts map[string]*bucketLayout

type bucketLayout struct {
	marked, indexed bool // with oci-layout, index.json
	looked, holds   bool // it was inspected, and is a layout
}

// findLayouts finds the possible layouts below a prefix by the names of objects.
func findLayouts(ctx context.Context, prefix string) (bucketLayouts, error) {
	found := bucketLayouts{}
	names := 0
	err := objects.ListKeys(ctx, prefix, func(name string, size int64) error {
		dir, base := path.Split(name)
		if base != "oci-layout" && base != ociIndexName && base != dockerManifestName || size == 0 {
			return nil
		}
		l := found[dir]
		if l == nil {
			if names += len(dir); names > maxLayoutNames {
				return fmt.Errorf("%s: more layouts than peel lists at once: use a longer prefix", prefix)
			}
			l = &bucketLayout{}
			found[strings.Clone(dir)] = l
		}
		l.marked = l.marked || base == "oci-layout"
		l.indexed = l.indexed || base == ociIndexName
		return nil
	})
	return found, err
}

// holding reports whether an object belongs to a layout. With the first object of a layout, it
// returns the layout's images.
func (ls bucketLayouts) holding(ctx context.Context, name string, opts Options) (of bool, images []LocalImage, err error) {
	for i := len(objectPrefix); i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		l := ls[name[:i+1]]
		if l == nil || !imageMember.MatchString(name[i+1:]) {
			continue
		}
		if !l.looked {
			l.looked = true
			images, err = l.look(ctx, name[:i+1], opts)
			if l.holds = len(images) > 0; err != nil {
				return false, nil, err
			}
		}
		if l.holds {
			return true, images, nil
		}
	}
	return false, nil, nil
}

// look lists the images in a folder: by name if it can be read. An OCI layout that cannot be read
// is one image. Any other folder that cannot be read is none.
func (l *bucketLayout) look(ctx context.Context, place string, opts Options) ([]LocalImage, error) {
	whole := LocalImage{Ref: place, File: place, Size: -1, Layers: -1}
	f, err := openObjectFolder(ctx, place)
	if err == nil {
		defer func() { _ = f.close() }()
		var candidates []candidate
		if candidates, err = candidatesOf(ctx, f); err == nil {
			return whole.holding(ctx, candidates, opts.Platform), nil
		}
	}
	opts.Log.Debug("not a layout", "place", place, "error", err)
	if l.marked && l.indexed && ctx.Err() == nil {
		return []LocalImage{whole}, nil
	}
	return nil, ctx.Err()
}
