package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noStatx is set after the system has refused statx, as old kernels and sandboxes do.
var noStatx atomic.Bool

// statFile returns the status of an open file.
func statFile(f *os.File) (fileStatus, error) { return status(f, "", unix.AT_EMPTY_PATH) }

// statAt returns the status of a file in a directory without following a link or triggering a
// mount.
func statAt(dir *os.File, name string) (fileStatus, error) {
	return status(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
}

func status(dir *os.File, name string, flags int) (s fileStatus, err error) {
	if !noStatx.Load() {
		var x unix.Statx_t
		err = unix.Statx(int(dir.Fd()), name, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &x)
		switch {
		case err == nil:
			return statusOfStatx(&x), nil
		case !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM):
			return s, &fs.PathError{Op: "stat", Path: name, Err: err}
		}
	}
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, flags); err != nil {
		return s, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	noStatx.Store(true)
	return statusOfStat(&st), nil
}

func statusOfStatx(x *unix.Statx_t) fileStatus {
	s := fileStatus{
		uid: int64(x.Uid), gid: int64(x.Gid), size: int64(x.Size), blocks: int64(x.Blocks),
		sec: x.Mtime.Sec, nsec: x.Mtime.Nsec, changed: x.Ctime.Sec, changedNsec: x.Ctime.Nsec,
		major: int64(x.Rdev_major), minor: int64(x.Rdev_minor),
		dev: unix.Mkdev(x.Dev_major, x.Dev_minor), ino: x.Ino, links: uint64(x.Nlink),
	}
	if x.Mask&unix.STATX_MNT_ID != 0 {
		s.mount = x.Mnt_id
	}
	s.setMode(uint32(x.Mode))
	return s
}

func statusOfStat(st *unix.Stat_t) fileStatus {
	s := fileStatus{
		uid: int64(st.Uid), gid: int64(st.Gid), size: st.Size, blocks: st.Blocks,
		sec: wide(st.Mtim.Sec), nsec: uint32(st.Mtim.Nsec), changed: wide(st.Ctim.Sec), changedNsec: uint32(st.Ctim.Nsec),
		major: int64(unix.Major(uint64(wide(st.Rdev)))), minor: int64(unix.Minor(uint64(wide(st.Rdev)))),
		dev: uint64(wide(st.Dev)), ino: st.Ino, links: uint64(wide(st.Nlink)),
	}
	s.setMode(st.Mode)
	return s
}

// wide is a number whose type depends on the processor.
func wide[T ~int32 | ~int64 | ~uint32 | ~uint64](v T) int64 { return int64(v) }

// openRegular opens a regular file in a directory for reading. It never opens
// other types, even if the file is replaced meanwhile, because it checks a
// handle that does not open the file.
func openRegular(dir *os.File, name string) (*os.File, fileStatus, error) {
	handle, err := openAt(dir, name, unix.O_PATH)
	if err != nil {
		return nil, fileStatus{}, err
	}
	defer handle.Close()
	status, err := statFile(handle)
	switch {
	case err != nil:
		return nil, status, err
	case status.typ != File || status.odd:
		return nil, status, ErrChanged
	}
	f, err := os.Open(descriptorPath(handle))
	if errors.Is(err, fs.ErrNotExist) { // no /proc here
		f, err = openAt(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	}
	if err != nil {
		return nil, status, &fs.PathError{Op: "open", Path: name, Err: withoutPath(err)}
	}
	opened, err := statFile(f)
	if err == nil && !opened.sameFile(&status) {
		err = ErrChanged
	}
	if err != nil {
		return nil, status, errors.Join(err, f.Close())
	}
	return f, opened, nil
}

// descriptorPath returns a path to an open file that stays valid if the file is renamed.
func descriptorPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// An xattrReader reads the extended attributes of files. It is for one goroutine.
type xattrReader struct {
	names, value []byte
	told         bool // the failure has been reported
	noListAt     bool // the system can't list them by directory and name
}

// read adds the extended attributes of a file in a directory to f.
func (x *xattrReader) read(dir *os.File, name string, f *FolderFile, w *folderWalk) {
	if x.names == nil {
		x.names, x.value = make([]byte, 1<<16), make([]byte, 1<<16)
	}
	n, err := x.list(dir, name)
	if err != nil {
		x.failed(err, f, w)
		return
	}
	if n == 0 {
		return
	}
	path := descriptorPath(dir) + "/" + name
	for key := range bytes.SplitSeq(x.names[:n], []byte{0}) {
		if len(key) == 0 {
			continue
		}
		kept := keptXattr(string(key))
		if !kept && w.list.folder.options.Translate == nil {
			continue
		}
		n, err := unix.Lgetxattr(path, string(key), x.value)
		if err != nil {
			if kept && !errors.Is(err, unix.ENODATA) {
				w.list.Flaw(f.Name, fmt.Sprintf("its attribute %q could not be read: %v", key, err))
			}
			continue
		}
		to := &f.Host
		if kept {
			to = &f.Xattrs
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[string(key)] = string(x.value[:n])
	}
}

// list stores the names of a file's attributes in x.names and returns their length.
func (x *xattrReader) list(dir *os.File, name string) (int, error) {
	if !x.noListAt {
		// Linux 6.13 and later.
		path, err := unix.BytePtrFromString(name)
		if err != nil {
			return 0, err
		}
		n, _, errno := unix.Syscall6(unix.SYS_LISTXATTRAT, dir.Fd(),
			uintptr(unsafe.Pointer(path)), //nolint:gosec // x/sys has no function for it yet; the system reads it during the call
			unix.AT_SYMLINK_NOFOLLOW,
			uintptr(unsafe.Pointer(&x.names[0])), //nolint:gosec // the system writes to it during the call
			uintptr(len(x.names)), 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.ENOSYS, unix.EPERM:
			x.noListAt = true
		default:
			return 0, errno
		}
	}
	return unix.Llistxattr(descriptorPath(dir)+"/"+name, x.names)
}

// failed records that attributes could not be listed, once for all files if the reason applies to
// all.
func (x *xattrReader) failed(err error, f *FolderFile, w *folderWalk) {
	switch {
	case errors.Is(err, unix.ENOTSUP): // not supported by this file system
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENOSYS):
		if _, gone := statAt(w.root.dir, "."); gone == nil && !x.told && !procThere() {
			x.told = true
			w.list.Flaw([]byte("./"), "extended attributes are not listed, because /proc is missing")
		}
	default:
		w.list.Flaw(f.Name, "its extended attributes could not be read: "+err.Error())
	}
}

// procThere reports whether /proc is available.
func procThere() bool {
	_, err := os.Lstat("/proc/self/fd")
	return err == nil
}
