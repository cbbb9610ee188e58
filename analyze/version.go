package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/peelhq/peel/source"
)

// A Version is what one layer says about one node. It is a small handle; pass it by value. The
// zero Version is invalid.
type Version struct {
	t *Tree
	i int32
}

func (v Version) get() *version { return &v.t.versions[v.i] }

// Node returns the node of v.
func (v Version) Node() NodeID { return v.get().node }

// Layer returns the index of v's layer.
func (v Version) Layer() int { return int(v.get().layer) }

// Change returns the change of v against the union just below its layer.
func (v Version) Change() Change { return v.get().change }

// Cause returns why v is not visible in the final union, NotShadowed if it is. A "removed"
// version that is followed by another has no cause.
func (v Version) Cause() Cause { return v.get().cause }

// By returns the layer that hid v, or -1.
func (v Version) By() int { return byLayer(v.get().by) }

func byLayer(by uint16) int {
	if by == notHidden {
		return -1
	}
	return int(by)
}

// Duplicate reports whether v's own layer covers it: with a later entry for the path, or with
// something other than a directory above it.
func (v Version) Duplicate() bool { return v.get().flags&duplicate != 0 }

// Unsettled reports whether v's change or cause depends on a comparison that Analysis.Finish
// makes.
func (v Version) Unsettled() (change, cause bool) {
	flags := v.get().flags
	return flags&unsettled != 0, flags&unsettledCause != 0
}

// Implied reports whether v is a directory without an entry of its own.
func (v Version) Implied() bool { return v.get().flags&implied != 0 }

// Kind returns the type of what v names; for a hard link, that of its target.
func (v Version) Kind() source.Type { return v.get().kind }

// Type returns the type as stored: source.Hardlink for a hard link.
func (v Version) Type() source.Type {
	x := v.get()
	if x.entry == none {
		return x.kind
	}
	return v.t.layers[x.layer].Entries.Type(int(x.entry))
}

// Entry returns the tar entry of v; false for removed and implied versions, which have none.
func (v Version) Entry() (source.Entry, bool) { return v.t.entry(v.i) }

func (t *Tree) entry(i int32) (source.Entry, bool) {
	x := &t.versions[i]
	if x.entry == none {
		return source.Entry{}, false
	}
	e := t.layers[x.layer].Entries.At(int(x.entry))
	t.stamp(i, &e)
	return e, true
}

// attributes is entry without the names.
func (t *Tree) attributes(i int32) (source.Entry, bool) {
	x := &t.versions[i]
	if x.entry == none {
		return source.Entry{}, false
	}
	e := t.layers[x.layer].Entries.Attributes(int(x.entry))
	t.stamp(i, &e)
	return e, true
}

// Content returns the layer and the entry that store v's content, through hard links; false
// unless v is a file with an inode.
func (v Version) Content() (layer *source.Layer, entry int, ok bool) {
	x := v.get()
	if x.inode == none || x.kind != source.File {
		return nil, 0, false
	}
	from, e := v.t.carrier(v.i)
	return v.t.layers[from], int(e), true
}

// Open returns v's content, through hard links.
func (v Version) Open(ctx context.Context) (io.ReadCloser, error) {
	if layer, entry, ok := v.Content(); ok {
		return layer.Open(ctx, entry)
	}
	return nil, v.noContent()
}

// noContent says why v has no content.
func (v Version) noContent() error {
	switch {
	case v.Change() == Removed:
		return fmt.Errorf("layer %d removes it", v.Layer())
	case v.Kind() == source.File:
		return errors.New("a hard link whose target is missing")
	}
	return fmt.Errorf("it is a %s, not a file", v.Kind())
}

// Body returns v's content, through hard links, for random access. The caller closes it.
func (v Version) Body(ctx context.Context) (*source.Body, error) {
	if layer, entry, ok := v.Content(); ok {
		return layer.Body(ctx, entry)
	}
	return nil, v.noContent()
}

// Size returns the bytes of content under v's name; for a hard link, those of its target; 0 if it
// is not a file.
func (v Version) Size() int64 {
	if layer, entry, ok := v.Content(); ok {
		return layer.Entries.Size(entry)
	}
	return 0
}

// Stored returns the bytes of content that v stores: 0 for a hard link.
func (v Version) Stored() int64 { return v.t.carried(v.i) }

// carried returns the bytes that version i stores itself.
func (t *Tree) carried(i int32) int64 {
	x := &t.versions[i]
	if x.inode == none || x.kind != source.File || x.inode != own && t.inodes[x.inode].carrier != i {
		return 0
	}
	return t.layers[x.layer].Entries.Stored(int(x.entry))
}

// Wasted returns the bytes that v stores and that no name of the final union reaches.
func (v Version) Wasted() int64 {
	if x := v.get(); x.inode == none || v.t.deadFrom(x) == notHidden {
		return 0
	}
	return v.Stored()
}

// deadFrom returns the layer from which on no visible name reaches x's inode, notHidden if one
// does; x must have an inode.
func (t *Tree) deadFrom(x *version) uint16 {
	if x.inode == own {
		return x.by
	}
	return t.inodes[x.inode].by
}

// Mode returns the permission, set-id and sticky bits; 0755 for an implied
// directory.
func (v Version) Mode() uint32 {
	if e, ok := v.Entry(); ok {
		return e.Mode
	}
	if v.Implied() {
		return impliedMode
	}
	return 0
}

// impliedMode is the mode that engines give to a directory without an entry.
const impliedMode = 0o755

// UID returns the owner.
func (v Version) UID() int64 { e, _ := v.Entry(); return e.UID }

// GID returns the group.
func (v Version) GID() int64 { e, _ := v.Entry(); return e.GID }

// Time returns the modification time, zero if v has none.
func (v Version) Time() time.Time { e, _ := v.Entry(); return e.Time }

// Link returns the target: as stored for a symlink, as an absolute path for a hard link; "" for
// anything else.
func (v Version) Link() string {
	e, _ := v.Entry()
	switch e.Type {
	case source.Hardlink:
		return cleanPath(e.Link)
	case source.Symlink:
		return e.Link
	}
	return ""
}

// Target returns the stored target of a symbolic link, also if v is a hard link to one; false if
// it is neither.
func (v Version) Target() (string, bool) {
	x := v.get()
	if x.kind != source.Symlink || x.inode == none {
		return "", false
	}
	from, entry := v.t.carrier(v.i)
	return v.t.layers[from].Entries.At(int(entry)).Link, true
}
