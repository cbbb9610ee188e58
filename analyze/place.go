package analyze

import "github.com/peelhq/peel/source"

// present reports whether n is there in the union of what was applied so far.
func (b *builder) present(n NodeID) bool {
	if n == Root {
		return true
	}
	v := b.newest[n]
	return v != none && b.t.versions[v].change != Removed && b.t.versions[v].flags&duplicate == 0
}

// below returns n's newest version of the lower layers, none if they have none.
func (b *builder) below(n NodeID) int32 {
	v := b.newest[n]
	for v != none && (int(b.t.versions[v].layer) == b.layer || b.t.versions[v].flags&duplicate != 0) {
		v = b.t.versions[v].prev
	}
	return v
}

func (b *builder) push(v version) int32 {
	v.prev = b.newest[v.node]
	b.t.versions = append(b.t.versions, v)
	b.newest[v.node] = int32(len(b.t.versions) - 1)
	return b.newest[v.node]
}

// place puts v over what is at its node, and returns its index.
func (b *builder) place(v version) int32 {
	n := v.node
	wasThere := b.present(n)
	if wasThere && v.kind != source.Dir {
		b.hideKids(n, Replaced)
	}
	at := b.newest[n]
	switch top := b.top(n); {
	case top == nil || int(top.layer) != b.layer:
		at = b.push(v)
	case top.change == Removed, top.flags&(implied|duplicate) == implied:
		// This layer has hidden the lower one and now writes its own; or it names
		// a directory that it had only implied, which nothing is lost of.
		v.prev = top.prev
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
	if b.newest[n] == none {
		return nil
	}
	return &b.t.versions[b.newest[n]]
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
		if b.t.versions[b.newest[n]].kind == source.Dir {
			return
		}
		if int(b.t.versions[b.newest[n]].layer) == b.layer {
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
	b.unlink(n)
	b.hideTree(n, cause)
}

// hideKids hides all that is there below n, but not n.
func (b *builder) hideKids(n NodeID, cause Cause) {
	kid := b.firstKid[n]
	if kid == none {
		return
	}
	b.lastDir = nil
	b.firstKid[n] = none
	for kid != none {
		next := b.nextKid[kid]
		b.hideTree(kid, cause)
		kid = next
	}
}

// hideTree hides n, which is there and has been taken out of its parent's list,
// and all below it. A stack, not recursion: paths may be tens of thousands of
// directories deep.
func (b *builder) hideTree(n NodeID, cause Cause) {
	stack := []NodeID{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for kid := b.firstKid[n]; kid != none; kid = b.nextKid[kid] {
			stack = append(stack, kid)
		}
		b.firstKid[n] = none
		b.remove(n, cause)
	}
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

// link puts n into its parent's list of what is there.
func (b *builder) link(n NodeID) {
	p := b.t.nodes[n].parent
	first := b.firstKid[p]
	b.nextKid[n], b.priorKid[n] = first, none
	if first != none {
		b.priorKid[first] = n
	}
	b.firstKid[p] = n
}

// unlink takes n out of it.
func (b *builder) unlink(n NodeID) {
	next, prior := b.nextKid[n], b.priorKid[n]
	if prior == none {
		b.firstKid[b.t.nodes[n].parent] = next
	} else {
		b.nextKid[prior] = next
	}
	if next != none {
		b.priorKid[next] = prior
	}
}

// target finds the inode that entry i, a hard link, names: an earlier entry of
// this layer, else what the lower layers have there, even if this layer hides
// it, for engines make the link before they do. inode is none if there is none yet.
func (b *builder) target(e *source.Entries, i int) (id int32, kind source.Type) {
	parts, _ := splitPath(e.LinkBytes(i), b.more)
	b.more = parts
	if n := b.lookup(parts); n != none {
		v := b.newest[n]
		if v != none && b.t.versions[v].change == Removed || v != none && b.t.versions[v].flags&duplicate != 0 {
			v = b.below(n)
		}
		if v != none && b.t.versions[v].inode != none {
			return b.t.versions[v].inode, b.t.versions[v].kind
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
