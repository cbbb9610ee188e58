package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// UpperOptions control how the upper directory of an overlay is read. The zero value is for one
// that the kernel wrote for root, without lower layers.
type UpperOptions struct {
	// Lower are the folders of the layers below, topmost first. They are used only for renamed
	// directories ("redirect"), which have content there, and for files of which only attributes
	// were changed ("metacopy").
	Lower []string

	// User says that overlay's own attributes are user.overlay.* instead of trusted.overlay.*, as
	// in the user namespace of a rootless engine.
	User bool

	// Fuse says that fuse-overlayfs may have written it, so that user.fuseoverlayfs.* and
	// user.containers.override_stat count.
	Fuse bool

	// Keep reports whether to keep an extended attribute of a file. Nil: keep all.
	Keep func(name string) bool

	// LeaveOut are paths that the engine made, such as files that it mounts over: "etc/hosts".
	// Their content is not left out.
	LeaveOut map[string]bool

	// UIDs and GIDs map owners on disk to owners in the container.
	UIDs, GIDs IDMap
}

// An IDMap maps users or groups on disk to those in a container. It leaves numbers outside of its
// ranges unchanged.
type IDMap []IDRange

// An IDRange is a range of consecutive numbers.
type IDRange struct{ Inside, Outside, Count int64 }

// Inside returns the number in the container.
func (m IDMap) Inside(id int64) int64 {
	for _, r := range m {
		if id >= r.Outside && id-r.Outside < r.Count {
			return id - r.Outside + r.Inside
		}
	}
	return id
}

// OpenUpper opens the upper directory of an overlay, which holds the changes on top of other
// layers. The entries are those of the layer that an engine would make from it ("docker commit"):
// whiteouts by name, times in whole seconds, and sparse files with their holes filled. Sources:
// Linux, Documentation/filesystems/overlayfs.rst; fuse-overlayfs, main.c; containers/storage,
// pkg/idtools.
//
//   - A character device 0/0 is a whiteout; so is an empty file with the attribute
//     "whiteout".
//   - A directory whose attribute "opaque" is "y" is opaque. With "x" it is not: that
//     only says that it may contain whiteouts of the second kind.
//   - A directory with "redirect" was renamed: everything that the lower layers have
//     at its old path is listed at the new one, and it is opaque.
//   - A file with "metacopy" has its content in a lower layer.
//   - Sockets are left out.
//   - Capabilities for a single user namespace become valid in any.
func OpenUpper(dir string, o UpperOptions) (*Folder, error) {
	u := &upper{options: o, prefixes: []string{"trusted.overlay."}, below: map[string]place{}}
	switch {
	case o.Fuse:
		u.prefixes = []string{"user.fuseoverlayfs.", "user.overlay.", "trusted.overlay."}
	case o.User:
		u.prefixes = []string{"user.overlay."}
	}
	f, err := OpenFolder(dir, FolderOptions{Translate: u.translate})
	if err != nil {
		return nil, err
	}
	u.folder = f
	return f, nil
}

// An upper translates the files of an upper directory.
type upper struct {
	options  UpperOptions
	prefixes []string // of overlay's own attributes
	folder   *Folder
	lower    *lowerStack // nil until needed

	// below maps paths of directories to their places in the lower layers, if those differ.
	below map[string]place
}

// A place is a path in the lower layers.
type place struct {
	path    string // "" for the root
	nowhere bool   // it does not exist there
}

// child returns the place of a name in the directory at that place.
func (p place) child(base string) place {
	if p.nowhere {
		return p
	}
	return place{path: joinPath(p.path, base)}
}

// redirected returns the place that a redirect names, relative to a directory.
func (p place) redirected(redirect string) place {
	redirect = strings.TrimRight(redirect, "\x00")
	at := strings.Trim(path.Clean("/"+redirect), "/")
	if strings.HasPrefix(redirect, "/") {
		return place{path: at}
	}
	return p.child(at)
}

// Names of whiteouts.
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// overlayAttr returns one of overlay's own attributes.
func (u *upper) overlayAttr(f *FolderFile, name string) (string, bool) {
	for _, prefix := range u.prefixes {
		if value, ok := f.Host[prefix+name]; ok {
			return value, true
		}
	}
	return "", false
}

