package analyze

import "unicode/utf8"

// mostBytes is the share of a finding's bytes, in percent, that must lie below
// the directory it names.
const mostBytes = 90

// A commonDir is the directory that a finding names: the longest path above most of
// their bytes. It is found in one pass over paths that come largest first: what
// lies above all of them so far only ever climbs, and each height is kept with
// the bytes that were below it.
type commonDir struct {
	nest    *nesting
	heights []height // deepest first
	bytes   int64
}

// A height is a node that was above all that had come so far.
type height struct {
	node  NodeID
	bytes int64 // below it
}

// newCommonDir returns one without any path.
func newCommonDir(nest *nesting) commonDir { return commonDir{nest: nest} }

// add says that bytes lie at n; none stands for what has no node.
func (p *commonDir) add(n NodeID, bytes int64) {
	p.bytes += bytes
	if n == none {
		n = Root
	}
	p.climb(n)
}

// climb makes the highest height one that is above n too.
func (p *commonDir) climb(n NodeID) {
	last := len(p.heights) - 1
	if last < 0 {
		p.heights = append(p.heights, height{n, p.bytes})
		return
	}
	if top := p.nest.above(p.heights[last].node, n); top != p.heights[last].node {
		p.heights = append(p.heights, height{top, p.bytes})
		return
	}
	p.heights[last].bytes = p.bytes
}

// take adds what o holds.
func (p *commonDir) take(o commonDir) {
	p.bytes += o.bytes
	if len(o.heights) > 0 {
		p.climb(o.heights[len(o.heights)-1].node)
	}
}

// node returns the deepest node that has most of the bytes at or below it, and
// whether it has all of them; none without any path. It is a file only if
// there is no other.
func (p *commonDir) node() (n NodeID, all bool) {
	t := p.nest.t
	for _, h := range p.heights {
		if h.bytes < p.bytes-p.bytes/100*(100-mostBytes) {
			continue
		}
		top := p.heights[len(p.heights)-1].node
		if n = h.node; n != top && !t.hasChildren(n) {
			n = t.nodes[n].parent
		}
		return n, p.nest.holds(n, top)
	}
	return none, false
}

// path returns node's path, "" if that is the root: it says nothing.
func (p *commonDir) path() string {
	if n, _ := p.node(); n != none && n != Root {
		return p.nest.t.shortPath(n)
	}
	return ""
}

// maxNamedPath is the longest path that a finding names, in bytes, as Linux's PATH_MAX.
// Beyond, it names a directory above.
const maxNamedPath = 4096

// shortPath returns n's path, or that of the deepest directory above it whose path
// is short enough.
func (t *Tree) shortPath(n NodeID) string {
	size := 0
	var ends []int // of the paths of n and of what is above it, from n's end
	for p := n; p != Root; p = t.nodes[p].parent {
		ends = append(ends, size)
		size += 1 + len(t.name(p))
	}
	for _, end := range ends {
		if size-end <= maxNamedPath {
			return t.Path(n)
		}
		n = t.nodes[n].parent
	}
	return "/"
}

// pathText is n's path for a sentence: with a gap in the middle if it is too long.
func (t *Tree) pathText(n NodeID) string { return gapped(t.Path(n)) }

// gapped leaves out the middle of a path that is too long for a sentence.
func gapped(path string) string {
	if len(path) <= maxNamedPath {
		return path
	}
	from, to := maxNamedPath/2, len(path)-maxNamedPath/2
	for from > 0 && !utf8.RuneStart(path[from]) {
		from--
	}
	for to < len(path) && !utf8.RuneStart(path[to]) {
		to++
	}
	return path[:from] + "…" + path[to:]
}
