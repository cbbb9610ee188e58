package analyze

import "github.com/peelhq/peel/source"

// present reports whether n is there in the union of what was applied so far.
func (b *builder) present(n NodeID) bool {
	if n == Root {
		return true
	}
	v := b.t.nodes[n].first
	return v != none && b.t.versions[v].change != Removed && b.t.versions[v].flags&duplicate == 0
}

// below returns n's newest version of the lower layers, none if they have none.
func (b *builder) below(n NodeID) int32 {
	v := b.t.nodes[n].first
	for v != none && (int(b.t.versions[v].layer) == b.layer || b.t.versions[v].flags&duplicate != 0) {
		v = b.prev[v]
	}
	return v
}

func (b *builder) push(v version) int32 {
	at := int32(len(b.t.versions))
	b.t.versions = append(b.t.versions, v)
	b.prev = append(b.prev, b.t.nodes[v.node].first)
	b.t.nodes[v.node].first = at
	return at
}

// place puts v over what is at its node, and returns its index.
func (b *builder) place(v version) int32 {
	n := v.node
	wasThere := b.present(n)
	if wasThere && v.kind != source.Dir {
		b.hideKids(n, Replaced)
	}
	at := b.t.nodes[n].first
	switch top := b.top(n); {
	case top == nil || int(top.layer) != b.layer:
		at = b.push(v)
	case top.change == Removed, top.flags&(implied|duplicate) == implied:
		// This layer has hidden the lower one and now writes its own; or it names
		// a directory that it had only implied, which nothing is lost of.
		*top = v
	default:
		if top.flags&duplicate == 0 {
			b.supersede(top, Duplicate)
		}
		at = b.push(v)
	}
	if !wasThere && n != Root {
		b.link(n)
	}
	b.relate(at, b.below(n))
	return at
}

// top returns n's newest version, nil if there is none. It is valid until the
// next push.
func (b *builder) top(n NodeID) *version {
	v := b.t.nodes[n].first
	if v == none {
		return nil
	}
	return &b.t.versions[v]
}

// supersede marks a version of this layer as covered by this layer.
func (b *builder) supersede(v *version, cause Cause) {
	v.flags |= duplicate
	v.by, v.cause = uint16(b.layer), cause
}

// implyDir makes sure that n, the parent of an entry, is a directory.
func (b *builder) implyDir(n NodeID) {
	if n == Root {
		return
	}
	if b.present(n) {
		top := b.top(n)
		if top.kind == source.Dir {
			return
		}
		if int(top.layer) == b.layer {
			b.flaw(b.t.Path(n), "an entry lies below it, though it is no directory: taken for one")
		}
	}
	b.place(version{node: n, entry: none, inode: none, by: notHidden, layer: uint16(b.layer), kind: source.Dir, flags: implied})
}

// hide leaves a removed version on n and on all that is there below it.
func (b *builder) hide(n NodeID, cause Cause) {
	if n == Root {
		b.hideKids(n, cause)
		return
	}
	b.hideTree(n, cause)
}

// hideKids hides all that is there below n, but not n.
func (b *builder) hideKids(n NodeID, cause Cause) {
	if b.t.nodes[n].kids == none {
		return
	}
	b.lastDir = none
	for _, kid := range b.takeKids(n, nil) {
		b.hideTree(kid, cause)
	}
}

// hideTree hides n, which is there, and all below it. A stack, not recursion:
// paths may be tens of thousands of directories deep.
func (b *builder) hideTree(n NodeID, cause Cause) {
	stack := []NodeID{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = b.takeKids(n, stack[:len(stack)-1])
		b.remove(n, cause)
	}
}

// takeKids appends to list the children of n that are there, and forgets all that
// the node lists.
func (b *builder) takeKids(n NodeID, list []NodeID) []NodeID {
	kid := NodeID(b.t.nodes[n].kids)
	b.t.nodes[n].kids = none
	for kid != none {
		x := &b.t.nodes[kid]
		next := NodeID(x.dir)
		x.dir = unlisted
		if b.present(kid) {
			list = append(list, kid)
		}
		kid = next
	}
	return list
}

// remove leaves a removed version on n, unless it was this layer that brought n.
func (b *builder) remove(n NodeID, cause Cause) {
	if top := b.top(n); int(top.layer) == b.layer {
		b.supersede(top, cause)
	}
	lower := b.below(n)
	if lower == none || b.t.versions[lower].change == Removed {
		return
	}
	l := &b.t.versions[lower]
	l.by, l.cause = uint16(b.layer), cause
	l.flags &^= unsettledCause
	b.push(version{node: n, entry: none, inode: none, by: notHidden, layer: uint16(b.layer), change: Removed})
}

// link makes the parent list n, so that hiding a directory visits nothing but what
// has been there since it was last hidden. Who is hidden alone stays in the list:
// taking the children goes through it once, and every child got there once.
func (b *builder) link(n NodeID) {
	x := &b.t.nodes[n]
	if x.dir != unlisted {
		return
	}
	p := &b.t.nodes[x.parent]
	x.dir, p.kids = p.kids, int32(n)
}

// target finds the inode that entry i, a hard link, names: an earlier entry of
// this layer, else what the lower layers have there, even if this layer hides
// it, for engines make the link before they do. inode is none if there is none yet.
func (b *builder) target(e *source.Entries, i int) (id int32, kind source.Type) {
	parts, _ := splitPath(e.LinkBytes(i), b.more)
	b.more = parts
	if n := b.lookup(parts); n != none {
		v := b.t.nodes[n].first
		if v != none && b.t.versions[v].change == Removed || v != none && b.t.versions[v].flags&duplicate != 0 {
			v = b.below(n)
		}
		if v != none && b.t.versions[v].inode != none {
			return b.share(v), b.t.versions[v].kind
		}
	}
	if id, ok := b.bookkept[joinPath(parts)]; ok {
		return id, source.File
	}
	return none, source.File
}

// relink finds the target of a link that stood before it in this layer.
func (b *builder) relink(e *source.Entries, at int32) {
	i := int(b.t.versions[at].entry)
	id, kind := b.target(e, i)
	if id == none {
		path := b.t.Path(b.t.versions[at].node)
		b.flaw(path, "a hard link to "+cleanPath(string(e.LinkBytes(i)))+", which is missing")
		return
	}
	v := &b.t.versions[at]
	v.inode, v.kind = id, kind
	b.relate(at, b.below(v.node))
}

// share returns the inode of version v, made if v has been its only name.
func (b *builder) share(v int32) int32 {
	x := &b.t.versions[v]
	if x.inode == own {
		b.t.inodes = append(b.t.inodes, inode{entry: x.entry, carrier: v, layer: x.layer, by: notHidden})
		x.inode = int32(len(b.t.inodes) - 1)
	}
	return x.inode
}
