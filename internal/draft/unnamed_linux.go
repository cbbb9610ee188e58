package draft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// unnamed opens a file in dir for reading and writing that has no name and is deleted when it
// is closed. It fails on a file system that doesn't support such files.
func unnamed(dir *os.Root, perm fs.FileMode) (*os.File, error) {
	f, err := dir.OpenFile(".", os.O_RDWR|unix.O_TMPFILE, perm)
	if err != nil {
		return nil, err
	}
	// Linking it needs /proc.
	if err := unix.Access(procName(f), unix.F_OK); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// procName returns a path that leads to an open file.
func procName(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// link gives a file without a name one in dir.
func link(f *os.File, dir *os.Root, name string) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Linkat(unix.AT_FDCWD, procName(f), int(d.Fd()), name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return nil
}
