//go:build linux || darwin || freebsd

package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// A lowerStack is the folders below an upper directory, topmost first.
type lowerStack struct {
	roots []*folderRoot
	xattr xattrReader
}

func openLowerStack(dirs []string) (*lowerStack, error) {
	s := &lowerStack{}
	for _, dir := range dirs {
		root, err := openFolderRoot(dir)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.roots = append(s.roots, root)
	}
	return s, nil
}

// Close closes the folders.
func (s *lowerStack) Close() error {
	var errs []error
	for _, root := range s.roots {
		errs = append(errs, root.close())
	}
	return errors.Join(errs...)
}

// names returns the names in a directory; the path ends with a slash.
func (r *folderRoot) names(path []byte) (map[string]bool, error) {
	dir, err := r.openDir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out, err
}

// A lowerFile is a file of one folder, as the union of that folder and those below it shows it.
type lowerFile struct {
	FolderFile
	layer int
	name  string
	last  bool // it hides the folders below
}

// at looks up a path in the folders from a given one on, and returns the first match; false if
// there is none, or if it is a whiteout.
func (s *lowerStack) at(u *upper, list *FolderList, path string, from int) (found lowerFile, ok bool, err error) {
	for i := from; i < len(s.roots); i++ {
		file, hidden, there, err := s.in(u, list, i, path)
		if err != nil || there {
			return file, there, err
		}
		if hidden {
			return lowerFile{}, false, nil
		}
	}
	return lowerFile{}, false, nil
}

// in looks up a path in one folder. hidden says that the folders below do not matter.
func (s *lowerStack) in(u *upper, list *FolderList, i int, path string) (file lowerFile, hidden, there bool, err error) {
	dir, err := openDirAt(s.roots[i].dir, ".")
	if err != nil {
		return file, false, false, err
	}
	defer func() { _ = dir.Close() }() // nothing was written
	parts := strings.Split(path, "/")
	for n, part := range parts {
		f := lowerFile{layer: i, name: path}
		if f.status, err = statAt(dir, part); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return file, hidden, false, nil
			}
			return file, false, false, err
		}
		f.fill()
		f.Name = []byte(path)
		s.xattr.read(dir, part, &f.FolderFile, &folderWalk{root: s.roots[i], list: list})
		if u.isWhiteout(&f.FolderFile) || f.status.odd || n < len(parts)-1 && f.Type != Dir {
			return file, true, false, nil
		}
		if opaque, _ := u.overlayAttr(&f.FolderFile, "opaque"); opaque == "y" {
			hidden = true
		}
		if n == len(parts)-1 {
			if f.Type == Symlink {
				if f.Link, err = readLinkAt(dir, part); err != nil {
					return file, false, false, err
				}
			}
			f.last = hidden || f.Type != Dir
			return f, hidden, true, nil
		}
		next, err := openDirAt(dir, part)
		if err != nil {
			return file, false, false, err
		}
		_ = dir.Close() // nothing was written
		dir = next
	}
	return file, hidden, false, nil
}