// translate is FolderOptions.Translate.
func (u *upper) translate(f *FolderFile, list *FolderList) error {
	name := strings.Trim(string(f.Name), "/")
	if name == "." || u.options.LeaveOut[name] {
		return nil
	}
	if f.status.socket {
		list.Flaw(f.Name, "a socket: left out, since layers hold no sockets")
		return nil
	}
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if u.isWhiteout(f) {
		if u.whole(dir) {
			return nil // nothing of the lower layers is visible there
		}
		return u.mark(list, joinPath(dir, whiteoutPrefix+base))
	}
	u.attributes(f, list)
	switch f.Type {
	case Dir:
		return u.dir(f, list, name, u.placeOf(dir).child(base))
	case File:
		if _, ok := u.overlayAttr(f, "metacopy"); ok {
			u.metacopy(f, list, u.placeOf(dir), base)
		}
	}
	return list.Add(f)
}

// placeOf returns the place of an upper directory in the lower layers.
func (u *upper) placeOf(dir string) place {
	if at, ok := u.below[dir]; ok {
		return at
	}
	return place{path: dir}
}

// whole reports whether everything visible in a directory is listed, so that whiteouts in it hide
// nothing.
func (u *upper) whole(dir string) bool {
	_, ok := u.below[dir]
	return ok
}

// isWhiteout reports whether a file is a whiteout.
func (u *upper) isWhiteout(f *FolderFile) bool {
	if f.Type == Char && f.Major == 0 && f.Minor == 0 {
		return true
	}
	_, marked := u.overlayAttr(f, "whiteout")
	return marked && f.Type == File && f.Size == 0
}

// mark adds a whiteout.
func (u *upper) mark(list *FolderList, name string) error {
	return list.Add(&FolderFile{Record: Record{Name: []byte(name), Type: File, Mode: 0o600}, Content: noContent})
}

// noContent opens an empty file.
func noContent(context.Context) (*Body, error) { return NewBody(0, nil, nil), nil }

// attributes sets a file's attributes as they are in a layer.
func (u *upper) attributes(f *FolderFile, list *FolderList) {
	f.Nsec = 0
	f.UID, f.GID = u.options.UIDs.Inside(f.UID), u.options.GIDs.Inside(f.GID)
	if f.Type == File {
		f.Stored, f.Sparse = f.Size, false
	}
	if u.options.Fuse {
		for _, name := range overrideNames {
			text, ok := f.Host[name]
			if !ok {
				continue
			}
			if err := overrideStat(&f.Record, text); err != nil {
				list.Flaw(f.Name, fmt.Sprintf("malformed attribute %s: %q", name, text[:min(len(text), 80)]))
			}
			break
		}
	}
	if text, ok := f.Xattrs[capability]; ok {
		f.Xattrs[capability] = withoutRoot(text)
	}
	if u.options.Keep == nil {
		return
	}
	for key := range f.Xattrs {
		if !u.options.Keep(key) {
			delete(f.Xattrs, key)
		}
	}
	if len(f.Xattrs) == 0 {
		f.Xattrs = nil
	}
}

// capability is the attribute with a file's capabilities.
const capability = "security.capability"

// withoutRoot converts capabilities to the form without the root user of a user namespace, which
// differs between machines. Engines do the same on commit. Sources: capabilities(7), "File
// capability extended attribute versioning"; moby, pkg/archive/archive.go.
func withoutRoot(text string) string {
	const form, third, second, secondLen, thirdLen = 3, "\x03", "\x02", 20, 24 // form is the highest byte of the first word
	if len(text) != thirdLen || text[form:form+1] != third {
		return text
	}
	return text[:form] + second + text[form+1:secondLen]
}

// overrideNames are the names of that attribute, newest first.
var overrideNames = []string{"user.containers.override_stat", "user.fuseoverlayfs.override_stat"}

// errOverride says that the text of such an attribute is malformed.
var errOverride = errors.New("malformed")

// overrideTypes are the types in an override_stat.
var overrideTypes = map[string]Type{"dir": Dir, "file": File, "symlink": Symlink, "pipe": Fifo, "char": Char, "block": Block}

