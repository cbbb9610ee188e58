//go:build linux || darwin || freebsd

package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// openDirs is the maximum number of open directories during a walk: the root and the deepest
// ones. Those between are reopened on the way back.
const openDirs = 64

// nameCost is the memory of a pending name without its bytes.
const nameCost = 24

// A folderRoot is the root directory of a folder.
type folderRoot struct {
	dir    *os.File
	status fileStatus
}

func openFolderRoot(dir string) (*folderRoot, error) {
	// Only a directory can be opened in this way: opening a device could have side effects.
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	status, err := statFile(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &folderRoot{f, status}, nil
}

func (r *folderRoot) close() error { return r.dir.Close() }

// A folderWalk walks a folder, a directory before its content. To be safe
// against races, it opens a directory by name in its parent without following a
// link, and enters it only if it is the one that was listed; it reopens the
// parent as ".." and verifies that it is the same one.
type folderWalk struct {
	ctx   context.Context
	root  *folderRoot
	list  *FolderList
	path  []byte // of the top directory, ending with a slash; "" for the root
	name  []byte // of the current file
	stack []level
	seen  int
	xattr xattrReader
}

// A level is a directory on the path from the root.
type level struct {
	dir    *os.File // nil while closed
	status fileStatus
	names  []string // names still to visit, in reverse order
	parent int      // length of the parent's path
	cost   int64    // of the names
}

// walk adds every file to a list.
func (r *folderRoot) walk(ctx context.Context, list *FolderList) (err error) {
	w := &folderWalk{ctx: ctx, root: r, list: list}
	defer func() { err = errors.Join(err, w.close()) }()
	dir, err := openDirAt(r.dir, ".")
	if err != nil {
		return err
	}
	file := FolderFile{status: r.status}
	file.Name = []byte("./")
	file.fill()
	w.xattr.read(r.dir, ".", &file, w)
	switch err := list.list(&file); {
	case errors.Is(err, fs.SkipDir):
		return dir.Close()
	case err != nil:
		return errors.Join(err, dir.Close())
	}
	if err := w.enter(dir, r.status, 0); err != nil {
		return err
	}
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		if len(top.names) == 0 {
			w.leave()
			continue
		}
		name := top.names[len(top.names)-1]
		top.names = top.names[:len(top.names)-1]
		if w.seen++; w.seen%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := w.visit(top, name); err != nil {
			return err
		}
	}
	return nil
}

// enter enters an open directory, which w takes over. Its names come from the path in w.path.
func (w *folderWalk) enter(dir *os.File, status fileStatus, parent int) error {
	if deep := len(w.stack) - openDirs; deep > 0 && w.stack[deep].dir != nil {
		_ = w.stack[deep].dir.Close() // nothing was written
		w.stack[deep].dir = nil
	}
	l := level{dir: dir, status: status, parent: parent}
	w.stack = append(w.stack, l)
	top := &w.stack[len(w.stack)-1]
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			top.cost += int64(len(name)) + nameCost
		}
		top.names = append(top.names, names...)
		switch {
		case err == io.EOF:
		case err != nil:
			w.flaw("its content could not be listed: " + withoutPath(err).Error())
		case w.ctx.Err() != nil:
			return w.ctx.Err()
		case len(top.names) > maxEntries:
			return fmt.Errorf("more than %d entries", maxEntries)
		default:
			continue
		}
		break
	}
	slices.SortFunc(top.names, func(a, b string) int { return strings.Compare(b, a) })
	return w.list.options.Budget.take(top.cost)
}

// flaw records a fault of the top directory.
func (w *folderWalk) flaw(problem string) {
	name := w.path
	if len(name) == 0 {
		name = []byte("./")
	}
	w.list.Flaw(name, problem)
}

// leave returns to the parent directory.
func (w *folderWalk) leave() {
	last := len(w.stack) - 1
	top := w.stack[last]
	w.stack = w.stack[:last]
	w.path = w.path[:top.parent]
	_ = w.list.options.Budget.take(-top.cost) // refund
	if last > 0 && w.stack[last-1].dir == nil {
		w.reopen(&w.stack[last-1], top.dir)
	}
	if top.dir != nil {
		_ = top.dir.Close() // nothing was written
	}
}

// reopen opens a directory again, from one of its children or from the root.
func (w *folderWalk) reopen(l *level, below *os.File) {
	if below != nil {
		if dir, err := openSame(below, "..", &l.status); err == nil {
			l.dir = dir
			return
		}
	}
	dir, err := w.root.openDir(w.path)
	if err == nil {
		status, failed := statFile(dir)
		if failed == nil && status.sameFile(&l.status) {
			l.dir = dir
			return
		}
		_ = dir.Close() // nothing was written
	}
	if len(l.names) > 0 {
		w.flaw("it was moved or removed while it was read: its list is incomplete")
		l.names = nil
	}
}

