package ui

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/peelhq/peel/analyze"
)

// A rowList has the rows of the files pane: open directories with their children, depth first.
// With every directory of a large image open, there are millions of rows, so they aren't
// listed. The view knows the number of lines below each node. A row is found by going down from
// the root, past the rows before it, and only the children of directories on the way are
// sorted.
//
// A command makes it, and then it belongs to the event loop. Only all may be called elsewhere.
type rowList struct {
	tree  *analyze.Tree
	view  *analyze.View
	order order
	open  opened // the list's own copy
	count int
	flat  *flatList // instead of a tree; nil to list a tree

	// For each node with a flipped directory at it or below: how many more rows are below its
	// row than without the flipped directories.
	shift map[analyze.NodeID]int
	// Large open directories. Sorting them takes long, so that happens in advance, and they
	// don't change.
	wide  map[analyze.NodeID]rowDir
	large []analyze.NodeID // the tree's directories that are large

	dirs   map[analyze.NodeID]rowDir // recently visited directories
	held   int                       // number of children in dirs
	window []row                     // recently visited rows
	from   int                       // the first of window
}

// A rowDir is a visited directory.
type rowDir struct {
	kids []analyze.NodeID // that the view shows, sorted
	ends []int            // by child: number of rows of it and the children before it, including everything below them
}

// Bounds of a rowList.
const (
	largeDir      = 1 << 14 // number of children from which a directory is sorted in advance
	maxCachedKids = 1 << 17 // number of children of directories that are kept sorted
	windowRows    = 256
)

// newRowList makes the rows of a view. It sorts large directories, and visits all nodes if this
// is the first list of the tree, so call it from a command. It returns the context's error.
func newRowList(ctx context.Context, v *analyze.View, by order, open opened, before *rowList) (*rowList, error) {
	l := &rowList{tree: v.Tree(), view: v, order: by, open: open.clone(), dirs: map[analyze.NodeID]rowDir{}}
	if before != nil && before.tree == l.tree && before.flat == nil {
		l.large = before.large
	} else {
		for n := range analyze.NodeID(l.tree.Len()) {
			if len(l.tree.Children(n)) >= largeDir {
				l.large = append(l.large, n)
			}
		}
	}
	l.countRows()
	l.wide = map[analyze.NodeID]rowDir{}
	for _, n := range l.large {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if n != analyze.Root && !l.open.has(n) {
			continue
		}
		var kids []analyze.NodeID
		if before != nil && before.view == v && before.order == by {
			kids = before.wide[n].kids
		}
		if kids == nil {
			kids = ordered(v, by, n)
		}
		l.wide[n] = l.counted(kids)
	}
	return l, nil
}

// countRows counts the rows.
func (l *rowList) countRows() {
	l.shift = map[analyze.NodeID]int{}
	for n := range l.open.except {
		for {
			if _, ok := l.shift[n]; ok {
				break
			}
			l.shift[n] = 0
			if n == analyze.Root {
				break
			}
			n = l.tree.Parent(n)
		}
	}
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(l.shift))) { // children before parents
		if n == analyze.Root {
			break
		}
		_, joined := l.view.Joined(n)
		switch open := l.open.has(n); {
		case joined: // whether the node on its row is open
		case open && !l.open.all:
			l.shift[n] += l.view.Kids(n)
		case !open && l.open.all:
			l.shift[n] = -l.view.Lines(n)
		case !open:
			l.shift[n] = 0
		}
		l.shift[l.tree.Parent(n)] += l.shift[n]
	}
	l.count = l.view.Kids(analyze.Root) + l.shift[analyze.Root]
	if l.open.all {
		l.count = l.view.Lines(analyze.Root) + l.shift[analyze.Root]
	}
}

// len returns how many rows there are.
func (l *rowList) len() int {
	if l == nil {
		return 0
	}
	return l.count
}

// at returns row i.
func (l *rowList) at(i int) row {
	if l.flat != nil {
		return l.flat.row(l.tree, l.flat.nodes[i])
	}
	if i < l.from || i >= l.from+len(l.window) {
		l.from = max(min(i-windowRows/2, l.count-windowRows), 0)
		w := l.walk(l.kids)
		w.skip(l, l.from)
		l.window = l.window[:0]
		for len(l.window) < windowRows {
			r, ok := w.next()
			if !ok {
				break
			}
			l.window = append(l.window, r)
		}
	}
	return l.window[i-l.from]
}

// all returns all rows. It may be used while the event loop calls other methods.
func (l *rowList) all() iter.Seq[row] {
	if l != nil && l.flat != nil {
		return l.flat.all(l.tree)
	}
	return func(yield func(row) bool) {
		if l == nil {
			return
		}
		w := l.walk(l.arranged)
		for {
			r, ok := w.next()
			if !ok || !yield(r) {
				return
			}
		}
	}
}

