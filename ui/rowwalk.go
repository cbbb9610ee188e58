package ui

import (
	"sort"

	"github.com/peelhq/peel/analyze"
)

// A rowWalk iterates over rows.
type rowWalk struct {
	l      *rowList
	kids   func(analyze.NodeID) []analyze.NodeID
	levels []rowLevel
}

// A rowLevel is an open directory on the walk's path.
type rowLevel struct {
	kids []analyze.NodeID
	next int
}

// walk returns a walk that starts before the first row. kids returns a directory's sorted
// children.
func (l *rowList) walk(kids func(analyze.NodeID) []analyze.NodeID) rowWalk {
	return rowWalk{l: l, kids: kids, levels: []rowLevel{{kids: kids(analyze.Root)}}}
}

// skip moves from the beginning to just before row i.
func (w *rowWalk) skip(l *rowList, i int) {
	w.levels = w.levels[:0]
	for dir := analyze.Root; ; {
		d := l.dir(dir)
		k := sort.SearchInts(d.ends, i+1)
		if k > 0 {
			i -= d.ends[k-1]
		}
		w.levels = append(w.levels, rowLevel{d.kids, k})
		if i == 0 || k == len(d.kids) {
			return
		}
		w.levels[len(w.levels)-1].next++
		i, dir = i-1, l.row(d.kids[k], 0).node
	}
}

// next returns the next row, or false if there is none.
func (w *rowWalk) next() (row, bool) {
	for len(w.levels) > 0 {
		at := &w.levels[len(w.levels)-1]
		if at.next == len(at.kids) {
			w.levels = w.levels[:len(w.levels)-1]
			continue
		}
		at.next++
		r := w.l.row(at.kids[at.next-1], len(w.levels)-1)
		if r.kids && w.l.open.has(r.node) {
			w.levels = append(w.levels, rowLevel{kids: w.kids(r.node)})
		}
		return r, true
	}
	return row{}, false
}
