package analyze

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/peelhq/peel/source"
)

// Mode selects the part of the tree that a view shows.
type Mode uint8

// The modes of a view.
const (
	Union      Mode = iota // the union after layer At
	Alone                  // the content of layer At, including removals
	Range                  // the difference between the unions after From and At
	Everything             // every node, including shadowed and removed ones
)

// Spec says what a view shows. From is used only by Range, At by all modes except Everything.
// Both are layer indexes; From may be -1 for the empty union.
type Spec struct {
	Mode     Mode
	From, At int
}

// A View is a part of a tree with the sums of its directories. It is immutable and safe for
// concurrent use.
type View struct {
	t    *Tree
	spec Spec
	at   int // the layer whose union the signs describe

	sums []dirSum // by a node's place among directories
	// The node that an inode's bytes are counted at: by inode, none if not visible, anyName if it
	// has no other name. Nil if the bytes of every layer count.
	owner  []NodeID
	strips *strips // see strip.go

	filtered *filtered // of a filtered view, nil otherwise; see filter.go
}

// dirSum holds the sums of a directory and everything below.
type dirSum struct {
	bytes, wasted int64
	files         int32
	lines         int32 // see lines.go
	kids          int32 // visible children
	shows         bool
	joined        bool // a child shares its line
	others        bool // visible children that are not directories
}

// Limits on the cached views of a tree: their number, and the bytes of their sums and strips. A
// few are always kept, however many directories there are.
const (
	keptViews = 12
	keptBytes = 16 << 20
	keptLeast = 3
)

type viewCache struct {
	mu      sync.Mutex
	views   []*View  // most recently used last
	bunches *bunches // of the tree; nil until needed
}

// gathered returns the tree's bunches. The caller holds the lock.
func (c *viewCache) gathered(t *Tree) *bunches {
	if c.bunches == nil {
		c.bunches = gather(t)
	}
	return c.bunches
}

// known returns the bunches, nil if not needed yet.
func (c *viewCache) known() *bunches {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bunches
}

// PrepareViews does the work that would slow down the first view. It is optional, and may be
// called at any time from any goroutine.
func (t *Tree) PrepareViews() {
	t.views.mu.Lock()
	defer t.views.mu.Unlock()
	t.views.gathered(t)
}

// View returns the view for s. The first call takes one pass over all nodes; the result is cached
// for a while.
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

// within returns s with valid layers, and zeros for unused fields.
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

// anyName is the owner of an inode with a single name.
const anyName = -2

// newView makes a view in one pass over the bunches of nodes.
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

// own finds the node that a hard-linked inode's bytes are counted at: that of the entry that
// stores them, else that of the first visible name.
func (v *View) own(id int32, names []int32) {
	first := NodeID(none)
	node, shown := NodeID(none), int32(none)
	for _, i := range names {
		n := v.t.versions[i].node
		if n != node { // names of one node, possibly thousands, are consecutive
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

// showing returns the visible version of n itself, or none.
func (v *View) showing(n NodeID) int32 {
	from, to := v.t.versionRange(n)
	return behind(from, v.pick(v.t.versions[from:to]))
}

// pick returns the index of the visible version of a node, or none.
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

// removal returns the index of the version that removed the node as of layer k.
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

// isDir reports whether a node is listed as a directory if its version i is visible; none stands
// for a node that is visible only for its content.
func isDir(vs []version, i int32) bool {
	return i == none || vs[i].kind == source.Dir && vs[i].change != Removed
}

// alone returns the sums of n without its content.
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

// sum1 returns the sums of a node with one visible version, given the bytes that each version
// stores.
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

// counted returns the bytes of a visible version of n, 0 if they are counted at another name of
// its inode.
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

// addOrphans counts bytes without a node at the root.
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

// Spec returns what v shows, with valid layers.
func (v *View) Spec() Spec { return v.spec }

// Tree returns the tree of v.
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

// Version returns the version to show for n; false if n is in the view only for its content, or
// not at all. With Alone and Range it may be a removal.
func (v *View) Version(n NodeID) (Version, bool) {
	i := v.showing(n)
	return Version{v.t, i}, i != none
}

// Bytes returns the bytes of content at and below n: in a union or range the visible bytes,
// counting hard links once; otherwise the bytes that the layers store.
func (v *View) Bytes(n NodeID) int64 { return v.sum(n).bytes }

// Wasted returns the dead bytes at and below n: in a union those dead after its layer, in a range
// those that died in it, otherwise those dead in the end.
func (v *View) Wasted(n NodeID) int64 { return v.sum(n).wasted }

// Files returns the number of files, links and the like in the view at and below n, without
// directories and removals.
func (v *View) Files(n NodeID) int { return int(v.sum(n).files) }
