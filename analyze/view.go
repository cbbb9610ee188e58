package analyze

import (
	"slices"
	"sync"

	"github.com/peelhq/peel/source"
)

// Mode is which part of the tree a view shows.
type Mode uint8

// The modes of a view.
const (
	Union      Mode = iota // the union after layer At
	Alone                  // what layer At holds, removals too
	Range                  // what differs between the unions after From and At
	Everything             // every node, shadowed and removed ones too
)

// Spec says what a view shows. From counts for Range only, At for all but
// Everything. Both are layer indices; From may be -1, for nothing at all.
type Spec struct {
	Mode     Mode
	From, At int
}

// A View is a part of a tree with the sums of its directories. It is immutable
// and safe for concurrent use.
type View struct {
	t    *Tree
	spec Spec
	at   int // the layer whose union signs speak of

	sums []dirSum // by a node's place among directories
	// To which node the bytes of an inode with several names are counted, of
	// those inodes that show.
	owner map[int32]NodeID
	signs []uint64 // by directory: 3 bitmaps of the tree's layers, see strip.go

	filtered *filtered // of a view that a filter made, nil otherwise; see filter.go
}

// dirSum is what a directory and all below it come to.
type dirSum struct {
	bytes, wasted int64
	files         int32
	shows         bool
}

// keptViews bounds the views that a tree keeps.
const keptViews = 12

type viewCache struct {
	mu    sync.Mutex
	views []*View // latest use last
}

// View returns the view that s asks for. It takes one pass over all nodes when
// it is first asked for, and is then kept for a while.
func (t *Tree) View(s Spec) *View {
	s = s.within(len(t.layers))
	t.views.mu.Lock()
	defer t.views.mu.Unlock()
	kept := t.views.views
	for i, v := range kept {
		if v.spec == s {
			copy(kept[i:], kept[i+1:])
			kept[len(kept)-1] = v
			return v
		}
	}
	v := newView(t, s)
	if len(kept) == keptViews {
		t.views.views = slices.Delete(kept, 0, 1)
	}
	t.views.views = append(t.views.views, v)
	return v
}

// within returns s with layers that exist, and zeros where they do not count.
func (s Spec) within(layers int) Spec {
	last := max(layers-1, 0)
	s.At = min(max(s.At, 0), last)
	s.From = min(max(s.From, -1), last)
	switch s.Mode {
	case Range:
	case Everything:
		s.From, s.At = 0, 0
	default:
		s.From = 0
	}
	return s
}

func newView(t *Tree, s Spec) *View {
	v := &View{t: t, spec: s, at: s.At, sums: make([]dirSum, t.dirs), owner: map[int32]NodeID{}}
	if s.Mode == Everything {
		v.at = len(t.layers) - 1
	}
	for id, names := range t.shared {
		v.own(id, names)
	}
	words := signWords(len(t.layers))
	v.signs = make([]uint64, int(t.dirs)*signMaps*words)
	own := make([]uint64, signMaps*words)
	for n := NodeID(len(t.nodes) - 1); n >= 0; n-- {
		s := v.alone(n)
		dir, parent := t.nodes[n].dir, t.nodes[t.nodes[n].parent].dir
		if dir != none {
			s = v.sums[dir].plus(s)
			v.sums[dir] = s
		}
		if n == Root {
			break
		}
		v.sums[parent] = v.sums[parent].plus(s)
		from := own
		if dir == none {
			clear(own)
		} else {
			from = v.dirSigns(dir)
		}
		v.ownSigns(n, from)
		for i, w := range from {
			v.signs[int(parent)*len(own)+i] |= w
		}
	}
	v.addOrphans()
	return v
}

func (a dirSum) plus(b dirSum) dirSum {
	return dirSum{a.bytes + b.bytes, a.wasted + b.wasted, a.files + b.files, a.shows || b.shows}
}

// own finds the node to which a hard-linked inode's bytes are counted: that of
// the entry which carries them, else that of the first name that shows.
func (v *View) own(id int32, names []int32) {
	if v.spec.Mode != Union && v.spec.Mode != Range {
		return
	}
	first := NodeID(none)
	for _, i := range names {
		n := v.t.versions[i].node
		if v.showing(n) != i {
			continue
		}
		if first == none || v.t.inodes[id].carrier == i {
			first = n
		}
	}
	v.owner[id] = first
}

// showing returns the version that shows for n itself, none if it does not show.
func (v *View) showing(n NodeID) int32 {
	t := v.t
	switch v.spec.Mode {
	case Union:
		return t.at(n, v.spec.At)
	case Alone:
		return t.inLayer(n, v.spec.At)
	case Range:
		before, after := t.at(n, v.spec.From), t.at(n, v.spec.At)
		if before == after {
			return none
		}
		if after == none {
			return t.removal(n, v.spec.At)
		}
		return after
	}
	if i := t.at(n, len(t.layers)-1); i != none {
		return i
	}
	return t.lastContent(n)
}

