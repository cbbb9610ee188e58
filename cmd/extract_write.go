package cmd

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/source"
)

// What files and directories are while they are being written.
const (
	draftFile = 0o600
	draftDir  = 0o700
)

// impliedDir is the mode of a directory of which the image says nothing.
const impliedDir = 0o755

var (
	errExists = errors.New("it is there already")
	errNotDir = errors.New("it is there already, and is no directory (links to one are not followed)")
	errIsDir  = errors.New("it is there already, and is a directory")
)

// tally is what has been written.
type tally struct {
	files int   // names of regular files
	bytes int64 // content, once for names that share it
}

// unpacker writes a plan. Every access goes through the root, which refuses
// names that lead out of it; every parent is a real directory before anything
// is made in it; what is made is new, so nothing is written through a link; and
// symlinks come last.
type unpacker struct {
	ctx   context.Context
	root  *os.Root
	plan  *plan
	force bool

	progress func(source.Progress) // told how far writing has come; may be nil
	total    int64                 // bytes to write
	fresh    []item                // directories whose attributes are to be set

	// The directory that was last written to: names in it need no walk from
	// the root, and most files follow their neighbours.
	near     *os.Root
	nearName string
	tally
}

func (u *unpacker) run() (err error) {
	defer func() { err = errors.Join(err, u.leave()) }()
	bodies, total := u.plan.sorted()
	u.total = total
	if empty, err := u.empty(); err != nil {
		return err
	} else if !empty {
		if err := u.refuse(bodies); err != nil {
			return err
		}
	}
	for _, d := range u.plan.dirs {
		if err := u.dir(d); err != nil {
			return err
		}
	}
	for _, layer := range slices.Collect(chunks(bodies)) {
		if err := u.contents(layer); err != nil {
			return err
		}
	}
	for _, s := range u.plan.symlinks {
		if err := u.symlink(s); err != nil {
			return err
		}
	}
	// Deepest first: a directory may forbid its owner to go in.
	for _, d := range slices.Backward(u.fresh) {
		if err := u.attributes(d); err != nil {
			return err
		}
	}
	return nil
}

