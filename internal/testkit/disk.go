package testkit

import (
	"slices"
	"strings"
)

// A simple reference for the result of an image's layers: each layer is unpacked alone into an
// empty file system in memory, entry by entry, as an engine would, and the results are laid
// over each other. It knows nothing about versions, changes or causes. It shares no code with
// the program, or with the overlay that analyze's other tests use.

// A File is the file that a name in a directory refers to.
type File struct {
	Attributes *Entry   // its own entry, see Header; nil for a directory that no entry names
	Content    *Content // nil for a directory
	Kids       map[string]*File
	Implied    bool // the highest layer with the directory doesn't name it

	device bool            // a character device 0/0, which is a whiteout
	white  map[string]bool // names with a whiteout beside them
	opaque bool
	fresh  bool // it replaced something else in its layer
	parent bool // an entry lies below it
	layer  int  // of the entry
	index  int  // of the entry
}

// Content is shared by hard links.
type Content struct {
	Type         byte // in tar's notation
	Layer, Index int  // of the entry that brought it
	Link         string
	Size         int
	Stored       int64
	Missing      bool // of a hard link to nothing

	Last *Entry // the last of its layer's entries that set its mode, owner and time
}

// Dir reports whether f is a directory.
func (f *File) Dir() bool { return f.Content == nil && !f.device }

// Header returns the entry that set the file's mode, owner and time: for a file with several names
// in a layer, that of the last one.
func (f *File) Header() *Entry {
	if c := f.Content; c != nil && !c.Missing && c.Type != '2' && c.Layer == f.layer {
		return c.Last
	}
	return f.Attributes
}

func newDir() *File { return &File{Kids: map[string]*File{}, white: map[string]bool{}} }

// Each calls do for everything below the directory f, whose path is dir ("" for the root).
func (f *File) Each(dir string, do func(path string, f *File)) {
	for name, kid := range f.Kids {
		do(dir+"/"+name, kid)
		kid.Each(dir+"/"+name, do)
	}
}

// unpacker unpacks the layers of an image.
type unpacker struct {
	layer int
	disk  *File // content of this layer
	lower *File // the union below
	aside map[string]*Content
	later []func()
}

// Unions returns the root of the file system after each layer. Overlayfs differs from the image
// specification: a directory over a whiteout of its name shows what is below, and opaque
// markers at the root are ignored.
func Unions(im *Image, overlayfs bool) (unions []*File) {
	u := &unpacker{lower: newDir(), aside: map[string]*Content{}}
	for k, layer := range im.Layers {
		u.layer, u.disk, u.later = k, newDir(), nil
		for i, e := range layer.Members() {
			u.unpack(&e, i)
		}
		for _, f := range u.later {
			f()
		}
		if overlayfs {
			u.disk.opaque = false
		}
		u.lower = over(u.lower, u.disk, overlayfs)
		unions = append(unions, u.lower)
	}
	return unions
}

// names splits a stored name. ".." removes the name before it.
func names(name string) (out []string) {
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
		case "..":
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, part)
		}
	}
	return out
}

// unpack applies an entry as an engine does.
func (u *unpacker) unpack(e *Entry, index int) {
	path := names(e.Name)
	made := &Content{Type: e.Type, Layer: u.layer, Index: index, Link: e.Link, Size: e.Length(), Stored: e.Stored(), Last: e}
	if len(path) == 0 {
		if e.Type == '5' {
			u.disk.Attributes = e
		}
		return
	}
	for i, name := range path {
		if strings.HasPrefix(name, ".wh.") {
			u.marker(path, i)
			if strings.HasPrefix(name, ".wh..wh.") && e.IsFile() {
				u.aside[strings.Join(path, "/")] = made
			}
			return
		}
	}
	path, _ = u.follow(path, index)
	dir := u.mkdirs(path[:len(path)-1])
	name := path[len(path)-1]
	there := dir.Kids[name]
	f := &File{Attributes: e, Content: made, layer: u.layer, index: index}
	switch e.Type {
	case '5':
		if there == nil || !there.Dir() {
			there = newDir()
		}
		f = there
		f.Attributes = e
		f.opaque = f.opaque || e.Xattrs["trusted.overlay.opaque"] == "y"
	case '1':
		u.hardlink(f, e, index)
	case '3':
		f.device = e.Major == 0 && e.Minor == 0
	}
	if f.device {
		f.Content = nil
	}
	dir.Kids[name] = f
}

