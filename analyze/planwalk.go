package analyze

import (
	"context"
	"slices"
)

// A planWalk computes a plan's figures.
type planWalk struct {
	p      *Plan
	t      *Tree
	place  []uint16 // by layer: its layer in the new image
	whole  bitmap   // merged layers of the new image: what they hide of their own content is not stored
	layers int      // of the new image

	below bitmap // dropped nodes; nil if none
	// For each version that names a shared inode: when it is visible. Other versions are counted
	// at once.
	names map[int32]span

	stored, visible int64
}

// A span is the layers of the new image in which a name is visible: from the one that adds it to
// the one that hides it, or notHidden.
type span struct{ from, by uint16 }

func newPlanWalk(p *Plan) *planWalk {
	t := p.a.Tree
	w := &planWalk{p: p, t: t, place: make([]uint16, len(t.layers)), whole: newBitmap(len(t.layers) + 1), names: map[int32]span{}}
	ranges := p.squashed
	for l := 0; l < len(t.layers); l++ {
		if len(ranges) > 0 && l == ranges[0].From {
			w.whole.set(w.layers)
			for ; l < ranges[0].To; l++ {
				w.place[l] = uint16(w.layers)
			}
			ranges = ranges[1:]
			w.place[l] = uint16(w.layers)
			w.layers++
			continue
		}
		w.place[l] = uint16(w.layers)
		if !p.gone[l] {
			w.layers++
		}
	}
	if len(p.dropped) > 0 {
		w.below = newBitmap(len(t.nodes))
		for _, n := range p.dropped {
			w.below.set(int(n))
		}
		for n := 1; n < len(t.nodes); n++ { // parents come first
			if w.below.has(int(t.nodes[n].parent)) {
				w.below.set(n)
			}
		}
	}
	return w
}

// newBy maps an old layer, or notHidden, to the new image.
func (w *planWalk) newBy(by uint16) uint16 {
	if by == notHidden {
		return by
	}
	return w.place[by]
}

// versions visits all versions, newest first: a version is hidden by the next remaining one above
// it.
func (w *planWalk) versions(ctx context.Context) error {
	t, base := w.t, w.p.a.Totals.BaseLayers
	node, by := NodeID(none), notHidden
	dropped := false
	var hides []int
	for i := len(t.versions) - 1; i >= 0; i-- {
		if i%untilRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		v := &t.versions[i]
		if v.node != node {
			node, by, hides = v.node, notHidden, w.p.hides[v.node]
			if dropped = w.below != nil && w.below.has(int(node)); dropped {
				by = uint16(base)
			}
		}
		for _, layer := range hides {
			if int(v.layer) < layer {
				by = min(by, uint16(layer))
			}
		}
		switch {
		case dropped && int(v.layer) >= base:
			continue
		case has(w.p.unwritten, i):
			continue
		case v.flags&duplicate != 0: // hidden by its own layer, it hides nothing itself
			if !has(w.p.covered, i) {
				w.name(int32(i), span{w.place[v.layer], w.place[v.layer]})
			}
			continue
		case !has(w.p.covered, i):
			w.name(int32(i), span{w.place[v.layer], w.newBy(by)})
		}
		by = v.layer
	}
	return nil
}

// has is bitmap.has for a set that may be nil.
func has(b bitmap, i int) bool { return b != nil && b.has(i) }

// name counts a version, or records it as one of several names.
func (w *planWalk) name(i int32, s span) {
	v := &w.t.versions[i]
	switch {
	case v.inode == none || s.from == s.by && w.whole.has(int(s.from)):
	case v.inode != own:
		w.names[i] = s
	default:
		w.count(w.t.carried(i), s.by == notHidden)
	}
}

func (w *planWalk) count(bytes int64, shows bool) {
	w.stored += bytes
	if shows {
		w.visible += bytes
	}
}

// inodes counts inodes that have, or may have, several names.
func (w *planWalk) inodes(ctx context.Context) error {
	t := w.t
	single := map[int32]int32{} // inodes with one name, which are not in Tree.shared
	for i := range w.names {
		if id := t.versions[i].inode; t.shared[id] == nil {
			single[id] = i
		}
	}
	var spans []span
	for id := range t.inodes {
		if id%untilRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		bytes := t.stored(t.inodes[id].layer, t.inodes[id].entry)
		if bytes == 0 {
			continue
		}
		spans = spans[:0]
		for _, i := range t.shared[int32(id)] {
			if s, ok := w.names[i]; ok {
				spans = append(spans, s)
			}
		}
		if i, ok := single[int32(id)]; ok {
			spans = append(spans, w.names[i])
		}
		w.inode(int32(id), bytes, spans)
	}
	return nil
}

// inode counts an inode's bytes with its remaining names. A name that is added after all earlier
// names are hidden can't be a link: it stores the content itself.
func (w *planWalk) inode(id int32, bytes int64, spans []span) {
	x := &w.t.inodes[id]
	home := w.place[x.layer]
	if w.p.orphaned[id] {
		return // with all its names
	}
	if x.carrier == none && !w.whole.has(int(home)) {
		// Its entry is not a name and stays in place: every name is a link to it.
		w.count(bytes, slices.ContainsFunc(spans, func(s span) bool { return s.by == notHidden }))
		return
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from) - int(b.from) })
	for at := 0; at < len(spans); {
		until := spans[at].by
		at++
		for ; at < len(spans) && spans[at].from <= until; at++ {
			until = max(until, spans[at].by)
		}
		w.count(bytes, until == notHidden)
	}
}
