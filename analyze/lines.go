package analyze

// A view knows the number of lines of each directory's list, so that it can
// find a line without listing those before it. A visible node has one line; a
// directory that contains only one other directory shares its line.

// Kids returns the number of n's children that the view shows.
func (v *View) Kids(n NodeID) int {
	if dir := v.t.nodes[n].dir; dir != none {
		return int(v.sums[dir].kids)
	}
	return 0
}

// Lines returns the number of lines below n's with all directories open.
func (v *View) Lines(n NodeID) int {
	if dir := v.t.nodes[n].dir; dir != none {
		return int(v.sums[dir].lines)
	}
	return 0
}

// Joined returns the child that shares n's line; false if n is the last on its line.
func (v *View) Joined(n NodeID) (NodeID, bool) {
	if dir := v.t.nodes[n].dir; dir == none || !v.sums[dir].joined {
		return n, false
	}
	for _, k := range v.t.Children(n) {
		if v.Shows(k) {
			return k, true
		}
	}
	return n, false
}

// rise adds each node of a bunch to its own sums, if it has any, and then to
// its parent's. Children must rise before their parents.
func (v *View) rise(g *bunch, own dirSum, isDir bool) {
	s := &own
	if g.dir != none {
		s = &v.sums[g.dir]
		s.bytes += own.bytes
		s.wasted += own.wasted
		s.files += own.files
		s.shows = own.shows || s.kids > 0
	}
	if g.node == Root {
		return
	}
	if s.kids == 1 && !s.others && isDir {
		s.joined = true
		s.lines--
	}
	p := &v.sums[g.parent]
	p.bytes += s.bytes
	p.wasted += s.wasted
	if s.shows {
		p.files += s.files * g.nodes
		p.kids += g.nodes
		p.lines += g.nodes * (1 + s.lines)
		p.others = p.others || !isDir
	}
}
