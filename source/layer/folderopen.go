//go:build linux || darwin || freebsd

package layer

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openAt opens a file in a directory without following a link.
func openAt(dir *os.File, name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// openDirAt opens a directory in a directory. Opening anything else fails without side effects.
func openDirAt(dir *os.File, name string) (*os.File, error) {
	return openAt(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
}

// openDir opens the directory at a path, which ends with a slash, or "" for the root, component
// by component.
func (r *folderRoot) openDir(path []byte) (*os.File, error) {
	dir, err := openDirAt(r.dir, ".")
	for err == nil && len(path) > 0 {
		name, rest, _ := bytes.Cut(path, []byte{'/'})
		if string(name) == ".." || len(name) == 0 { // no entry of a folder has such a name
			return nil, errors.Join(fs.ErrInvalid, dir.Close())
		}
		var next *os.File
		next, err = openDirAt(dir, string(name))
		_ = dir.Close() // nothing was written
		dir, path = next, rest
	}
	return dir, err
}

// readLinkAt returns the target of a symlink.
func readLinkAt(dir *os.File, name string) ([]byte, error) {
	for b := make([]byte, 256); ; b = make([]byte, 4*len(b)) {
		n, err := unix.Readlinkat(int(dir.Fd()), name, b)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, &fs.PathError{Op: "readlink", Path: name, Err: err}
		case n < len(b) || len(b) > maxName:
			return b[:min(n, maxName)], nil
		}
	}
}

// readable reports whether this user may read a file.
func readable(dir *os.File, name string) bool {
	return unix.Faccessat(int(dir.Fd()), name, unix.R_OK, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW) == nil
}

// A folderFinder finds files of a folder. It caches the last directory, because consecutive
// requests are usually for the same one.
type folderFinder struct {
	path []byte
	dir  *os.File // nil if none
}

func (f *folderFinder) close() {
	if f.dir != nil {
		_ = f.dir.Close() // nothing was written
		f.dir = nil
	}
}

// openFile opens the regular file at a path for reading.
func (r *folderRoot) openFile(path []byte, find *folderFinder) (*os.File, fileStatus, error) {
	cut := bytes.LastIndexByte(path, '/') + 1
	if find.dir == nil || !bytes.Equal(find.path, path[:cut]) {
		find.close()
		dir, err := r.openDir(path[:cut])
		if err != nil {
			return nil, fileStatus{}, err
		}
		find.path, find.dir = bytes.Clone(path[:cut]), dir
	}
	return openRegular(find.dir, string(path[cut:]))
}
