//go:build darwin || freebsd

package layer

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// statFile returns the status of an open file.
func statFile(f *os.File) (fileStatus, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileStatus{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return statusOfStat(&st), nil
}

// statAt returns the status of a file in a directory without following a link.
func statAt(dir *os.File, name string) (fileStatus, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fileStatus{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return statusOfStat(&st), nil
}

func statusOfStat(st *unix.Stat_t) fileStatus {
	s := fileStatus{
		uid: int64(st.Uid), gid: int64(st.Gid), size: st.Size, blocks: st.Blocks,
		sec: st.Mtim.Sec, nsec: uint32(st.Mtim.Nsec), changed: st.Ctim.Sec, changedNsec: uint32(st.Ctim.Nsec),
		major: int64(unix.Major(uint64(st.Rdev))), minor: int64(unix.Minor(uint64(st.Rdev))),
		dev: uint64(st.Dev), ino: st.Ino, links: uint64(st.Nlink),
	}
	s.setMode(uint32(st.Mode))
	return s
}

// openRegular opens a regular file in a directory for reading. It does not open other types,
// unless the file is replaced at that very moment: then opening does not block, and nothing is
// read.
func openRegular(dir *os.File, name string) (*os.File, fileStatus, error) {
	listed, err := statAt(dir, name)
	switch {
	case err != nil:
		return nil, listed, err
	case listed.typ != File || listed.odd:
		return nil, listed, ErrChanged
	}
	f, err := openAt(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, listed, err
	}
	opened, err := statFile(f)
	if err == nil && !opened.sameFile(&listed) {
		err = ErrChanged
	}
	if err != nil {
		return nil, listed, errors.Join(err, f.Close())
	}
	return f, opened, nil
}

// An xattrReader reads nothing here, because this system's extended attributes are not those of a
// Linux root filesystem.
type xattrReader struct{}

func (*xattrReader) read(*os.File, string, *FolderFile, *folderWalk) {}
