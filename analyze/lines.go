package analyze

// A view knows how many lines a list of it takes, so that a line can be found
// without listing those before it. A node that shows has one line; directories
// that hold nothing but one other stand on one line with that.

// Kids returns how many of n's children the view shows.
func (v *View) Kids(n NodeID) int {
	if dir := v.t.nodes[n].dir; dir != none {
		return int(v.sums[dir].kids)
	}
	return 0
}

// Lines returns how many lines there are below that on which n stands, with all
// directories open.
func (v *View) Lines(n NodeID) int {
	if dir := v.t.nodes[n].dir; dir != none {
		return int(v.sums[dir].lines)
	}
	return 0
}

// Joined returns the child that stands on one line with n; false if n is the last
// on its line.
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

// rise adds what each node of a bunch comes to by itself to its own sums, if it
// has any, and what those come to, to its parent's. Children must rise before
// their parents.
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
