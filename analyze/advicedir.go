package analyze

import "unicode/utf8"

// mostBytes is the percentage of a finding's bytes that must lie below the directory that it
// names.
const mostBytes = 90

// A commonDir finds the directory that a finding names: the deepest one that contains most of the
// bytes. It takes one pass over paths sorted by size, largest first: the common ancestor of all
// paths so far only moves up, and each ancestor is kept with the bytes that were below it.
type commonDir struct {
	nest    *nesting
	heights []height // deepest first
	bytes   int64
}

// A height is a node that was the common ancestor at some point.
type height struct {
	node  NodeID
	bytes int64 // bytes below it
}

// newCommonDir returns an empty commonDir.
func newCommonDir(nest *nesting) commonDir { return commonDir{nest: nest} }

// add adds bytes at n; n is none for content without a node.
func (p *commonDir) add(n NodeID, bytes int64) {
	p.bytes += bytes
	if n == none {
		n = Root
	}
	p.climb(n)
}

// climb moves the highest ancestor up until it contains n too.
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

// take adds the content of o.
func (p *commonDir) take(o commonDir) {
	p.bytes += o.bytes
	if len(o.heights) > 0 {
		p.climb(o.heights[len(o.heights)-1].node)
	}
}

// node returns the deepest node with most of the bytes at or below it, and
// whether it has all of them; none if nothing was added. It returns a file only
// if that is the only path.
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

// path returns node's path, or "" for the root, which says nothing.
func (p *commonDir) path() string {
	if n, _ := p.node(); n != none && n != Root {
		return p.nest.t.shortPath(n)
	}
	return ""
}

// maxNamedPath is the longest path in a finding, in bytes, like Linux's PATH_MAX. For a longer
// path, the finding names a parent directory.
const maxNamedPath = 4096

// shortPath returns n's path, or the path of its deepest ancestor whose path is short enough.
func (t *Tree) shortPath(n NodeID) string {
	size := 0
	var ends []int // lengths of the paths of n and its ancestors, from n's end
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

// pathText returns n's path for a sentence, with the middle cut out if it is too long.
func (t *Tree) pathText(n NodeID) string { return gapped(t.Path(n)) }

// gapped cuts out the middle of a path that is too long for a sentence.
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