// hardlink finds the target of f: in this layer, in a lower one, outside the filesystem, or
// later in this layer.
func (u *unpacker) hardlink(f *File, e *Entry, index int) {
	target := names(e.Link)
	find := func(later bool) bool {
		path, ok := u.follow(target, index)
		var at *File
		if ok {
			if at = u.disk.at(path); at != nil && at.device && !later {
				f.device = true
				return true
			}
			if at == nil || at.device {
				at = u.lower.at(path)
			}
		}
		switch aside := u.aside[strings.Join(target, "/")]; {
		case at != nil && at.Content != nil && !at.Content.Missing:
			f.Content = at.Content
		case aside != nil:
			f.Content = aside
		default:
			return false
		}
		return true
	}
	if !find(false) {
		f.Content = &Content{Type: '0', Missing: true}
		u.later = append(u.later, func() { find(true) })
	} else if f.Content != nil && f.Content.Layer == u.layer && f.Content.Type != '2' {
		f.Content.Last = e
	}
}

// at returns the file at a path without following symlinks, or nil.
func (f *File) at(path []string) *File {
	for _, name := range path {
		if f = f.Kids[name]; f == nil {
			return nil
		}
	}
	return f
}

// marker records a marker if the path is one and its parent is a directory. first is the index
// of the first name that looks like a marker.
func (u *unpacker) marker(path []string, first int) {
	hidden := strings.TrimPrefix(path[first], ".wh.")
	opaque := hidden == ".wh..opq"
	switch {
	case first < len(path)-1, hidden == "", hidden == ".", hidden == "..", !opaque && strings.HasPrefix(hidden, ".wh."):
		return
	}
	path, ok := u.follow(path, 1<<30)
	dirs := path[:len(path)-1]
	at := u.disk
	for _, name := range dirs {
		if at = at.Kids[name]; at == nil {
			break
		}
		ok = ok && at.Dir()
	}
	if !ok {
		return
	}
	at = u.disk
	for _, name := range dirs {
		if at.Kids[name] == nil {
			at.Kids[name] = newDir()
		}
		at = at.Kids[name]
	}
	if opaque {
		at.opaque = true
	} else {
		at.white[hidden] = true
	}
}

// mkdirs returns the directory at the path. It creates it if it doesn't exist or isn't a
// directory.
func (u *unpacker) mkdirs(path []string) *File {
	at := u.disk
	for _, name := range path {
		kid := at.Kids[name]
		if kid == nil || !kid.Dir() {
			dir := newDir()
			dir.fresh = kid != nil
			kid = dir
			at.Kids[name] = kid
		}
		kid.parent = true
		at = kid
	}
	return at
}

// follow resolves the symlinks of this layer that come before an entry, in all of a path but
// its last name. After 40 of them, it leaves the rest of the path unchanged.
func (u *unpacker) follow(path []string, before int) (out []string, ok bool) {
	ok = true
	left := 40
	for i, name := range path {
		if i == len(path)-1 {
			return append(out, name), ok
		}
		start := slices.Clone(out)
		for todo := []string{name}; len(todo) > 0; {
			next := todo[0]
			todo = todo[1:]
			switch next {
			case "", ".":
				continue
			case "..":
				out = out[:max(len(out)-1, 0)]
				continue
			}
			f := u.disk.at(append(slices.Clone(out), next))
			if f == nil || f.Content == nil || f.Content.Type != '2' || f.index >= before {
				out = append(slices.Clone(out), next)
				continue
			}
			if left--; left < 0 {
				out, ok = append(slices.Clone(start), name), false
				break
			}
			if strings.HasPrefix(f.Content.Link, "/") {
				out = nil
			}
			todo = append(strings.Split(f.Content.Link, "/"), todo...)
		}
	}
	return out, ok
}

// over lays a layer's directory over the union's directory at the same path, which may be nil.
func over(lower, upper *File, overlayfs bool) *File {
	out := newDir()
	out.Attributes, out.Implied = upper.Attributes, upper.Attributes == nil
	if lower != nil && lower.Dir() {
		if upper.Attributes == nil && !upper.fresh {
			out.Attributes = lower.Attributes
		}
		if !upper.opaque {
			for name, f := range lower.Kids {
				kid := upper.Kids[name]
				if !upper.white[name] || overlayfs && kid != nil && kid.Dir() && (kid.Attributes != nil || kid.parent) {
					out.Kids[name] = f
				}
			}
		}
	}
	for name, f := range upper.Kids {
		switch {
		case f.device:
			delete(out.Kids, name)
		case !f.Dir():
			out.Kids[name] = f
		case upper.white[name] && f.Attributes == nil && !f.parent:
			// It exists only because of markers, and the files that these hide are gone anyway.
		default:
			out.Kids[name] = over(out.Kids[name], f, overlayfs)
		}
	}
	return out
}
