package analyze

import (
	"bytes"
	"slices"

	"github.com/peelhq/peel/source"
)

// Inside one layer, the parents in a name and in a hard link's target pass
// through symlinks that the layer has created before, as on the disk on which
// an engine unpacks it. Source: the behaviour of Docker, Podman and containerd
// with testdata/symlink-*.image.

// walk is the state of following symlinks.
type walk struct {
	before int // entries from this one on do not exist yet
	links  int // followed for the current name
	steps  int // components of link targets, for the whole image

	// The target of a symlink: a node, and names below it that have no node.
	at    NodeID
	names [][]byte

	texts [][]byte // the rest of each link target, innermost last
	chain []NodeID
}

// isLink reports whether the layer has a symlink at n.
func (b *builder) isLink(n NodeID) bool {
	top := b.top(n)
	return b.owns(top) && top.kind == source.Symlink && top.inode != none && int(top.entry) < b.walk.before
}

// follow resolves the symlink at n; false if it takes too many links. In a path that does not
// exist, ".." removes the last name.
func (b *builder) follow(n NodeID) bool {
	w := &b.walk
	w.at, w.names, w.texts = b.t.nodes[n].parent, w.names[:0], w.texts[:0]
	if !b.enter(n) {
		return false
	}
	for len(w.texts) > 0 {
		w.steps++
		last := len(w.texts) - 1
		part, rest, more := bytes.Cut(w.texts[last], []byte("/"))
		if w.texts[last] = rest; !more {
			w.texts = w.texts[:last]
		}
		switch {
		case len(part) == 0 || string(part) == ".":
		case string(part) == ".." && len(w.names) > 0:
			w.names = w.names[:len(w.names)-1]
		case string(part) == "..":
			w.at = b.t.nodes[w.at].parent
		case len(w.names) > 0:
			w.names = append(w.names, part)
		default:
			to, _ := b.table.find(b.t, w.at, part)
			switch {
			case to == none:
				w.names = append(w.names, part)
			case !b.isLink(to):
				w.at = to
			case !b.enter(to):
				return false
			}
		}
	}
	return true
}

// enter starts the target of the symlink at n, relative to the current position.
func (b *builder) enter(n NodeID) bool {
	w := &b.walk
	if w.links++; w.links > maxLinks {
		return false
	}
	layer, entry := b.t.carrier(b.t.nodes[n].first)
	text := b.t.layers[layer].Entries.LinkBytes(int(entry))
	if len(text) > 0 && text[0] == '/' {
		w.at = Root
	}
	w.texts = append(w.texts, text)
	return true
}

// arrive creates the directory that follow reached, and its parents. force and the result are
// those of directory.
func (b *builder) arrive(force bool) (NodeID, bool) {
	w := &b.walk
	w.chain = w.chain[:0]
	for n := w.at; !b.made(n, force); n = b.t.nodes[n].parent {
		w.chain = append(w.chain, n)
	}
	for _, n := range slices.Backward(w.chain) {
		if !b.mkdir(n, force) {
			return none, false
		}
	}
	at := w.at
	for _, name := range w.names {
		if at = b.nodeAt(at, name, none); !b.mkdir(at, force) {
			return none, false
		}
	}
	return at, true
}

// find returns the node of a hard link's target, none if no layer has mentioned its path yet.
func (b *builder) find(target []byte) NodeID {
	b.more, _ = splitPath(target, b.more)
	at := Root
	b.walk.links = 0
	for i, part := range b.more {
		if at, _ = b.table.find(b.t, at, part); at == none {
			return none
		}
		if i < len(b.more)-1 && b.isLink(at) {
			if !b.follow(at) || len(b.walk.names) > 0 {
				return none
			}
			at = b.walk.at
		}
	}
	return at
}
