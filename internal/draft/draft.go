// Package draft writes files that appear completely or not at all.
//
// Where the system supports it (Linux, on most file systems), a file has no name while it is
// being written, so nothing is left behind however the program ends. Elsewhere it has a
// temporary name, and DiscardAll removes pending files.
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

// A Draft is a file that is being written and isn't visible yet. End it with Create, Replace or
// Discard. It must not be used concurrently.
type Draft struct {
	*os.File

	dir  *os.Root
	temp string // its name in dir, or ""
	done bool
}

// New begins a file in dir with these permissions, reduced by the process's umask. dir must
// stay open until the draft has ended.
func New(dir *os.Root, perm fs.FileMode) (*Draft, error) {
	if f, err := unnamed(dir, perm); err == nil {
		return &Draft{File: f, dir: dir}, nil
	}
	// If a file without a name isn't possible on this system or file system, try one with a
	// name. Any other error will occur again here.
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

// IsTemp reports whether a name is the temporary name of a draft. If nobody has written to such
// a file for long, it has been abandoned.
func IsTemp(name string) bool { return isTemp.MatchString(name) }

var isTemp = lazy.New(`^\.peel-[0-9a-f]{16}\.tmp$`)

// tempName returns a new temporary name.
func tempName() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf(".peel-%x.tmp", random)
}

// Create makes the file visible in its directory as name, which must not exist. If it does,
// Create returns fs.ErrExist, and the draft must be ended in another way.
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
		// The file system has no hard links.
		if _, err := d.dir.Lstat(name); err == nil {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
		return d.Replace(name)
	}
	return errors.Join(d.end(), d.dir.Remove(d.temp))
}

// Replace makes the file visible in its directory as name. It replaces an existing file, but
// not a directory.
func (d *Draft) Replace(name string) error {
	if d.temp == "" {
		err := link(d.File, d.dir, name)
		if err == nil {
			return d.end()
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		// A link can't replace a file, so link it under a temporary name and rename that.
		temp := tempName()
		if err := link(d.File, d.dir, temp); err != nil {
			return err
		}
		d.temp = temp
		underway.add(d)
	}
	// Some systems can't rename an open file, and some report a failed write only on closing.
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

// end closes a file that has its final name.
func (d *Draft) end() error {
	d.done = true
	underway.remove(d)
	return d.File.Close()
}

// Discard ends a draft that hasn't become a file. If it has, Discard does nothing, so it can be
// deferred.
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

// underway are the drafts with a temporary name.
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

// DiscardAll removes the temporary names of all pending drafts. Call it in a program that ends
// without waiting for them.
func DiscardAll() {
	underway.mu.Lock()
	defer underway.mu.Unlock()
	for d := range underway.all {
		_ = d.dir.Remove(d.temp) // too late to report an error
	}
	clear(underway.all)
}
