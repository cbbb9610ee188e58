package analyze

import "github.com/peelhq/peel/source"

// disk is what the current layer has made so far besides its versions: what a directory would
// contain into which it was unpacked.
type disk struct {
	first int // its first version

	parents marks // its directories with content
	hosts   marks // directories that contain a marker, or such a directory; without an entry they may be replaced
	devices marks // where it has a character device 0/0
	bare    marks // directories whose lower content is hidden

	markers  []marker
	unlinked []int32 // hard links whose targets may still come

	// The children of each directory and its markers. Both are nil until a directory is removed,
	// which few layers do.
	kids     map[NodeID][]NodeID
	standing map[NodeID][]int32
}

// A marker is a whiteout or an opaque marker; on disk it is a file.
type marker struct {
	dir   NodeID // directory that contains it
	hides NodeID // for a whiteout, the node that it hides with its content, none if no layer had it; for an opaque marker, dir, whose content it hides
	entry int32  // none for an attribute
	kind  pathKind
	gone  bool // removed with its directory
}

// begin starts a layer whose first version will be first.
func (d *disk) begin(first int) {
	for _, m := range []*marks{&d.parents, &d.hosts, &d.devices, &d.bare} {
		m.clear()
	}
	d.first = first
	d.markers, d.unlinked = d.markers[:0], d.unlinked[:0]
	d.kids, d.standing = nil, nil
}

// marks is a set of nodes that can be emptied in time proportional to its insertions.
type marks struct {
	in   bitmap
	list []NodeID // all members, and some former ones
}

func (m *marks) has(n NodeID) bool { return int(n)/64 < len(m.in) && m.in.has(int(n)) }

// add adds n and reports whether it was new.
func (m *marks) add(n NodeID) bool {
	if m.has(n) {
		return false
	}
	if need := int(n)/64 + 1; need > len(m.in) {
		m.in = append(m.in, make(bitmap, need-len(m.in))...)
	}
	m.in.set(int(n))
	m.list = append(m.list, n)
	return true
}

func (m *marks) drop(n NodeID) {
	if m.has(n) {
		m.in[n/64] &^= 1 << (n % 64)
	}
}

func (m *marks) clear() {
	for _, n := range m.list {
		m.drop(n)
	}
	m.list = m.list[:0]
}

// owns reports whether v is what the current layer has at its node.
func (b *builder) owns(v *version) bool {
	return v != nil && int(v.layer) == b.layer && v.flags&duplicate == 0 && v.change != Removed
}

// list records that the layer has something at n, if that is recorded.
func (b *builder) list(n NodeID) {
	if kids := b.disk.kids; kids != nil {
		parent := b.t.nodes[n].parent
		kids[parent] = append(kids[parent], n)
	}
}

// listAll records everything that the layer has so far.
func (b *builder) listAll() {
	d := &b.disk
	d.kids, d.standing = map[NodeID][]NodeID{}, map[NodeID][]int32{}
	for i := d.first; i < len(b.t.versions); i++ {
		if v := &b.t.versions[i]; b.owns(v) {
			b.list(v.node)
		}
	}
	for _, m := range []*marks{&d.parents, &d.hosts, &d.devices} {
		for _, n := range m.list {
			if m.has(n) {
				b.list(n)
			}
		}
	}
	for i := range d.markers {
		dir := d.markers[i].dir
		d.standing[dir] = append(d.standing[dir], int32(i))
	}
}

// empty removes everything that the layer has below n, including markers. A removed node is
// listed again only if the layer makes it again.
func (b *builder) empty(n NodeID) {
	d := &b.disk
	if !d.parents.has(n) && !d.hosts.has(n) {
		return
	}
	if d.kids == nil {
		b.listAll()
	}
	b.lastDir = none
	for stack := []NodeID{n}; len(stack) > 0; {
		dir := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		d.parents.drop(dir)
		d.hosts.drop(dir)
		for _, kid := range d.kids[dir] {
			if top := b.top(kid); b.owns(top) {
				b.cover(top)
			}
			d.devices.drop(kid)
			if d.parents.has(kid) || d.hosts.has(kid) {
				stack = append(stack, kid)
			}
		}
		for _, i := range d.standing[dir] {
			d.markers[i].gone = true
		}
		delete(d.kids, dir)
		delete(d.standing, dir)
	}
}

// cover marks a version of this layer as hidden by the same layer.
func (b *builder) cover(v *version) {
	v.flags |= duplicate
	v.by, v.cause = uint16(b.layer), Duplicate
	if v.kind == source.Symlink {
		b.lastDir = none
	}
}