// overrideStat applies an attribute written for users who can't change owners: "uid:gid:mode",
// with an octal mode with or without type bits, and usually ":type", with "-major-minor" for a
// device. Source: containers/storage, pkg/idtools, Stat; fuse-overlayfs, main.c.
func overrideStat(r *Record, text string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 3 || len(parts) > 4 {
		return errOverride
	}
	uid, err1 := strconv.ParseUint(parts[0], 10, 32)
	gid, err2 := strconv.ParseUint(parts[1], 10, 32)
	mode, err3 := strconv.ParseUint(parts[2], 8, 32)
	if err1 != nil || err2 != nil || err3 != nil {
		return errOverride
	}
	switch {
	case len(parts) == 4:
		if err := overrideType(r, strings.Split(parts[3], "-")); err != nil {
			return err
		}
	case mode&modeBits == modeFifo && r.Type == File:
		r.Type, r.Size, r.Stored = Fifo, 0, 0
	}
	r.UID, r.GID, r.Mode = int64(uid), int64(gid), int64(mode&0o7777)
	return nil
}

// The type bits of a mode, and those of a named pipe.
const (
	modeBits = 0o170000
	modeFifo = 0o010000
)

// overrideType turns a placeholder file into a device or a pipe.
func overrideType(r *Record, parts []string) error {
	is, ok := overrideTypes[parts[0]]
	device := is == Char || is == Block
	switch {
	case !ok, device != (len(parts) == 3):
		return errOverride
	case is == r.Type, r.Type == Hardlink, is == Dir, is == File, is == Symlink:
		return nil // an attribute can't hold a symlink's target
	case r.Type != File:
		return errOverride
	}
	if device {
		major, err1 := strconv.ParseUint(parts[1], 10, 32)
		minor, err2 := strconv.ParseUint(parts[2], 10, 32)
		if err1 != nil || err2 != nil {
			return errOverride
		}
		r.Major, r.Minor = int64(major), int64(minor)
	}
	r.Type, r.Size, r.Stored = is, 0, 0
	return nil
}

// dir adds a directory that is at a place in the lower layers, unless its attributes say
// otherwise.
func (u *upper) dir(f *FolderFile, list *FolderList, name string, at place) error {
	parent := strings.TrimSuffix(path.Dir(name), ".")
	if redirect, renamed := u.overlayAttr(f, "redirect"); renamed {
		at = u.placeOf(parent).redirected(redirect)
	}
	opaque, _ := u.overlayAttr(f, "opaque")
	if opaque != "y" && at == (place{path: name}) {
		return list.Add(f)
	}
	if opaque == "y" {
		at = place{nowhere: true}
	}
	if err := list.Add(f); err != nil {
		return err
	}
	if !u.whole(parent) {
		if err := u.mark(list, name+"/"+opaqueName); err != nil {
			return err
		}
	}
	return u.moved(list, name, at)
}

// moved lists a directory's content that is at another place in the lower layers and not in the
// upper directory.
func (u *upper) moved(list *FolderList, name string, at place) error {
	list.entries.owed += int64(len(name)+len(at.path)) + placeCost
	u.below[name] = at
	if at.nowhere {
		return nil
	}
	lower, err := u.stack()
	if err != nil {
		return fmt.Errorf("%s was renamed: %w", name, err)
	}
	own, err := u.folder.root.names([]byte(name + "/"))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	found, err := lower.list(u, list, name, at.path, own)
	if !found {
		u.below[name] = place{nowhere: true}
	}
	return err
}

// placeCost is the budget charge for a directory's place, in bytes.
const placeCost = 96

func joinPath(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}

// metacopy takes a file's content from the lower layers, where its directory is at a place.
func (u *upper) metacopy(f *FolderFile, list *FolderList, dir place, base string) {
	at := dir.child(base)
	if redirect, ok := u.overlayAttr(f, "redirect"); ok {
		at = dir.redirected(redirect)
	}
	lower, err := u.stack()
	if err == nil {
		f.Content, err = lower.content(u, at.path, f.Size)
	}
	if err != nil {
		list.Flaw(bytes.Clone(f.Name), fmt.Sprintf("its content, which lies in a lower layer, cannot be read: %v", withoutPath(err)))
		f.Content = func(context.Context) (*Body, error) { return nil, err }
	}
}

// stack opens the lower layers.
func (u *upper) stack() (*lowerStack, error) {
	if u.lower != nil {
		return u.lower, nil
	}
	if len(u.options.Lower) == 0 {
		return nil, errors.New("the folders of the layers below are not known")
	}
	var err error
	u.lower, err = openLowerStack(u.options.Lower)
	if err == nil {
		u.folder.also = u.lower
	}
	return u.lower, err
}