// list adds the content of the directory at in the union of the folders as content of the
// directory to, except names that exist. It reports whether at exists.
func (s *lowerStack) list(u *upper, list *FolderList, to, at string, own map[string]bool) (found bool, err error) {
	seen := map[string]bool{}
	var names []string
	for i := range s.roots {
		if err := list.ctx.Err(); err != nil {
			return false, err
		}
		dir, hidden, there, err := s.in(u, list, i, at)
		if err != nil {
			return false, err
		}
		if there && dir.Type != Dir {
			break
		}
		if there {
			found = true
			here, err := s.roots[i].names([]byte(at + "/"))
			if err != nil {
				return false, err
			}
			for name := range here {
				if !seen[name] && !own[name] {
					names = append(names, name)
				}
				seen[name] = true
			}
		}
		if hidden {
			break
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if err := s.add(u, list, to+"/"+name, at+"/"+name); err != nil {
			return false, err
		}
	}
	return found, nil
}

// add adds the path at in the union of the folders as to, with everything below it.
func (s *lowerStack) add(u *upper, list *FolderList, to, at string) error {
	f, ok, err := s.at(u, list, at, 0)
	if err != nil || !ok {
		return err
	}
	f.Name = []byte(to)
	if f.status.socket {
		return nil
	}
	if f.Type == Dir {
		f.Name = append(f.Name, '/')
	}
	u.attributes(&f.FolderFile, list)
	if f.Type == File {
		f.Content = s.opener(f.layer, f.name, f.Size, f.status.state())
		if _, ok := u.overlayAttr(&f.FolderFile, "metacopy"); ok {
			if f.Content, err = s.content(u, at, f.Size); err != nil {
				return err
			}
		}
	}
	list.linkUp(&f.FolderFile)
	if err := list.Add(&f.FolderFile); err != nil || f.Type != Dir {
		return err
	}
	_, err = s.list(u, list, to, at, nil)
	return err
}

// content returns a function that opens the content of a file of this size, of which an upper
// directory has only the attributes.
func (s *lowerStack) content(u *upper, at string, size int64) (func(context.Context) (*Body, error), error) {
	list := &FolderList{folder: u.folder, entries: &Entries{}}
	for from, steps := 0, 0; steps <= len(s.roots); steps++ {
		f, ok, err := s.at(u, list, at, from)
		switch {
		case err != nil:
			return nil, err
		case !ok, f.Type != File:
			return nil, fmt.Errorf("no file at %q", at)
		}
		if _, ok := u.overlayAttr(&f.FolderFile, "metacopy"); !ok {
			if f.Size != size {
				return nil, fmt.Errorf("%q has %d bytes there, not %d", at, f.Size, size)
			}
			return s.opener(f.layer, f.name, size, f.status.state()), nil
		}
		if redirect, ok := u.overlayAttr(&f.FolderFile, "redirect"); ok {
			dir := ""
			if cut := strings.LastIndexByte(at, '/'); cut >= 0 {
				dir = at[:cut]
			}
			at = place{path: dir}.redirected(redirect).path
		}
		from = f.layer + 1
	}
	return nil, errors.New("it leads from one layer to the next without an end")
}

// opener returns a function that opens a file of a folder if it is still in that state.
func (s *lowerStack) opener(i int, name string, size int64, state uint64) func(context.Context) (*Body, error) {
	return func(context.Context) (*Body, error) {
		var find folderFinder
		defer find.close()
		opened, status, err := s.roots[i].openFile(bytes.Clone([]byte(name)), &find)
		if err != nil {
			return nil, err
		}
		if status.state() != state {
			return nil, errors.Join(ErrChanged, opened.Close())
		}
		return NewBody(size, func(_ context.Context, p []byte, off int64) (int, error) {
			n, err := opened.ReadAt(p, off)
			if n > 0 && errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}, opened.Close), nil
	}
}

// FlagChanged records a flaw for each file that has changed since Scan listed it.
func (f *Folder) FlagChanged(ctx context.Context, e *Entries) error {
	var find folderFinder
	defer find.close()
	for i := range e.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		was, known := f.states.of(i)
		if !known || e.Type(i) != File || f.elsewhere[i] != nil {
			continue
		}
		name := e.AppendName(nil, i)
		if status, err := f.root.statFile(name, &find); err != nil || status.state() != was {
			e.flaw(Flaw{Path: string(name), Problem: "it changed while the container was read"})
		}
	}
	return nil
}

// statFile returns the status of the file at a path.
func (r *folderRoot) statFile(path []byte, find *folderFinder) (fileStatus, error) {
	cut := bytes.LastIndexByte(path, '/') + 1
	if find.dir == nil || !bytes.Equal(find.path, path[:cut]) {
		find.close()
		dir, err := r.openDir(path[:cut])
		if err != nil {
			return fileStatus{}, err
		}
		find.path, find.dir = bytes.Clone(path[:cut]), dir
	}
	return statAt(find.dir, string(path[cut:]))
}

var _ io.Closer = (*lowerStack)(nil)