// removal returns the version that removed n as of layer k.
func (t *Tree) removal(n NodeID, k int) int32 {
	from, to := t.span(n)
	for i := to - 1; i >= from; i-- {
		if v := &t.versions[i]; int(v.layer) <= k && v.change == Removed {
			return i
		}
	}
	return none
}

// lastContent returns n's newest version that is not a removal.
func (t *Tree) lastContent(n NodeID) int32 {
	from, to := t.span(n)
	for i := to - 1; i >= from; i-- {
		if t.versions[i].change != Removed {
			return i
		}
	}
	return none
}

// alone sums up n without what lies below it.
func (v *View) alone(n NodeID) dirSum {
	t := v.t
	var s dirSum
	shown := v.showing(n)
	s.shows = shown != none
	if s.shows && t.versions[shown].kind != source.Dir && t.versions[shown].change != Removed {
		s.files = 1
	}
	for i, to := t.span(n); i < to; i++ {
		version := &t.versions[i]
		if version.inode == none || version.kind != source.File {
			continue
		}
		bytes := t.carried(i)
		switch v.spec.Mode {
		case Union, Range:
			if i == shown {
				s.bytes += v.counted(i, n)
			}
			if by := t.deadFrom(version); int(by) <= v.spec.At && (v.spec.Mode == Union || int(by) > v.spec.From) {
				s.wasted += bytes
			}
		case Alone:
			if int(version.layer) == v.spec.At {
				s.bytes += bytes
				s.wasted += v.dead(version, bytes)
			}
		default:
			s.bytes += bytes
			s.wasted += v.dead(version, bytes)
		}
	}
	return s
}

// counted returns the bytes of a version that shows, 0 if they are counted to
// another name of its inode.
func (v *View) counted(i int32, n NodeID) int64 {
	if owner, ok := v.owner[v.t.versions[i].inode]; ok && owner != n {
		return 0
	}
	return v.t.stored(v.t.carrier(i))
}

func (v *View) dead(version *version, bytes int64) int64 {
	if v.t.deadFrom(version) == notHidden {
		return 0
	}
	return bytes
}

// addOrphans counts the bytes that belong to no node to the root.
func (v *View) addOrphans() {
	for id := range v.t.orphans {
		i := &v.t.inodes[id]
		bytes := v.t.stored(i.layer, i.entry)
		root := &v.sums[v.t.nodes[Root].dir]
		carriedHere := v.spec.Mode == Everything || v.spec.Mode == Alone && int(i.layer) == v.spec.At
		if carriedHere {
			root.bytes += bytes
		}
		died := i.by != notHidden && int(i.by) <= v.spec.At && (v.spec.Mode == Union || v.spec.Mode == Range && int(i.by) > v.spec.From)
		if died || carriedHere && i.by != notHidden {
			root.wasted += bytes
		}
	}
}

// Spec returns what v shows, with layers that exist.
func (v *View) Spec() Spec { return v.spec }

// Tree returns the tree that v is a part of.
func (v *View) Tree() *Tree { return v.t }

func (v *View) sum(n NodeID) dirSum {
	if dir := v.t.nodes[n].dir; dir != none {
		return v.sums[dir]
	}
	if v.filtered != nil && !v.filtered.in.has(int(n)) {
		return dirSum{}
	}
	return v.alone(n)
}

// Shows reports whether n, or something below it, is part of the view.
func (v *View) Shows(n NodeID) bool {
	dir := v.t.nodes[n].dir
	switch {
	case n == Root:
		return true
	case dir != none:
		return v.sums[dir].shows
	case v.filtered != nil:
		return v.filtered.in.has(int(n))
	}
	return v.showing(n) != none
}

// Version returns the version to show for n; false if n is in the view only for
// what lies below it, or not at all. With Alone and Range it may be a removal.
func (v *View) Version(n NodeID) (Version, bool) {
	i := v.showing(n)
	return Version{v.t, i}, i != none
}

// Bytes returns the bytes of content at n and below it: in a union or range what
// shows, hard links counted once; otherwise what the layers carry.
func (v *View) Bytes(n NodeID) int64 { return v.sum(n).bytes }

// Wasted returns the dead bytes at n and below it: in a union those dead after
// its layer, in a range those that died in it, otherwise those dead in the end.
func (v *View) Wasted(n NodeID) int64 { return v.sum(n).wasted }

// Files returns how many files, links and the like are in the view at n and
// below it. Directories and removals do not count.
func (v *View) Files(n NodeID) int { return int(v.sum(n).files) }
