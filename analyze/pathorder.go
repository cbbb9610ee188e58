package analyze

import (
	"bytes"
	"slices"
	"strings"
)

// Rows of waste are in the bytewise order of their paths. Building and sorting all paths would
// cost the length of each, so the tree is visited in that order instead, and only where rows are.
//
// The order of paths is nearly a preorder walk with children sorted by name. But "/a" sorts
// before "/a-b", and that before "/a/b", because "-" sorts before "/": the content of a directory
// is placed as if the directory's name ended with a slash.

// byPath returns the positions of rows (see WasteRows.ids), which must be
// ascending and distinct, in the order of their paths; those with one path in
// the order of layers.
func (t *Tree) byPath(rows []int32) []int32 {
	first, _ := slices.BinarySearch(rows, 0)
	w := pathWalk{t: t, in: newBitmap(len(t.nodes)), rows: rows, next: first, out: make([]int32, 0, len(rows))}
	for _, v := range rows[first:] {
		w.mark(t.versions[v].node)
	}
	w.orphans = map[NodeID][]pathPlace{}
	for i := first - 1; i >= 0; i-- { // by inode
		w.orphan(int32(i))
	}
	w.run()
	return w.out
}

// pathWalk visits a tree in the order of paths.
type pathWalk struct {
	t       *Tree
	in      bitmap // nodes with a row at or below them
	rows    []int32
	next    int                    // position after the last emitted version
	orphans map[NodeID][]pathPlace // rows without a node, by the deepest existing directory

	stack []pathFrame
	out   []int32 // positions in rows
}

// A pathFrame is a directory being visited: child by child or, if that is not the order of paths,
// place by place.
type pathFrame struct {
	dir    NodeID
	next   int
	places []pathPlace // nil: child by child
}

// A pathPlace is the position of something in a directory: a child itself, the content of a
// child, or a row without a node.
type pathPlace struct {
	name  string // with a trailing slash for content of a child
	kid   NodeID // none for a row without a node
	row   int32  // its position in rows if it has no node
	below bool
}

func (w *pathWalk) mark(n NodeID) {
	for !w.in.has(int(n)) {
		w.in.set(int(n))
		n = w.t.nodes[n].parent
	}
}

// orphan adds a row without a node to its directory.
func (w *pathWalk) orphan(row int32) {
	rest := strings.TrimPrefix(w.t.orphanPath(^w.rows[row]), "/")
	at := Root
	for {
		name, more, ok := strings.Cut(rest, "/")
		kid, found := w.t.child(at, name)
		if !ok || !found {
			break
		}
		at, rest = kid, more
	}
	w.mark(at)
	w.orphans[at] = append(w.orphans[at], pathPlace{name: rest, kid: none, row: row})
}

// run visits everything marked. It uses a stack instead of recursion, because paths may be tens
// of thousands of directories deep.
func (w *pathWalk) run() {
	if !w.in.has(int(Root)) {
		return
	}
	w.emit(Root)
	w.enter(Root)
	for len(w.stack) > 0 {
		f := &w.stack[len(w.stack)-1]
		kids := w.t.Children(f.dir)
		switch {
		case f.places != nil && f.next < len(f.places):
			p := &f.places[f.next]
			f.next++
			switch {
			case p.kid == none:
				w.out = append(w.out, p.row)
			case p.below:
				w.enter(p.kid)
			default:
				w.emit(p.kid)
			}
		case f.places == nil && f.next < len(kids):
			kid := kids[f.next]
			f.next++
			if w.in.has(int(kid)) {
				w.emit(kid)
				w.enter(kid)
			}
		default:
			w.stack = w.stack[:len(w.stack)-1]
		}
	}
}

// emit outputs the rows of a node. They usually follow those of the previous node.
func (w *pathWalk) emit(n NodeID) {
	from, to := w.t.versionRange(n)
	at := w.next
	if at == len(w.rows) || w.rows[at] < from || w.rows[at] >= to || at > 0 && w.rows[at-1] >= from {
		at, _ = slices.BinarySearch(w.rows, from)
	}
	for ; at < len(w.rows) && w.rows[at] < to; at++ {
		w.out = append(w.out, int32(at))
	}
	w.next = at
}

// enter continues below a directory.
func (w *pathWalk) enter(dir NodeID) {
	if w.t.nodes[dir].dir == none && len(w.orphans[dir]) == 0 {
		return
	}
	w.stack = append(w.stack, pathFrame{dir: dir, places: w.places(dir)})
}

// places returns the content of a directory in order; nil if that is child by child, each
// directly followed by its content.
func (w *pathWalk) places(dir NodeID) []pathPlace {
	kids := w.t.Children(dir)
	plain := len(w.orphans[dir]) == 0
	for i := 0; plain && i < len(kids)-1; i++ {
		plain = !w.deep(kids[i]) || !bytes.HasPrefix(w.t.name(kids[i+1]), w.t.name(kids[i]))
	}
	if plain {
		return nil
	}
	places := w.orphans[dir]
	for _, kid := range kids {
		if !w.in.has(int(kid)) {
			continue
		}
		places = append(places, pathPlace{name: w.t.nameView(kid), kid: kid})
		if w.deep(kid) {
			places = append(places, pathPlace{name: w.t.nameView(kid) + "/", kid: kid, below: true})
		}
	}
	slices.SortStableFunc(places, func(a, b pathPlace) int { return strings.Compare(a.name, b.name) })
	return places
}

// deep reports whether something may be marked below a child.
func (w *pathWalk) deep(kid NodeID) bool {
	return w.in.has(int(kid)) && (w.t.nodes[kid].dir != none || len(w.orphans[kid]) > 0)
}
