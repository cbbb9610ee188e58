package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/draft"
)

// A folder is a store in a folder: each object is a file. Links can't lead out of it.
type folder struct {
	place string
	root  *os.Root
}

var _ Store = (*folder)(nil)

// openFolder opens a folder as a store.
func openFolder(place string, create bool) (Store, error) {
	if create {
		if err := os.MkdirAll(place, 0o777); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	root, err := os.OpenRoot(place)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return &folder{place, root}, nil
}

func (f *folder) String() string { return f.place }

// Open opens a file of the folder.
func (f *folder) Open(_ context.Context, name string) (Object, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notThere(f, name)
	}
	if err != nil {
		return nil, f.refused(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notThere(f, name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &folderObject{file, info.Size()}, nil
}

type folderObject struct {
	*os.File
	size int64
}

func (o *folderObject) Size() int64 { return o.size }

// List walks the folder in the order of names.
func (f *folder) List(ctx context.Context, prefix string, fn func(name string, size int64) error) error {
	dir := "."
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		dir = prefix[:i]
	}
	if dir != "." {
		if err := checkName(dir); err != nil {
			return err
		}
	}
	err := f.walk(ctx, dir, prefix, fn)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := f.root.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil // nothing has that prefix
		}
	}
	return err
}

// walk calls fn with the objects in and below dir.
func (f *folder) walk(ctx context.Context, dir, prefix string, fn func(name string, size int64) error) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	// Compare complete object names: "a-" sorts before the content of "a/".
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, e.Name())
		switch {
		case !ValidName(name):
			continue
		case e.IsDir():
			if strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/") {
				if err := f.walk(ctx, name, prefix, fn); err != nil {
					return err
				}
			}
		case e.Type().IsRegular() && strings.HasPrefix(name, prefix):
			info, err := e.Info()
			if err != nil {
				return err
			}
			if err := fn(name, info.Size()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Put writes a file atomically.
func (f *folder) Put(_ context.Context, name string, r io.ReadSeeker, size int64) (made bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	if _, err := f.root.Lstat(name); err == nil {
		return false, nil
	}
	dir, base := path.Split(name)
	if dir == "" {
		dir = "."
	}
	if err := f.root.MkdirAll(path.Clean(dir), 0o777); err != nil {
		return false, f.refused(err)
	}
	in, err := f.root.OpenRoot(dir)
	if err != nil {
		return false, f.refused(err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	d, err := draft.New(in, 0o666)
	if err != nil {
		return false, f.refused(err)
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	switch n, err := io.Copy(d, r); {
	case err != nil:
		return false, fmt.Errorf("writing %s to %s: %w", name, f, err)
	case n != size:
		return false, fmt.Errorf("writing %s: it has %d bytes, not %d", name, n, size)
	}
	if err := d.Sync(); err != nil {
		return false, fmt.Errorf("writing %s to %s: %w", name, f, err)
	}
	if err := d.Create(base); errors.Is(err, fs.ErrExist) {
		return false, nil // another program was faster
	} else if err != nil {
		return false, fmt.Errorf("writing %s to %s: %w", name, f, err)
	}
	return true, nil
}

// refused is an error of the folder for which a retry is useless.
func (f *folder) refused(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
