package cmd

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// What files and directories are while they are being written.
const (
	draftFile = 0o600
	draftDir  = 0o700
)

// impliedDir is the mode of a directory that the image doesn't describe.
const impliedDir = 0o755

var (
	errExists = errors.New("it already exists")
	errNotDir = errors.New("it already exists and is not a directory (links to directories are not followed)")
	errIsDir  = errors.New("it already exists and is a directory")
	errImage  = errors.New("it is the image that is read, or a part of it")
)

// tally is what has been written, and what has not.
type tally struct {
	planned int   // paths to write
	files   int   // names of regular files
	bytes   int64 // content, once for names that share it
	failures
}

// unpacker writes a plan. All access goes through the root, which rejects names that lead out of
// it. Every parent is a real directory before anything is created in it, everything created is
// new, so nothing is written through a link, and symlinks come last.
//
// A path that can't be written is recorded in the tally. Unless documented otherwise, methods
// return only errors after which no other path can be written; see endsExtraction.
type unpacker struct {
	ctx       context.Context
	root      *os.Root
	plan      *plan
	base      string // the root's canonical name
	force     bool
	read      *inputs // what must not be written; nil for nothing
	sameNames sameNames

	progress func(source.Progress) // gets the progress of writing; may be nil
	total    int64                 // bytes to write
	come     int64                 // bytes written or skipped
	fresh    []item                // directories whose attributes are to be set

	// The directory that was last written to: names in it need no walk from
	// the root, and most files follow their neighbours.
	near     *os.Root
	nearName string
	tally
}

func (u *unpacker) run() (err error) {
	defer func() { err = errors.Join(err, u.leave()) }()
	u.plan.names(func(string) { u.planned++ })
	u.sameNames = newSameNames(u.plan)
	for _, d := range u.plan.dirs {
		if err := u.dir(d); err != nil {
			return err
		}
	}
	var bodies []*body
	bodies, u.total = u.plan.sorted()
	for _, layer := range slices.Collect(chunks(u.reachable(bodies))) {
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

// missed records that a path can't be written because of err, or returns err if nothing else can
// be written either.
func (u *unpacker) missed(name string, err error) error {
	switch {
	case endsExtraction(err):
		return about(name, err)
	case errors.Is(err, errShut):
		u.paths++ // the failed directory is already in the tally
	default:
		u.failures.add(name, err)
	}
	return nil
}

// lacks notes that a path was written, but that its mode or time cannot be set
// because of err, if there is one.
func (u *unpacker) lacks(name string, err error) error {
	if err == nil {
		return nil
	}
	if endsExtraction(err) {
		return about(name, err)
	}
	u.addBare(name, err)
	return nil
}

// errShut says that a directory, which the tally has, cannot be written to.
var errShut = errors.New("its directory cannot be written to")

// in returns the directory of a name, which must have been made, and the name in it. It may return
// any error.
func (u *unpacker) in(name string) (*os.Root, string, error) {
	dir, base := path.Split(name)
	if dir == "" {
		return u.root, local(base), nil
	}
	if u.near == nil || u.nearName != dir {
		if err := u.leave(); err != nil {
			return nil, "", err
		}
		dirName := strings.TrimSuffix(dir, "/")
		near, err := u.root.OpenRoot(local(dirName))
		switch {
		case err == nil:
		case endsExtraction(err):
			return nil, "", err
		default:
			u.addDir(dirName, true, err)
			return nil, "", errShut
		}
		u.near, u.nearName = near, dir
	}
	return u.near, local(base), nil
}

// leave closes what in opened.
func (u *unpacker) leave() error {
	if u.near == nil {
		return nil
	}
	near := u.near
	u.near = nil
	return near.Close()
}

// room makes sure that nothing has the name of a new file. It removes an existing file if
// allowed. It may return any error.
func (u *unpacker) room(dir *os.Root, name string) error {
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return errIsDir
	case !u.force:
		return errExists
	}
	if u.read != nil && u.read.is(info) != "" {
		return errImage
	}
	return dir.Remove(name)
}

// inTheWay says what already exists, if that is why a file could not be made.
func inTheWay(dir *os.Root, name string, err error) error {
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := dir.Lstat(name); err == nil && info.IsDir() {
		return errIsDir
	}
	return errExists
}

// dir makes a directory, unless a real one exists.
func (u *unpacker) dir(d item) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if u.below(d.name) {
		u.shut(d.name)
		return nil
	}
	err := u.mkdir(d)
	if err == nil {
		return nil
	}
	if endsExtraction(err) {
		return about(d.name, err)
	}
	u.addDir(d.name, false, err)
	return nil
}

// mkdir is like dir, but may return any error.
func (u *unpacker) mkdir(d item) error {
	if err := u.nameError(d.name); err != nil {
		return err
	}
	err := u.root.Mkdir(local(d.name), draftDir)
	switch {
	case err == nil:
		u.fresh = append(u.fresh, d)
		return nil
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := u.root.Lstat(local(d.name))
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return errNotDir
	case u.force:
		u.fresh = append(u.fresh, d)
	}
	return nil
}

func (u *unpacker) symlink(s symlink) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if u.below(s.name) {
		return nil
	}
	dir, name, err := u.in(s.name)
	if err == nil {
		err = u.nameError(s.name)
	}
	if err == nil && u.force {
		err = u.room(dir, name)
	}
	if err == nil {
		err = inTheWay(dir, name, dir.Symlink(s.target, name))
	}
	if err != nil {
		return u.missed(s.name, err)
	}
	if t, ok := fileTime(s.v.Time()); ok {
		return u.lacks(s.name, setLinkTime(dir, name, t))
	}
	return nil
}

// attributes sets a directory's mode and time.
func (u *unpacker) attributes(d item) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	mode := os.FileMode(impliedDir)
	var err error
	if d.known {
		mode = fileMode(d.v.Mode())
		// The time first: a mode may forbid even that, on some systems.
		err = times(u.root, local(d.name), d)
	}
	return u.lacks(d.name, cmp.Or(err, u.root.Chmod(local(d.name), mode)))
}

// times sets the time of a file or directory.
func times(dir *os.Root, name string, it item) error {
	t, ok := fileTime(it.v.Time())
	if !ok {
		return nil
	}
	return dir.Chtimes(name, t, t)
}
