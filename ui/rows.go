package ui

import (
	"cmp"
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// An order is what the rows of a directory are ordered by.
type order uint8

const (
	bySize  order = iota // largest first, then by name
	byWaste              // most wasted first, then by size
	byName               // bytewise
	orderCount
)

func (o order) String() string {
	return [orderCount]string{"size", "wasted", "name"}[o]
}

// A row is one line of the files pane: a node, and how deep it stands. The
// children of the root have depth 0. Directories that hold nothing but one other
// stand on one row with it: "usr/share/doc".
type row struct {
	head  analyze.NodeID // the first of them; node itself if there is but one
	node  analyze.NodeID // the last
	depth int32
	kids  bool // the view shows something below it
}

// opened says which directories are open: none or all of them, but for those
// that the reader has flipped by hand. It stays small where a set of all open
// ones would be as large as the tree.
type opened struct {
	all    bool
	except map[analyze.NodeID]struct{}
}

func (o opened) has(n analyze.NodeID) bool {
	_, flipped := o.except[n]
	return o.all != flipped
}

func (o *opened) set(n analyze.NodeID, open bool) {
	if o.has(n) == open {
		return
	}
	if open != o.all {
		if o.except == nil {
			o.except = map[analyze.NodeID]struct{}{}
		}
		o.except[n] = struct{}{}
		return
	}
	delete(o.except, n)
}

// A rowsWish is what the files pane is to show.
type rowsWish struct {
	spec   analyze.Spec
	order  order
	opened opened
}

// A kidCache keeps the ordered children of the directories that have been open
// in one view and one order. It belongs to whoever makes rows: there is never
// more than one at work.
type kidCache struct {
	view  *analyze.View
	order order
	of    map[analyze.NodeID][]analyze.NodeID
}

// children returns the children of n that the view shows, in order.
func (c *kidCache) children(t *analyze.Tree, n analyze.NodeID) []analyze.NodeID {
	if kids, ok := c.of[n]; ok {
		return kids
	}
	all := t.Children(n)
	if len(all) == 0 {
		return nil
	}
	kids := make([]analyze.NodeID, 0, len(all))
	for _, k := range all {
		if c.view.Shows(k) {
			kids = append(kids, k)
		}
	}
	v := c.view
	switch c.order { // stable sorts: the children come by name
	case bySize:
		slices.SortStableFunc(kids, func(a, b analyze.NodeID) int { return cmp.Compare(v.Bytes(b), v.Bytes(a)) })
	case byWaste:
		slices.SortStableFunc(kids, func(a, b analyze.NodeID) int {
			return cmp.Or(cmp.Compare(v.Wasted(b), v.Wasted(a)), cmp.Compare(v.Bytes(b), v.Bytes(a)))
		})
	}
	c.of[n] = kids
	return kids
}

// makeRows returns the rows that a wish asks for: open directories with their
// children, depth first. It makes the view if that is not there yet, which is
// one pass over all nodes, so it is to be called from a command.
func makeRows(t *analyze.Tree, w rowsWish, cache *kidCache) ([]row, *kidCache) {
	view := t.View(w.spec)
	if cache == nil || cache.view != view || cache.order != w.order {
		cache = &kidCache{view: view, order: w.order, of: map[analyze.NodeID][]analyze.NodeID{}}
	}
	type level struct {
		kids []analyze.NodeID
		next int
	}
	var rows []row
	stack := []level{{kids: cache.children(t, 0)}}
	for len(stack) > 0 {
		l := &stack[len(stack)-1]
		if l.next == len(l.kids) {
			stack = stack[:len(stack)-1]
			continue
		}
		head := l.kids[l.next]
		l.next++
		n := endOfChain(t, view, head)
		r := row{head: head, node: n, depth: int32(len(stack) - 1)}
		if !w.opened.has(n) {
			r.kids = slices.ContainsFunc(t.Children(n), view.Shows)
		} else if kids := cache.children(t, n); len(kids) > 0 {
			r.kids = true
			stack = append(stack, level{kids: kids})
		}
		rows = append(rows, r)
	}
	return rows, cache
}

// endOfChain returns the last of the directories that stand on one row with n.
func endOfChain(t *analyze.Tree, view *analyze.View, n analyze.NodeID) analyze.NodeID {
	for {
		only := analyze.NodeID(-1)
		for _, k := range t.Children(n) {
			if !view.Shows(k) {
				continue
			}
			if only >= 0 {
				return n
			}
			only = k
		}
		if only < 0 || !isDir(view, only) || !isDir(view, n) {
			return n
		}
		n = only
	}
}

// isDir reports whether a view shows n as a directory.
func isDir(view *analyze.View, n analyze.NodeID) bool {
	v, ok := view.Version(n)
	return !ok || v.Change() != analyze.Removed && v.Kind().String() == "dir"
}

// find returns the row of node n, or of its nearest parent that has one; 0 if
// there is none.
func find(t *analyze.Tree, rows []row, n analyze.NodeID) int {
	var path []analyze.NodeID // n and its parents, the highest first
	for ; n != 0; n = t.Parent(n) {
		path = append(path, n)
	}
	slices.Reverse(path)
	found, depth := 0, 0
	for i, r := range rows {
		if len(path) == 0 || int(r.depth) < depth {
			break // found, or the parent's children have come to an end
		}
		if int(r.depth) == depth && r.head == path[0] {
			found = i
			depth++
			path = path[min(r.length(t), len(path)):]
		}
	}
	return found
}

// length returns how many directories stand on the row.
func (r row) length(t *analyze.Tree) int {
	n := 1
	for at := r.node; at != r.head; at = t.Parent(at) {
		n++
	}
	return n
}

// name returns what the row's directories are called, together.
func (r row) name(t *analyze.Tree) string {
	name := t.Name(r.node)
	for at := r.node; at != r.head; {
		at = t.Parent(at)
		name = t.Name(at) + "/" + name
	}
	return name
}

// rowsMsg brings the rows that the wish of number seq asked for.
type rowsMsg struct {
	seq   int
	wish  rowsWish
	rows  []row
	cache *kidCache
}

// do shows the rows, and takes the keys that have waited for them.
func (msg rowsMsg) do(m *model) tea.Cmd {
	return tea.Batch(m.files.install(msg), m.replay())
}

// rowsCmd makes the rows of a wish, off the event loop.
func rowsCmd(t *analyze.Tree, seq int, w rowsWish, cache *kidCache) tea.Cmd {
	w.opened.except = maps.Clone(w.opened.except)
	return func() tea.Msg {
		rows, cache := makeRows(t, w, cache)
		return rowsMsg{seq: seq, wish: w, rows: rows, cache: cache}
	}
}
