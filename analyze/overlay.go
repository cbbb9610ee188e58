package analyze

import "github.com/peelhq/peel/source"

// # Applying one layer
//
// After a layer is unpacked, it is applied to the union of the lower layers. Its opaque markers
// and whiteouts hide content of the lower layers, and anything in it that is not a directory
// hides what the lower layers have below that path. At a path where the layer has something, that
// decides what happens to the lower version; markers decide about the rest, opaque ones first.

// layOver applies the unpacked layer to those below it.
func (b *builder) layOver() {
	d := &b.disk
	end := len(b.t.versions) // of the layer's own versions; later ones are removals
	whited := map[NodeID]bool{}
	for _, kind := range []pathKind{pathOpaque, pathWhiteout} {
		for i := range d.markers {
			switch m := &d.markers[i]; {
			case m.gone || m.kind != kind:
			case kind == pathOpaque:
				b.hideBelow(m.hides, Opaque)
			case m.hides == none:
				// The layer itself may have added it since.
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

// settleDirs makes a version for every directory of the layer that has no entry
// and is not visible in the lower layers. It makes none for a directory that
// exists only for a marker if a whiteout hides the directory, or if its parent
// gets none: such a marker hides nothing that is still visible.
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

// hide hides the lower layers' content at and below n.
func (b *builder) hide(n NodeID, cause Cause) {
	b.remove(n, cause)
	b.hideBelow(n, cause)
}

// hideBelow hides the lower layers' content below n, but not n. It uses a stack
// instead of recursion, because paths may be tens of thousands of directories
// deep. It visits nothing twice in one layer.
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

// remove hides the version of n that is visible in the lower layers, if any. If the layer has
// nothing of its own there, it adds a "removed" version; otherwise relate handles the lower one.
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

// link adds n to its parent's list, so that hiding a directory visits only what was added since
// it was last hidden. Single hidden nodes stay in the list: hiding the directory visits the list
// once, and each child is added once.
func (b *builder) link(n NodeID) {
	x := &b.t.nodes[n]
	if x.dir != unlisted || n == Root {
		return
	}
	p := &b.t.nodes[x.parent]
	x.dir, p.kids = p.kids, int32(n)
}
