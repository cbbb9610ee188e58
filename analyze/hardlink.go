package analyze

import "github.com/peelhq/peel/source"

// target finds the inode that entry i, a hard link to a node (or none), refers to: an earlier
// entry of this layer, else the version in the lower layers, even if this layer hides it, unless
// the layer has a directory there. inode is none if not known yet.
func (b *builder) target(e *source.Entries, i int, to NodeID) (id int32, kind source.Type) {
	if to != none && !b.disk.hosts.has(to) {
		v := b.t.nodes[to].first
		if v != none && !b.owns(&b.t.versions[v]) {
			v = b.below(to)
		}
		if v != none && b.t.versions[v].inode != none {
			return b.share(v), b.t.versions[v].kind
		}
	}
	if id, ok := b.orphanAt(e.LinkBytes(i)); ok {
		return id, source.File
	}
	return none, source.File
}

// stamp notes that the header of entry i, a hard link to inode id, is the file's from now on if
// this layer stores the file.
func (b *builder) stamp(e *source.Entries, i int, id int32, kind source.Type) {
	if id < 0 || kind == source.Symlink {
		return
	}
	if x := &b.t.inodes[id]; int(x.layer) == b.layer && !e.SameStamp(i, int(x.stamp)) {
		x.stamp = int32(i)
	}
}

// relink finds the target of a link that preceded it in this layer.
func (b *builder) relink(e *source.Entries, at int32) {
	i := int(b.t.versions[at].entry)
	b.walk.before = i
	id, kind := b.target(e, i, b.find(e.LinkBytes(i)))
	if id == none {
		b.flaw(func() (string, string) {
			return b.t.Path(b.t.versions[at].node), "a hard link to " + shortened(cleanPath(string(e.LinkBytes(i)))) + ", which is missing"
		})
		return
	}
	v := &b.t.versions[at]
	v.inode, v.kind = id, kind
}

// share returns the inode of version v, and creates it if v was its only name.
func (b *builder) share(v int32) int32 {
	x := &b.t.versions[v]
	if x.inode == own {
		b.t.inodes = append(b.t.inodes, inode{entry: x.entry, stamp: x.entry, carrier: v, layer: x.layer, by: notHidden})
		x.inode = int32(len(b.t.inodes) - 1)
	}
	return x.inode
}
