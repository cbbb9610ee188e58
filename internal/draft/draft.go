// Package draft writes files that appear whole or not at all.
//
// Where the system can do it (Linux, on most file systems), a file has no name
// while it is being written, so that nothing is left behind however the program
// ends. Elsewhere it has a temporary name, and DiscardAll removes what is under
// way.
package draft

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/peelhq/peel/internal/lazy"
)

// A Draft is a file that is being written and does not show yet. End it with
// Create, Replace or Discard. It is for one goroutine.
type Draft struct {
	*os.File

	dir  *os.Root
	temp string // its name in dir; "" if it has none
	done bool
}

// New begins a file that will be in dir, with these permissions less the
// process's umask. dir stays open until the draft has ended.
func New(dir *os.Root, perm fs.FileMode) (*Draft, error) {
	if f, err := unnamed(dir, perm); err == nil {
		return &Draft{File: f, dir: dir}, nil
	}
	// Whatever kept the file from being without a name (a system or a file system
	// that cannot do it), a real reason shows again here.
	for {
		temp := tempName()
		f, err := dir.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d := &Draft{File: f, dir: dir, temp: temp}
		underway.add(d)
		return d, nil
	}
}

// IsTemp reports whether a name is one that a draft has while it is being
// written: of a file that nobody has written to for long, nothing will come.
func IsTemp(name string) bool { return isTemp.MatchString(name) }

var isTemp = lazy.New(`^\.peel-[0-9a-f]{16}\.tmp$`)

// tempName returns a new name for a file that is being written.
func tempName() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf(".peel-%x.tmp", random)
}

// Create makes the file appear in its directory as name, where there must be
// nothing: fs.ErrExist otherwise, and the draft can be ended another way.
func (d *Draft) Create(name string) error {
	if d.temp == "" {
		if err := link(d.File, d.dir, name); err != nil {
			return err
		}
		return d.end()
	}
	if err := d.dir.Link(d.temp, name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		// A file system without hard links.
		if _, err := d.dir.Lstat(name); err == nil {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
		return d.Replace(name)
	}
	return errors.Join(d.end(), d.dir.Remove(d.temp))
}

// Replace makes the file appear in its directory as name, in the place of what
// has that name now, unless that is a directory.
func (d *Draft) Replace(name string) error {
	if d.temp == "" {
		err := link(d.File, d.dir, name)
		if err == nil {
			return d.end()
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		// A link replaces nothing: it takes a name of its own, and a renaming.
		temp := tempName()
		if err := link(d.File, d.dir, temp); err != nil {
			return err
		}
		d.temp = temp
		underway.add(d)
	}
	// Some systems rename no open file; some tell only now that a write failed.
	err := d.File.Close()
	if err == nil {
		err = d.dir.Rename(d.temp, name)
	}
	if err != nil {
		return err
	}
	d.done = true
	underway.remove(d)
	return nil
}

// end closes a file that has its name.
func (d *Draft) end() error {
	d.done = true
	underway.remove(d)
	return d.File.Close()
}

// Discard ends a draft that has not become a file. It does nothing to one that
// has, so that it can be deferred.
func (d *Draft) Discard() error {
	if d.done {
		return nil
	}
	d.done = true
	underway.remove(d)
	err := d.File.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if d.temp != "" {
		err = errors.Join(err, d.dir.Remove(d.temp))
	}
	return err
}

// underway are the drafts that have a temporary name.
var underway drafts

type drafts struct {
	mu  sync.Mutex
	all map[*Draft]struct{}
}

func (u *drafts) add(d *Draft) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = map[*Draft]struct{}{}
	}
	u.all[d] = struct{}{}
}

func (u *drafts) remove(d *Draft) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.all, d)
}

// DiscardAll removes the temporary names of all drafts that are under way. It is
// for a program that ends without waiting for them.
func DiscardAll() {
	underway.mu.Lock()
	defer underway.mu.Unlock()
	for d := range underway.all {
		_ = d.dir.Remove(d.temp) // nobody is left to be told
	}
	clear(underway.all)
}
