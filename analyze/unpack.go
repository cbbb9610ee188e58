package analyze

import (
	"context"
	"hash/maphash"

	"github.com/peelhq/peel/source"
)

// # One layer
//
// A layer means what an engine would have on disk after unpacking it alone, in the order of its
// tar, into an empty directory. So an entry replaces what the layer already has at its path,
// including everything below and its markers; but a directory on top of a directory keeps its
// content. Missing parents are created, and parents that are symlinks of this layer are followed.
// Lower layers matter only for the targets of hard links, and for whether they have a directory
// that no entry of this layer names.
//
// The effect on the layers below is computed when the layer is complete: see overlay.go.

// unpack processes the entries of a layer in order; markers are the possible markers among them.
func (b *builder) unpack(ctx context.Context, e *source.Entries, markers []int) error {
	b.walk.before = e.Len()
	for i := range e.Len() {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := b.full(); err != nil {
			return err
		}
		if len(markers) > 0 && markers[0] == i {
			markers = markers[1:]
			if b.special(e, i) {
				continue
			}
		}
		b.entry(e, i)
	}
	for _, v := range b.disk.unlinked {
		b.relink(e, v)
	}
	return b.full()
}

// findMarkers returns the entries that may be markers.
func findMarkers(e *source.Entries) (markers []int) {
	dir, within := none, false
	for i := range e.Len() {
		if d := e.Dir(i); d != dir {
			dir, within = d, mayBeMarker(e.DirBytes(d))
		}
		if within || mayBeMarker(e.Base(i)) {
			markers = append(markers, i)
		}
	}
	return markers
}

// split splits the name of entry i into b.parts.
func (b *builder) split(e *source.Entries, i int) (climbed bool) {
	b.name = e.AppendName(b.name[:0], i)
	b.parts, climbed = splitPath(b.name, b.parts)
	return climbed
}

// special handles entry i if it is not a path of the filesystem, and reports whether it did.
func (b *builder) special(e *source.Entries, i int) bool {
	climbed := b.split(e, i)
	kind, hidden := kindOf(b.parts)
	if kind == pathPlain {
		return false
	}
	if climbed {
		b.flawNamed(false, climbs)
	}
	switch kind {
	case pathMalformed:
		b.flawNamed(true, "a whiteout without a name: ignored")
	case pathWhiteout, pathOpaque:
		if !b.mark(kind, hidden, i) {
			b.flawNamed(true, "a whiteout below something that is not a directory: ignored")
		}
	}
	// Its bytes still ship, and hard links may point to AUFS's.
	if e.Type(i) == source.File && (e.Stored(i) > 0 || kind == pathAUFS) {
		b.orphan(i)
	}
	return true
}

// mark adds the marker of entry i; false if its parent is not a directory. parts are the
// components of the hidden path.
func (b *builder) mark(kind pathKind, parts [][]byte, i int) bool {
	m := marker{kind: kind, entry: int32(i)}
	dir := parts
	if kind == pathWhiteout {
		dir = parts[:len(parts)-1]
	}
	var ok bool
	if m.dir, ok = b.directory(dir, false); !ok {
		return false
	}
	m.hides = m.dir
	if kind == pathWhiteout {
		m.hides, _ = b.table.find(b.t, m.dir, parts[len(parts)-1])
	}
	b.stand(m)
	return true
}

func (b *builder) stand(m marker) {
	d := &b.disk
	d.markers = append(d.markers, m)
	if d.standing != nil {
		d.standing[m.dir] = append(d.standing[m.dir], int32(len(d.markers)-1))
	}
}

// orphan makes an inode for entry i, which has no node.
func (b *builder) orphan(i int) {
	b.t.inodes = append(b.t.inodes, inode{entry: int32(i), stamp: int32(i), carrier: none, layer: uint16(b.layer), by: notHidden})
	id := int32(len(b.t.inodes) - 1)
	b.t.orphans = append(b.t.orphans, id)
	b.bookkept[maphash.String(b.seed, b.t.orphanPath(id))] = id
}

// orphanAt returns the inode without a node whose entry has a path, in any spelling.
func (b *builder) orphanAt(path []byte) (id int32, ok bool) {
	if len(b.bookkept) == 0 {
		return none, false
	}
	clean := cleanPath(string(path))
	id, ok = b.bookkept[maphash.String(b.seed, clean)]
	return id, ok && b.t.orphanPath(id) == clean
}

// climbs is the flaw of a name with too many "..".
const climbs = "the name climbs out of the image with \"..\"; it is taken inside the root"

// entry adds entry i, a path of the filesystem.
func (b *builder) entry(e *source.Entries, i int) {
	n := b.locate(e, i)
	v := version{node: n, entry: int32(i), inode: none, by: notHidden, layer: uint16(b.layer), kind: e.Type(i)}
	if n == Root && v.kind != source.Dir {
		b.flawAt(Root, "an entry that makes the root a "+v.kind.String()+": ignored")
		if e.Stored(i) > 0 {
			b.orphan(i)
		}
		return
	}
	switch v.kind {
	case source.Dir:
	case source.Hardlink:
		to := b.find(e.LinkBytes(i))
		if to != none && b.disk.devices.has(to) {
			b.placeDevice(n)
			return
		}
		v.inode, v.kind = b.target(e, i, to)
		b.stamp(e, i, v.inode, v.kind)
	case source.Char:
		if major, minor := e.Device(i); major == 0 && minor == 0 {
			b.placeDevice(n)
			return
		}
		v.inode = own
	default:
		v.inode = own
	}
	at := b.place(v)
	switch {
	case v.kind == source.Dir && n != Root && e.Xattr(i, opaqueXattr) == "y":
		b.markOpaque(n)
	case v.inode == none && e.Type(i) == source.Hardlink:
		b.disk.unlinked = append(b.disk.unlinked, at)
	}
}

