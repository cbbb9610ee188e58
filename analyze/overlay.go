package analyze

import "github.com/peelhq/peel/source"

// # One layer over those below
//
// When a layer is unpacked, it is laid over the union of the lower ones. Its opaque
// markers and whiteouts hide what the lower layers have, and so does whatever it
// has that is no directory, of what lies below. What it has at a path decides
// what becomes of the lower version there; the markers decide about the rest,
// opaque ones first.

// layOver lays the layer that is unpacked over those below it.
func (b *builder) layOver() {
	d := &b.disk
	end := len(b.t.versions) // of the layer's own; what is pushed from here on is removals
	whited := map[NodeID]bool{}
	for _, kind := range []pathKind{pathOpaque, pathWhiteout} {
		for i := range d.markers {
			switch m := &d.markers[i]; {
			case m.gone || m.kind != kind:
			case kind == pathOpaque:
				b.hideBelow(m.hides, Opaque)
			case m.hides == none:
				// The layer itself may have brought it since.
				b.split(b.t.layers[b.layer].Entries, int(m.entry))
				_, parts := kindOf(b.parts)
				if n, _ := b.table.find(b.t, m.dir, parts[len(parts)-1]); n != none {
					whited[n] = true
				}
			default:
				whited[m.hides] = true
				b.hide(m.hides, Deleted)
			}
		}
	}
	for _, n := range d.devices.list {
		if d.devices.has(n) {
			b.hide(n, Deleted)
		}
	}
	for at := d.first; at < end; at++ {
		v := &b.t.versions[at]
		n, replaces := v.node, v.kind != source.Dir && v.flags&duplicate == 0
		b.relate(int32(at), b.below(n))
		if replaces {
			b.hideBelow(n, Replaced)
		}
	}
	b.settleDirs(whited)
}

// settleDirs makes a version of every directory of the layer that no entry names
// and that the lower layers do not show any more, or never had. One that is there
// for a marker alone is none if a whiteout hides it, or a directory above it that
// is none: the marker hides nothing then that is not hidden already.
func (b *builder) settleDirs(whited map[NodeID]bool) {
	d := &b.disk
	for _, n := range d.parents.list {
		if d.parents.has(n) {
			b.settleDir(n)
		}
	}
	for _, n := range d.hosts.list { // parents before their children
		switch {
		case !d.hosts.has(n) || d.parents.has(n) || b.owns(b.top(n)):
		case whited[n] || whited[b.t.nodes[n].parent] && !b.owns(b.top(b.t.nodes[n].parent)):
			whited[n] = true
		default:
			b.settleDir(n)
		}
	}
}

func (b *builder) settleDir(n NodeID) {
	top := b.top(n)
	if n == Root || b.owns(top) {
		return
	}
	gone := top != nil && top.change == Removed
	if !gone {
		if lower := b.shown(n); lower != nil && lower.kind == source.Dir {
			return
		}
	}
	at := b.t.nodes[n].first
	dir := version{node: n, entry: none, inode: none, by: notHidden, layer: uint16(b.layer), kind: source.Dir, flags: implied}
	if gone && int(top.layer) == b.layer {
		*top = dir // the layer has hidden the lower one and has its own
	} else {
		at = b.push(dir)
	}
	b.link(n)
	b.relate(at, b.below(n))
}

// hide hides what the lower layers have at n and below it.
func (b *builder) hide(n NodeID, cause Cause) {
	b.remove(n, cause)
	b.hideBelow(n, cause)
}

// hideBelow hides what the lower layers have below n, but not n. A stack, not
// recursion: paths may be tens of thousands of directories deep. In one layer
// nothing is gone through twice.
func (b *builder) hideBelow(n NodeID, cause Cause) {
	if b.t.nodes[n].kids == none || !b.disk.bare.add(n) {
		return
	}
	for stack := []NodeID{n}; len(stack) > 0; {
		dir := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		kid := NodeID(b.t.nodes[dir].kids)
		b.t.nodes[dir].kids = none
		for kid != none {
			x := &b.t.nodes[kid]
			next := NodeID(x.dir)
			x.dir = unlisted
			b.remove(kid, cause)
			if b.owns(b.top(kid)) {
				b.link(kid)
			}
			if b.t.nodes[kid].kids != none && b.disk.bare.add(kid) {
				stack = append(stack, kid)
			}
			kid = next
		}
	}
}

// remove hides the version of n that the lower layers show, if there is one. If
// the layer has nothing of its own there, a "removed" version says so; else relate
// says what becomes of the lower one.
func (b *builder) remove(n NodeID, cause Cause) {
	top := b.top(n)
	if b.owns(top) || top != nil && top.change == Removed {
		return
	}
	l := b.shown(n)
	if l == nil {
		return
	}
	l.by, l.cause = uint16(b.layer), cause
	l.flags &^= unsettledCause
	b.push(version{node: n, entry: none, inode: none, by: notHidden, layer: uint16(b.layer), change: Removed})
}

// link makes the parent list n, so that hiding a directory visits nothing but what
// has been there since it was last hidden. What is hidden alone stays in the list:
// hiding all that it lists goes through it once, and every child got there once.
func (b *builder) link(n NodeID) {
	x := &b.t.nodes[n]
	if x.dir != unlisted || n == Root {
		return
	}
	p := &b.t.nodes[x.parent]
	x.dir, p.kids = p.kids, int32(n)
}
