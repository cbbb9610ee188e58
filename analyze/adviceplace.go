package analyze

// mostBytes is the share of a finding's bytes, in percent, that must lie below
// the directory it names.
const mostBytes = 90

// A place is where the paths of a finding lie: the longest path above most of
// their bytes. It is found in one pass over paths that come largest first: what
// lies above all of them so far only ever climbs, and each height is kept with
// the bytes that were below it.
type place struct {
	heights []height // deepest first
	bytes   int64
}

// A height is a node that was above all that had come so far.
type height struct {
	node  NodeID
	bytes int64 // below it
}

// newPlace returns a place of no path.
func newPlace() place { return place{} }

// add says that bytes lie at n; none stands for what has no node.
func (p *place) add(t *Tree, n NodeID, bytes int64) {
	p.bytes += bytes
	if n == none {
		n = Root
	}
	p.climb(t, n)
}

// climb makes the highest height one that is above n too.
func (p *place) climb(t *Tree, n NodeID) {
	last := len(p.heights) - 1
	if last < 0 {
		p.heights = append(p.heights, height{n, p.bytes})
		return
	}
	if top := t.above(p.heights[last].node, n); top != p.heights[last].node {
		p.heights = append(p.heights, height{top, p.bytes})
		return
	}
	p.heights[last].bytes = p.bytes
}

// take adds what o holds.
func (p *place) take(t *Tree, o place) {
	p.bytes += o.bytes
	if len(o.heights) > 0 {
		p.climb(t, o.heights[len(o.heights)-1].node)
	}
}

// node returns the deepest node that has most of the bytes at or below it, and
// whether it has all of them; none for a place of no path. It is a file only if
// there is no other.
func (p *place) node(t *Tree) (n NodeID, all bool) {
	for _, h := range p.heights {
		if h.bytes < p.bytes-p.bytes/100*(100-mostBytes) {
			continue
		}
		top := p.heights[len(p.heights)-1].node
		if n = h.node; n != top && !t.hasChildren(n) {
			n = t.nodes[n].parent
		}
		return n, t.above(n, top) == n
	}
	return none, false
}

// path returns node's path, "" if that is the root: it says nothing.
func (p *place) path(t *Tree) string {
	if n, _ := p.node(t); n != none && n != Root {
		return t.Path(n)
	}
	return ""
}

// above returns the deepest node that is at or above both a and b. A parent's
// index is lower than its children's.
func (t *Tree) above(a, b NodeID) NodeID {
	for a != b {
		if a > b {
			a = t.nodes[a].parent
		} else {
			b = t.nodes[b].parent
		}
	}
	return a
}