// openSame opens a directory and verifies its status.
func openSame(at *os.File, name string, want *fileStatus) (*os.File, error) {
	dir, err := openDirAt(at, name)
	if err != nil {
		return nil, err
	}
	status, err := statFile(dir)
	if err == nil && !status.sameFile(want) {
		err = ErrChanged
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func (w *folderWalk) close() error {
	var errs []error
	for _, l := range w.stack {
		if l.dir != nil {
			errs = append(errs, l.dir.Close())
		}
		_ = w.list.options.Budget.take(-l.cost) // refund
	}
	return errors.Join(errs...)
}

// visit lists a file of the top directory, and enters it if it is a directory.
func (w *folderWalk) visit(l *level, name string) error {
	parent := len(w.path)
	file := FolderFile{}
	w.name = append(append(w.name[:0], w.path...), name...)
	file.Name = w.name
	if len(file.Name)+1 > maxName {
		w.list.Flaw(file.Name[:1<<10], fmt.Sprintf("left out: its path has more than %d bytes", maxName))
		return nil
	}
	var err error
	if file.status, err = statAt(l.dir, name); err != nil {
		problem := "left out: " + withoutPath(err).Error()
		if errors.Is(err, fs.ErrNotExist) {
			problem = "it was removed while the folder was read"
		}
		w.list.Flaw(file.Name, problem)
		return nil
	}
	if file.status.odd {
		w.list.Flaw(file.Name, "left out: it is of an unknown type")
		return nil
	}
	file.fill()
	mounted := !w.list.folder.options.CrossMounts && file.status.elsewhere(&w.root.status)
	if file.Type == Dir {
		file.Name = append(file.Name, '/')
	}
	w.attributes(l, name, &file, mounted)
	switch err := w.list.list(&file); {
	case errors.Is(err, fs.SkipDir):
		return nil
	case err != nil || file.status.typ != Dir || mounted:
		return err
	}
	w.path = append(append(w.path, name...), '/')
	dir, err := openSame(l.dir, name, &file.status)
	switch {
	case err == nil:
		return w.enter(dir, file.status, parent)
	case errors.Is(err, ErrChanged), errors.Is(err, fs.ErrNotExist):
		w.flaw("it changed while the folder was read: its content is not listed")
	default:
		w.flaw("its content cannot be listed: " + withoutPath(err).Error())
	}
	w.path = w.path[:parent]
	return nil
}

// attributes fills in what lstat does not return.
func (w *folderWalk) attributes(l *level, name string, f *FolderFile, mounted bool) {
	switch {
	case mounted && f.Type == Dir:
		// An empty directory: the interesting parts are in the mounting command.
	case mounted && f.Type == File:
		f.Size, f.Stored, f.status = 0, 0, fileStatus{typ: File}
		w.list.Flaw(f.Name, "something is mounted here: its content is left out")
		return
	case f.status.socket && w.list.folder.options.Translate != nil: // Translate decides what happens to it
	case f.status.socket:
		w.list.Flaw(f.Name, "a socket: listed as a named pipe, since layers hold no sockets")
	case f.Type == File && f.status.mode&0o444 != 0o444 && !readable(l.dir, name):
		w.list.Flaw(f.Name, "its content cannot be read: permission denied")
	case f.Type == File && f.status.blocks*512 < f.Size:
		w.holes(l, name, f)
	case f.Type == Symlink:
		link, err := readLinkAt(l.dir, name)
		if err != nil {
			w.list.Flaw(f.Name, "its target could not be read: "+withoutPath(err).Error())
		}
		f.Link = link
	}
	w.xattr.read(l.dir, name, f, w)
}

// holes finds out how much of a file is data.
func (w *folderWalk) holes(l *level, name string, f *FolderFile) {
	file, status, err := openRegular(l.dir, name)
	if err != nil {
		return // listed without holes; its reader reports the error
	}
	defer file.Close()
	if status.state() != f.status.state() {
		return
	}
	fragments, ok := dataOf(file, f.Size)
	if !ok {
		return
	}
	if stored, ok := checkFragments(fragments, f.Size); ok && stored < f.Size {
		f.Sparse, f.Stored = true, stored
	}
}

// dataOf returns the data ranges of a file; false if unknown, or if there are too many.
func dataOf(file *os.File, size int64) (fragments []fragment, ok bool) {
	for at := int64(0); at < size; {
		from, err := unix.Seek(int(file.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return fragments, true // only a hole is left
		}
		if err != nil || from < at || len(fragments) >= maxFragments {
			return nil, false
		}
		if from >= size {
			return fragments, true
		}
		to, err := unix.Seek(int(file.Fd()), from, unix.SEEK_HOLE)
		if err != nil || to <= from {
			return nil, false
		}
		to = min(to, size)
		fragments = append(fragments, fragment{from, to - from})
		at = to
	}
	return fragments, true
}

// fill sets the file's record from its status.
func (f *FolderFile) fill() {
	s := &f.status
	f.Type, f.Mode, f.UID, f.GID = s.typ, s.mode, s.uid, s.gid
	f.Sec, f.Nsec = s.sec, s.nsec
	if s.typ == File {
		f.Size, f.Stored = s.size, s.size
	}
	if s.typ == Char || s.typ == Block {
		f.Major, f.Minor = s.major, s.minor
	}
}