// opaqueXattr makes a directory opaque if its value is "y". Source: Linux,
// Documentation/filesystems/overlayfs.rst, "Whiteouts and opaque directories".
const opaqueXattr = "trusted.overlay.opaque"

// markOpaque makes n opaque, a directory that an entry has just created.
func (b *builder) markOpaque(n NodeID) {
	b.host(n)
	b.stand(marker{dir: n, hides: n, entry: none, kind: pathOpaque})
}

// placeDevice puts a character device 0/0 at n, which overlayfs treats as a whiteout. Source: as
// for opaqueXattr.
func (b *builder) placeDevice(n NodeID) {
	b.empty(n)
	if top := b.top(n); b.owns(top) {
		b.cover(top)
	}
	if b.disk.devices.add(n) {
		b.list(n)
	}
}

// locate returns the node of an entry's name and creates it and its parent directories if
// necessary.
func (b *builder) locate(e *source.Entries, i int) NodeID {
	// The common case: a file next to the previous one, with a name that splitPath would not
	// change.
	dir, base := e.Dir(i), e.Base(i)
	usual := simple(base)
	if usual && dir == b.lastDir {
		hash := b.ahead.hash(b.t, &b.table, e, i, dir, b.lastNode)
		return b.orNew(b.table.findBy(b.t, hash, b.lastNode, base), hash, b.lastNode, base, i)
	}
	climbed := b.split(e, i)
	if climbed {
		b.flawNamed(false, climbs)
	}
	parts := b.parts
	if len(parts) == 0 {
		return Root
	}
	at, _ := b.directory(parts[:len(parts)-1], true)
	if !usual {
		b.lastDir = none
		return b.nodeAt(at, parts[len(parts)-1], none)
	}
	b.lastDir, b.lastNode, b.lastThrough = dir, at, b.walk.links > 0
	if climbed {
		b.lastDir = none // report the next one too
	}
	return b.nodeAt(at, base, i)
}

// simple reports whether the last part of a name is a plain component.
func simple(base []byte) bool {
	return len(base) > 0 && base[len(base)-1] != '/' && string(base) != "." && string(base) != ".."
}

// place puts v at its node, replaces what the layer has there, and returns its index.
func (b *builder) place(v version) int32 {
	n := v.node
	if v.kind != source.Dir {
		b.empty(n)
	}
	if v.kind == source.Symlink && b.lastThrough {
		b.lastDir = none // a name on the way that led nowhere may have become a link
	}
	b.disk.devices.drop(n)
	top := b.top(n)
	if !b.owns(top) {
		b.list(n)
		b.link(n)
		return b.push(v)
	}
	if top.flags&implied != 0 {
		*top = v // an implied directory has nothing to lose
		return b.t.nodes[n].first
	}
	b.cover(top)
	return b.push(v)
}

// directory returns the directory at that path in the layer so far, following
// the layer's symlinks, and creates it and its parents if necessary. If force
// is true, it replaces anything in the way that is not a directory and records
// a flaw; otherwise it returns false.
func (b *builder) directory(parts [][]byte, force bool) (at NodeID, ok bool) {
	b.walk.links = 0
	for _, part := range parts {
		n := b.nodeAt(at, part, none)
		switch {
		case b.made(n, force):
			at = n
		case b.isLink(n) && b.follow(n):
			if at, ok = b.arrive(force); !ok {
				return none, false
			}
		case b.mkdir(n, force):
			at = n
		default:
			return none, false
		}
	}
	return at, true
}

// made reports whether mkdir has nothing to do.
func (b *builder) made(n NodeID, force bool) bool {
	return n == Root || b.disk.parents.has(n) || !force && b.disk.hosts.has(n)
}

// mkdir makes n a directory with content: an entry if force is true, otherwise
// only a marker. It adds no version if a lower layer has the directory, or for
// a marker: see settleDirs.
func (b *builder) mkdir(n NodeID, force bool) bool {
	if b.made(n, force) {
		return true
	}
	top := b.top(n)
	own, device := b.owns(top), b.disk.devices.has(n)
	inWay := device || own && top.kind != source.Dir
	switch {
	case inWay && !force:
		return false
	case !force:
		b.host(n)
		return true
	case inWay:
		b.flawAt(n, "an entry lies below it, but it isn't a directory: treated as one")
		b.imply(n)
	case !own:
		if lower := b.shown(n); lower == nil || lower.kind != source.Dir {
			b.imply(n)
		}
	}
	if b.disk.parents.add(n) {
		b.list(n)
	}
	return true
}

// host records that n contains a marker, or a directory with a marker.
func (b *builder) host(n NodeID) {
	if b.disk.hosts.add(n) {
		b.list(n)
	}
}

// imply makes n a directory without an entry.
func (b *builder) imply(n NodeID) {
	b.place(version{node: n, entry: none, inode: none, by: notHidden, layer: uint16(b.layer), kind: source.Dir, flags: implied})
}
