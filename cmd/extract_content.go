package cmd

import (
	"errors"
	"io"
	"os"
	"slices"

	"github.com/peelhq/peel/internal/draft"
)

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

// reachable removes the names in directories that could not be created, and counts them.
func (u *unpacker) reachable(bodies []*body) []*body {
	return slices.DeleteFunc(bodies, func(b *body) bool {
		b.items = slices.DeleteFunc(b.items, func(it item) bool { return u.below(it.name) })
		return len(b.items) == 0
	})
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

// body writes one content under the first name that can be written, and links the
// other names to it.
func (u *unpacker) body(b *body, r io.Reader) error {
	size := b.layer.Entries.Size(b.entry)
	end := u.come + size
	c := &content{r: r}
	written := ""
	for _, it := range b.items {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		if u.below(it.name) {
			continue
		}
		err := u.nameError(it.name)
		switch {
		case err != nil:
		case written != "":
			err = u.link(written, it.name)
		default:
			err = u.file(it, size, c)
		}
		if err != nil {
			if err := u.missed(it.name, err); err != nil {
				return err
			}
			continue
		}
		if written == "" {
			written = it.name
			u.bytes += c.n
		}
		u.files++
	}
	u.come = end
	return nil
}

// link gives a written file another name. It may return any error.
func (u *unpacker) link(written, name string) error {
	if u.force {
		if err := u.room(u.root, local(name)); err != nil {
			return err
		}
	}
	return inTheWay(u.root, local(name), u.root.Link(local(written), local(name)))
}

// content is the content of a file. It can be read once.
type content struct {
	r   io.Reader
	n   int64 // bytes of it that were written
	err error // why writing failed, once it had begun
}

// file writes a regular file and removes an incomplete one. It may return any error.
func (u *unpacker) file(it item, size int64, c *content) error {
	if c.err != nil {
		return c.err
	}
	dir, name, err := u.in(it.name)
	if err != nil {
		return err
	}
	// Don't let the final rename fail: the content can't be read again.
	if u.force || size > draftSize {
		if err := u.room(dir, name); err != nil {
			return err
		}
	}
	if size > draftSize {
		err = u.draft(dir, name, it, c)
	} else {
		err = u.small(dir, name, it, c)
	}
	if err != nil {
		return inTheWay(dir, name, err)
	}
	return u.lacks(it.name, times(dir, name, it))
}

// draftSize is the size, in bytes, from which a file appears only when it is complete. Smaller
// files are written directly.
const draftSize = outputBuffer

func (u *unpacker) draft(dir *os.Root, name string, it item, c *content) (err error) {
	d, err := draft.New(dir, draftFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if err := u.fill(d.File, it, c); err != nil {
		return err
	}
	c.err = d.Create(name)
	return c.err
}

func (u *unpacker) small(dir *os.Root, name string, it item, c *content) (err error) {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, draftFile)
	if err != nil {
		return err
	}
	if err := errors.Join(u.fill(f, it, c), f.Close()); err != nil {
		return errors.Join(err, dir.Remove(name))
	}
	return nil
}

// fill writes a file's content and sets its mode. It may return any error.
func (u *unpacker) fill(f *os.File, it item, c *content) (err error) {
	defer func() { c.err = err }()
	out := &counted{u: u, w: &holes{f: f}}
	c.n, err = io.Copy(out, c.r)
	switch {
	case out.err != nil:
		return out.err
	case err != nil:
		return &readError{err}
	}
	if err := out.w.end(); err != nil {
		return err
	}
	return u.lacks(it.name, f.Chmod(fileMode(it.v.Mode())))
}