// find returns the row of node n, or of its nearest parent with a row; 0 if there is none.
func (l *rowList) find(n analyze.NodeID) int {
	if l.flat != nil {
		return l.flat.find(n)
	}
	var path []analyze.NodeID // n and its parents, highest first
	for ; n != analyze.Root; n = l.tree.Parent(n) {
		path = append(path, n)
	}
	slices.Reverse(path)
	found, first, dir := 0, 0, analyze.Root
	for len(path) > 0 {
		d := l.dir(dir)
		i := slices.Index(d.kids, path[0])
		if i < 0 {
			break
		}
		if i > 0 {
			first += d.ends[i-1]
		}
		found = first
		r := l.row(path[0], 0)
		if !l.open.has(r.node) {
			break
		}
		path = path[min(r.length(l.tree), len(path)):]
		first, dir = first+1, r.node
	}
	return found
}

// row returns the row whose first node is head.
func (l *rowList) row(head analyze.NodeID, depth int) row { return viewRow(l.view, head, depth) }

// viewRow returns the row of a view whose first node is head.
func viewRow(v *analyze.View, head analyze.NodeID, depth int) row {
	n := head
	for joined := true; joined; {
		n, joined = v.Joined(n)
	}
	return row{head: head, node: n, depth: int32(depth), kids: v.Kids(n) > 0}
}

// below returns the number of rows below the row whose first node is n.
func (l *rowList) below(n analyze.NodeID) int {
	rows := l.shift[n]
	if l.open.all {
		rows += l.view.Lines(n)
	}
	return rows
}

// dir returns a directory as needed to visit it.
func (l *rowList) dir(n analyze.NodeID) rowDir {
	if d, ok := l.wide[n]; ok {
		return d
	}
	d := l.dirs[n]
	if d.ends == nil {
		d = l.counted(l.kids(n))
		l.dirs[n] = d
	}
	return d
}

// counted counts the rows of sorted children.
func (l *rowList) counted(kids []analyze.NodeID) rowDir {
	d := rowDir{kids, make([]int, len(kids))}
	rows := 0
	for i, k := range kids {
		rows += 1 + l.below(k)
		d.ends[i] = rows
	}
	return d
}

// kids returns the children of n that the view shows, sorted, and caches them.
func (l *rowList) kids(n analyze.NodeID) []analyze.NodeID {
	if d, ok := l.wide[n]; ok {
		return d.kids
	}
	if d, ok := l.dirs[n]; ok {
		return d.kids
	}
	if l.held > maxCachedKids {
		clear(l.dirs)
		l.held = 0
	}
	kids := ordered(l.view, l.order, n)
	l.dirs[n] = rowDir{kids: kids}
	l.held += 1 + len(kids)
	return kids
}

// arranged does the same without the cache.
func (l *rowList) arranged(n analyze.NodeID) []analyze.NodeID {
	if d, ok := l.wide[n]; ok {
		return d.kids
	}
	return ordered(l.view, l.order, n)
}

// ordered returns the children of n that a view shows, sorted. It looks up the sort key of each
// child once.
func ordered(v *analyze.View, by order, n analyze.NodeID) []analyze.NodeID {
	all := v.Tree().Children(n)
	kids := make([]analyze.NodeID, 0, len(all))
	for _, k := range all {
		if v.Shows(k) {
			kids = append(kids, k)
		}
	}
	by, back := by.base()
	if by == byName && back {
		slices.Reverse(kids)
	}
	if by == byName || len(kids) < 2 { // they are sorted by name already
		return kids
	}
	type ranked struct {
		bytes, wasted int64
		place         int
	}
	ranks := make([]ranked, len(kids))
	for i, k := range kids {
		ranks[i] = ranked{place: i, bytes: v.Bytes(k)}
		if by == byWaste {
			ranks[i].wasted = v.Wasted(k)
		}
	}
	slices.SortFunc(ranks, func(a, b ranked) int {
		if back {
			a.bytes, b.bytes, a.wasted, b.wasted = b.bytes, a.bytes, b.wasted, a.wasted
		}
		switch { // cmp.Or would evaluate all its arguments
		case a.wasted != b.wasted:
			return cmp.Compare(b.wasted, a.wasted)
		case a.bytes != b.bytes:
			return cmp.Compare(b.bytes, a.bytes)
		}
		return cmp.Compare(a.place, b.place)
	})
	sorted := make([]analyze.NodeID, len(kids))
	for i, r := range ranks {
		sorted[i] = kids[r.place]
	}
	return sorted
}
