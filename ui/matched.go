package ui

import "github.com/peelhq/peel/analyze"

// name draws the names of a row's directories, with matches of the search highlighted.
func (f *files) name(l *line, st style, r row) {
	t := f.a.Tree
	whole := f.lk.text(r.name(t))
	cutOff := f.rows.flat != nil && width(whole) > l.left
	if !cutOff && (f.found == nil || !f.matched(r)) {
		l.put(st, whole)
		return
	}
	nodes := r.nodes(t)
	if cutOff { // the end of a path is more useful than its beginning
		for over := width(whole) + width(f.lk.sg.tail) - l.left; len(nodes) > 1 && over > 0; nodes = nodes[1:] {
			over -= width(f.lk.text(t.Name(nodes[0]))) + 1
			if len(nodes) == r.length(t) {
				over++ // its slash stays, after the sign
			}
		}
		l.put(f.lk.st.dim, f.lk.sg.tail+"/")
	}
	for i, n := range nodes {
		if i > 0 {
			l.put(st, "/")
		}
		if f.found == nil || !f.found.Has(n) {
			l.put(st, f.lk.text(t.Name(n)))
			continue
		}
		f.matchedName(l, st, n)
	}
}

// matched reports whether one of a row's directories matches the search.
func (f *files) matched(r row) bool {
	for n := r.node; ; n = f.a.Tree.Parent(n) {
		if f.found.Has(n) {
			return true
		}
		if n == r.head {
			return false
		}
	}
}

// matchedName draws the name of one node with its matches highlighted. It does
// not split grapheme clusters: if the parts have another width than the whole,
// nothing is highlighted.
func (f *files) matchedName(l *line, st style, n analyze.NodeID) {
	name := f.a.Tree.Name(n)
	ranges := f.found.Spans(n, nil)
	var parts []span
	at, wide := 0, 0
	add := func(st style, to int) {
		if to > at {
			text := f.lk.text(name[at:to])
			parts = append(parts, span{st, text})
			wide += width(text)
			at = to
		}
	}
	for i := 0; i < len(ranges); i += 2 {
		add(st, ranges[i])
		add(f.lk.st.match, ranges[i+1])
	}
	add(st, len(name))
	if whole := f.lk.text(name); width(whole) != wide {
		parts = []span{{st, whole}}
	}
	for _, p := range parts {
		l.put(p.st, p.text)
	}
}

// nodes returns the nodes of the row, the topmost first.
func (r row) nodes(t *analyze.Tree) []analyze.NodeID {
	out := make([]analyze.NodeID, r.length(t))
	for i, n := len(out)-1, r.node; i >= 0; i, n = i-1, t.Parent(n) {
		out[i] = n
	}
	return out
}