// empty reports whether there is nothing in the directory to write to.
func (u *unpacker) empty() (bool, error) {
	dir, err := u.root.Open(".")
	if err != nil {
		return false, err
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// in returns the directory of a name, which must have been made, and the name
// in it.
func (u *unpacker) in(name string) (*os.Root, string, error) {
	dir, base := path.Split(name)
	if dir == "" {
		return u.root, local(base), nil
	}
	if u.near == nil || u.nearName != dir {
		if err := u.leave(); err != nil {
			return nil, "", err
		}
		near, err := u.root.OpenRoot(local(strings.TrimSuffix(dir, "/")))
		if err != nil {
			return nil, "", err
		}
		u.near, u.nearName = near, dir
	}
	return u.near, local(base), nil
}

// leave closes what in has opened.
func (u *unpacker) leave() error {
	if u.near == nil {
		return nil
	}
	near := u.near
	u.near = nil
	return near.Close()
}

// chunks groups contents by their layer.
func chunks(bodies []*body) func(yield func([]*body) bool) {
	return func(yield func([]*body) bool) {
		for len(bodies) > 0 {
			n := slices.IndexFunc(bodies, func(b *body) bool { return b.layer != bodies[0].layer })
			if n < 0 {
				n = len(bodies)
			}
			if !yield(bodies[:n]) {
				return
			}
			bodies = bodies[n:]
		}
	}
}

// refuse looks for what is in the way before anything is written, so that an
// extraction that cannot be done whole is not begun.
func (u *unpacker) refuse(bodies []*body) error {
	for _, d := range u.plan.dirs {
		if info, err := u.root.Lstat(local(d.name)); err == nil && !info.IsDir() {
			return about(d.name, errNotDir)
		}
	}
	for _, b := range bodies {
		for _, it := range b.items {
			if err := u.free(it.name); err != nil {
				return err
			}
		}
	}
	for _, s := range u.plan.symlinks {
		if err := u.free(s.name); err != nil {
			return err
		}
	}
	return nil
}

// free reports what is in the way of a new file.
func (u *unpacker) free(name string) error {
	info, err := u.root.Lstat(local(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return about(name, err)
	case info.IsDir():
		return about(name, errIsDir)
	case !u.force:
		return about(name, errExists)
	}
	return nil
}

// clear removes what is in the way of a new file, if that is allowed.
func (u *unpacker) clear(name string) error {
	if !u.force {
		return nil
	}
	if err := u.root.Remove(local(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return about(name, err)
	}
	return nil
}

// dir makes a directory, unless there is a real one already.
func (u *unpacker) dir(d item) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	err := u.root.Mkdir(local(d.name), draftDir)
	switch {
	case err == nil:
		u.fresh = append(u.fresh, d)
		return nil
	case !errors.Is(err, fs.ErrExist):
		return about(d.name, err)
	}
	info, err := u.root.Lstat(local(d.name))
	switch {
	case err != nil:
		return about(d.name, err)
	case !info.IsDir():
		return about(d.name, errNotDir)
	case u.force:
		u.fresh = append(u.fresh, d)
	}
	return nil
}

// contents writes the contents of one layer in one pass over it.
func (u *unpacker) contents(bodies []*body) error {
	entries := make([]int, len(bodies))
	for i, b := range bodies {
		entries[i] = b.entry
	}
	next := 0
	return bodies[0].layer.Each(u.ctx, entries, func(entry int, r io.Reader) error {
		for bodies[next].entry != entry {
			next++
		}
		return u.body(bodies[next], r)
	})
}

// body writes one content, and all its names.
func (u *unpacker) body(b *body, r io.Reader) error {
	first := b.items[0]
	if err := u.file(first, b.layer.Entries.Size(b.entry), r); err != nil {
		return about(first.name, err)
	}
	u.files++
	for _, it := range b.items[1:] {
		if err := u.clear(it.name); err != nil {
			return err
		}
		if err := u.root.Link(local(first.name), local(it.name)); err != nil {
			return about(it.name, err)
		}
		u.files++
	}
	return nil
}

// file writes a regular file. One that cannot be written whole is removed.
func (u *unpacker) file(it item, size int64, r io.Reader) error {
	if err := u.clear(it.name); err != nil {
		return err
	}
	dir, name, err := u.in(it.name)
	if err != nil {
		return err
	}
	if size > draftSize {
		err = u.draft(dir, name, it, r)
	} else {
		err = u.small(dir, name, it, r)
	}
	if err != nil {
		return err
	}
	return times(dir, name, it)
}

// draftSize is the size of the files, in bytes, that show only when they are
// whole. A smaller one is written at once.
const draftSize = outputBuffer

func (u *unpacker) draft(dir *os.Root, name string, it item, r io.Reader) (err error) {
	d, err := draft.New(dir, draftFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if err := u.fill(d.File, it, r); err != nil {
		return err
	}
	return d.Create(name)
}

func (u *unpacker) small(dir *os.Root, name string, it item, r io.Reader) (err error) {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, draftFile)
	if err != nil {
		return err
	}
	if err := errors.Join(u.fill(f, it, r), f.Close()); err != nil {
		return errors.Join(err, dir.Remove(name))
	}
	return nil
}

// fill writes a file's content and gives it its mode.
func (u *unpacker) fill(f *os.File, it item, r io.Reader) error {
	out := &holes{f: f}
	if _, err := io.Copy(&counted{u: u, w: out}, r); err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	return f.Chmod(fileMode(it.v.Mode()))
}

func (u *unpacker) symlink(s symlink) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if err := u.clear(s.name); err != nil {
		return err
	}
	dir, name, err := u.in(s.name)
	if err == nil {
		err = dir.Symlink(s.target, name)
	}
	if err != nil {
		return about(s.name, err)
	}
	if t, ok := fileTime(s.v.Time()); ok {
		if err := setLinkTime(dir, name, t); err != nil {
			return about(s.name, err)
		}
	}
	return nil
}

// attributes gives a directory its mode and time.
func (u *unpacker) attributes(d item) error {
	mode := os.FileMode(impliedDir)
	if d.known {
		mode = fileMode(d.v.Mode())
	}
	// The time first: a mode may forbid even that, on some systems.
	if d.known {
		if err := times(u.root, local(d.name), d); err != nil {
			return about(d.name, err)
		}
	}
	if err := u.root.Chmod(local(d.name), mode); err != nil {
		return about(d.name, err)
	}
	return nil
}

// times gives a file or directory its time.
func times(dir *os.Root, name string, it item) error {
	t, ok := fileTime(it.v.Time())
	if !ok {
		return nil
	}
	return dir.Chtimes(name, t, t)
}

// advice says what to try when extracting has failed.
func (u *unpacker) advice(err error) string {
	switch {
	case errors.Is(err, errExists):
		return "--force to replace files, or another directory"
	case errors.Is(err, errNotDir), errors.Is(err, errIsDir):
		return "another directory, or move that away"
	}
	return ""
}
