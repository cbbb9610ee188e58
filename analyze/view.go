package analyze

import (
	"slices"
	"sync"
	"unsafe"

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
	// To which node the bytes of an inode are counted: by inode, none for one that
	// does not show, anyName for one that has no other name. Nil if every layer's
	// bytes count.
	owner  []NodeID
	strips *strips // see strip.go

	filtered *filtered // of a view that a filter made, nil otherwise; see filter.go
}

// dirSum is what a directory and all below it come to.
type dirSum struct {
	bytes, wasted int64
	files         int32
	lines         int32 // see lines.go
	kids          int32 // that show
	shows         bool
	joined        bool // a child stands on one line with it
	others        bool // children that show are no directories
}

// Bounds of the views that a tree keeps: their number, and the bytes of their
// directories' sums and strips. A few are kept however many directories there are.
const (
	keptViews = 12
	keptBytes = 16 << 20
	keptLeast = 3
)

type viewCache struct {
	mu      sync.Mutex
	views   []*View  // latest use last
	bunches *bunches // of the tree; nil until they are needed
}

// gathered returns the tree's nodes in bunches. The lock must be held.
func (c *viewCache) gathered(t *Tree) *bunches {
	if c.bunches == nil {
		c.bunches = gather(t)
	}
	return c.bunches
}

// known returns the bunches, nil if they have not been needed so far.
func (c *viewCache) known() *bunches {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bunches
}

// PrepareViews does what the first view would take longer for. It may be called at
// any time, from any goroutine, and is not needed.
func (t *Tree) PrepareViews() {
	t.views.mu.Lock()
	defer t.views.mu.Unlock()
	t.views.gathered(t)
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
	v := newView(t, s, t.views.gathered(t))
	bytes := int(t.dirs)*int(unsafe.Sizeof(dirSum{})) + min(t.stripBytes(), maxStrips)
	if len(kept) >= min(keptViews, max(keptBytes/bytes, keptLeast)) {
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

// anyName is the owner of an inode that has but one name.
const anyName = -2

// newView makes a view, which takes a pass over the bunches of nodes.
func newView(t *Tree, s Spec, g *bunches) *View {
	v := &View{t: t, spec: s, at: s.At, sums: make([]dirSum, t.dirs), strips: &strips{from: g}}
	switch s.Mode {
	case Everything:
		v.at = len(t.layers) - 1
	case Union, Range:
		v.owner = make([]NodeID, len(t.inodes))
		for id := range v.owner {
			v.owner[id] = anyName
		}
		for _, l := range g.links {
			v.own(l.inode, l.names)
		}
	}
	g.each(v.add)
	v.addOrphans()
	return v
}

// add adds a bunch to the sums of its directories.
func (v *View) add(g *bunch, vs []version, carried []int64) {
	shown := v.pick(vs)
	v.rise(g, v.sum1(vs, carried, shown, g.node), isDir(vs, shown))
}

// own finds the node to which a hard-linked inode's bytes are counted: that of
// the entry which carries them, else that of the first name that shows.
func (v *View) own(id int32, names []int32) {
	first := NodeID(none)
	node, shown := NodeID(none), int32(none)
	for _, i := range names {
		n := v.t.versions[i].node
		if n != node { // names of one node, of which there may be thousands, stand together
			node, shown = n, v.showing(n)
		}
		if shown != i {
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
	from, to := v.t.versionRange(n)
	return behind(from, v.pick(v.t.versions[from:to]))
}

// pick returns which of a node's versions shows for it, none if it does not show.
func (v *View) pick(vs []version) int32 {
	switch v.spec.Mode {
	case Union:
		return latest(vs, v.spec.At)
	case Alone:
		return ofLayer(vs, v.spec.At)
	case Range:
		before, after := latest(vs, v.spec.From), latest(vs, v.spec.At)
		if before == after {
			return none
		}
		if after == none {
			return removal(vs, v.spec.At)
		}
		return after
	}
	if i := latest(vs, len(v.t.layers)-1); i != none {
		return i
	}
	return lastContent(vs)
}

// removal returns which of a node's versions removed it as of layer k.
func removal(vs []version, k int) int32 {
	for i := len(vs) - 1; i >= 0; i-- {
		if v := &vs[i]; int(v.layer) <= k && v.change == Removed {
			return int32(i)
		}
	}
	return none
}

// lastContent returns a node's newest version that is not a removal.
func lastContent(vs []version) int32 {
	for i, v := range slices.Backward(vs) {
		if v.change != Removed {
			return int32(i)
		}
	}
	return none
}

// isDir reports whether a node is listed as a directory if i of its versions
// shows: none stands for one that shows for what lies below it.
func isDir(vs []version, i int32) bool {
	return i == none || vs[i].kind == source.Dir && vs[i].change != Removed
}

// alone sums up n without what lies below it.
func (v *View) alone(n NodeID) dirSum {
	from, to := v.t.versionRange(n)
	vs := v.t.versions[from:to]
	var room [8]int64 // for most
	carried := room[:0]
	for i := range vs {
		carried = append(carried, v.t.carried(from+int32(i)))
	}
	return v.sum1(vs, carried, v.pick(vs), n)
}

// sum1 sums up a node of which one of its versions shows, and of which each
// carries some bytes.
func (v *View) sum1(vs []version, carried []int64, shown int32, n NodeID) dirSum {
	var s dirSum
	s.shows = shown != none
	if s.shows && vs[shown].kind != source.Dir && vs[shown].change != Removed {
		s.files = 1
	}
	for i := range vs {
		version := &vs[i]
		if version.inode == none || version.kind != source.File {
			continue
		}
		switch v.spec.Mode {
		case Union, Range:
			if int32(i) == shown {
				s.bytes += v.counted(version, carried[i], n)
			}
			if by := v.t.deadFrom(version); int(by) <= v.spec.At && (v.spec.Mode == Union || int(by) > v.spec.From) {
				s.wasted += carried[i]
			}
		case Alone:
			if int(version.layer) == v.spec.At {
				s.bytes += carried[i]
				s.wasted += v.dead(version, carried[i])
			}
		default:
			s.bytes += carried[i]
			s.wasted += v.dead(version, carried[i])
		}
	}
	return s
}

// counted returns the bytes of a version of n that shows, 0 if they are counted
// to another name of its inode.
func (v *View) counted(x *version, carried int64, n NodeID) int64 {
	if x.inode == own {
		return carried
	}
	if owner := v.owner[x.inode]; owner != anyName && owner != n {
		return 0
	}
	i := &v.t.inodes[x.inode]
	return v.t.stored(i.layer, i.entry)
}

func (v *View) dead(version *version, bytes int64) int64 {
	if v.t.deadFrom(version) == notHidden {
		return 0
	}
	return bytes
}

// addOrphans counts the bytes that belong to no node to the root.
func (v *View) addOrphans() {
	for _, id := range v.t.orphans {
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
