package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/peelhq/peel/internal/draft"
)

var (
	errDangling = errors.New("it is a symbolic link to nothing: name the file itself, or remove the link")
	errIsFolder = errors.New("it is a folder, not a file")
)

// writeFile makes write's output the whole content of the file name. At any
// time, the file has either its complete old or its complete new content, and
// an interrupt leaves nothing behind. It follows a link to a file, and rejects
// a dangling one. It writes directly to devices and pipes.
func writeFile(ctx context.Context, name string, write func(io.Writer) error) error {
	f, err := inherited(name)
	if err != nil {
		return err
	}
	if f != nil {
		return writeTo(ctx, f, write)
	}
	name, info, err := target(name)
	switch {
	case err != nil:
		return err
	case info == nil:
		return replace(ctx, name, nil, write)
	case !info.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return writeTo(ctx, f, write)
	}
	err = replace(ctx, name, info, write)
	if cannotReplace(err) {
		return overwrite(ctx, name, write)
	}
	return err
}

// target returns the file that a name means, with links followed, and what exists there now, or
// nil.
func target(name string) (string, fs.FileInfo, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return "", nil, errIsFolder
	case err == nil:
		if info.Mode().IsRegular() {
			name, err = filepath.EvalSymlinks(name)
		}
		return name, info, err
	case !errors.Is(err, fs.ErrNotExist):
		return "", nil, reason(err)
	}
	if link, err := os.Lstat(name); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		return "", nil, errDangling
	}
	dir := filepath.Dir(name)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, fmt.Errorf("no folder %s", dir)
	case err != nil:
		return "", nil, reason(err)
	case !info.IsDir():
		return "", nil, fmt.Errorf("%s is not a folder", dir)
	case strings.HasSuffix(name, string(filepath.Separator)):
		return "", nil, errIsFolder
	}
	return name, nil, nil
}

// reason returns a system error without the call and the path.
func reason(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	if link := (*os.LinkError)(nil); errors.As(err, &link) {
		return link.Err
	}
	return err
}

// A replaceError says that a file can't replace another.
type replaceError struct{ error }

func (e *replaceError) Unwrap() error { return e.error }

// cannotReplace reports whether err means that a file may be writable but not replaceable: its
// folder is not writable, or the file is a mount, as in containers.
func cannotReplace(err error) bool {
	if _, ok := errors.AsType[*replaceError](err); !ok {
		return false
	}
	for _, reason := range []error{fs.ErrPermission, syscall.EROFS, syscall.EBUSY, syscall.EXDEV} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// replace writes a file and gives it the name. The mode is that of the old file, whose info is nil
// if there is none.
func replace(ctx context.Context, name string, info fs.FileInfo, write func(io.Writer) error) (err error) {
	dir, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return &replaceError{reason(err)}
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	d, err := draft.New(dir, 0o666)
	if err != nil {
		return &replaceError{reason(err)}
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if info != nil {
		if err := d.Chmod(info.Mode().Perm()); err != nil {
			return reason(err)
		}
	}
	if err := written(ctx, d, write); err != nil {
		return err
	}
	if err := d.Replace(filepath.Base(name)); err != nil {
		return &replaceError{reason(err)}
	}
	return nil
}

// overwrite writes into an existing file. It prepares the content first, so that an interrupt or
// an error leaves the old content.
func overwrite(ctx context.Context, name string, write func(io.Writer) error) (err error) {
	d, err := draft.Scratch()
	if err != nil {
		return fmt.Errorf("preparing it in %s: %w", os.TempDir(), reason(err))
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := written(ctx, d, write); err != nil {
		return err
	}
	if _, err := d.Seek(0, io.SeekStart); err != nil {
		return reason(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return reason(err)
	}
	n, err := io.Copy(f, d)
	if err == nil {
		err = f.Truncate(n)
	}
	return errors.Join(err, f.Close())
}

// writeNewFile is writeFile for a new name. If a file or a link has the name, it returns an error
// (fs.ErrExist), and changes nothing.
func writeNewFile(ctx context.Context, name string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(name); err == nil {
		return fs.ErrExist
	}
	if _, _, err := target(name); err != nil {
		return err
	}
	dir, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return reason(err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	d, err := draft.New(dir, 0o666)
	if err != nil {
		return reason(err)
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if err := written(ctx, d, write); err != nil {
		return err
	}
	return reason(d.Create(filepath.Base(name)))
}

// writeTo writes to an open file, and closes it.
func writeTo(ctx context.Context, f *os.File, write func(io.Writer) error) error {
	return errors.Join(written(ctx, f, write), f.Close())
}

// written writes to w until the context ends.
func written(ctx context.Context, w io.Writer, write func(io.Writer) error) error {
	return reason(flushed(bufio.NewWriterSize(contextWriter{ctx, w}, outputBuffer), write))
}
