package ui

import (
	"cmp"
	"context"
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

// compare orders two children of one directory as a view has them; it leaves
// those by name that come to the same.
func (o order) compare(v *analyze.View, a, b analyze.NodeID) int {
	switch o {
	case bySize:
		return cmp.Compare(v.Bytes(b), v.Bytes(a))
	case byWaste:
		return cmp.Or(cmp.Compare(v.Wasted(b), v.Wasted(a)), cmp.Compare(v.Bytes(b), v.Bytes(a)))
	}
	return 0
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

// clone returns a copy that shares nothing with o.
func (o opened) clone() opened { return opened{o.all, maps.Clone(o.except)} }

// A rowsWish is what the files pane is to show.
type rowsWish struct {
	spec   analyze.Spec
	order  order
	opened opened

	filter analyze.Filter
	sifted opened // the open directories while there is a filter
	auto   bool   // sifted is to be as what the filter leaves has it
}

// open returns the directories that are open.
func (w *rowsWish) open() *opened {
	if w.filter.Empty() {
		return &w.opened
	}
	return &w.sifted
}

// autoOpen is how many paths a filter may leave to have their directories opened
// by itself.
const autoOpen = 20_000

// A kidCache keeps the ordered children of the directories that have been open
// in one view and one order. It belongs to whoever makes rows: there is never
// more than one at work.
type kidCache struct {
	view  *analyze.View
	order order
	of    map[analyze.NodeID][]analyze.NodeID

	sieved []*analyze.View // filtered views, latest use last
}

// keptSieved bounds the filtered views that are kept.
const keptSieved = 8

// wished returns the view that a wish asks for. It passes over all nodes if that
// is not there yet.
func (c *kidCache) wished(ctx context.Context, t *analyze.Tree, w *rowsWish) (*analyze.View, error) {
	whole := t.View(w.spec)
	if w.filter.Empty() {
		return whole, nil
	}
	for i, v := range c.sieved {
		if f, _ := v.Filtered(); v.Whole() == whole && f.String() == w.filter.String() {
			c.sieved = append(slices.Delete(c.sieved, i, i+1), v)
			return v, nil
		}
	}
	v, err := whole.Filter(ctx, w.filter)
	if err != nil {
		return nil, err
	}
	if len(c.sieved) == keptSieved {
		c.sieved = slices.Delete(c.sieved, 0, 1)
	}
	c.sieved = append(c.sieved, v)
	return v, nil
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
	if c.order != byName { // a stable sort: the children come by name
		slices.SortStableFunc(kids, func(a, b analyze.NodeID) int { return c.order.compare(c.view, a, b) })
	}
	c.of[n] = kids
	return kids
}

// makeRows returns the rows that a wish asks for: open directories with their
// children, depth first. It makes the view if that is not there yet, which is
// one pass over all nodes, so it is to be called from a command. It says in w
// what w has left to it. The error is the context's.
func makeRows(ctx context.Context, t *analyze.Tree, w *rowsWish, cache *kidCache) ([]row, *kidCache, error) {
	if cache == nil {
		cache = &kidCache{}
	}
	view, err := cache.wished(ctx, t, w)
	if err != nil {
		return nil, cache, err
	}
	if cache.view != view || cache.order != w.order {
		cache = &kidCache{view: view, order: w.order, of: map[analyze.NodeID][]analyze.NodeID{}, sieved: cache.sieved}
	}
	if w.auto && !w.filter.Empty() {
		n, _ := view.Matched()
		w.sifted, w.auto = opened{all: n <= autoOpen}, false
	}
	open := w.open()
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
		if !open.has(n) {
			r.kids = slices.ContainsFunc(t.Children(n), view.Shows)
		} else if kids := cache.children(t, n); len(kids) > 0 {
			r.kids = true
			stack = append(stack, level{kids: kids})
		}
		rows = append(rows, r)
	}
	return rows, cache, nil
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
	err   error // the wish was given up: there are no rows
}

// do shows the rows, and takes the keys that have waited for them.
func (msg rowsMsg) do(m *model) tea.Cmd {
	cmd := m.files.install(msg)
	m.sifted()
	return tea.Batch(cmd, m.missed(), m.replay())
}

// rowsCmd makes the rows of a wish, off the event loop.
func rowsCmd(ctx context.Context, t *analyze.Tree, seq int, w rowsWish, cache *kidCache) tea.Cmd {
	w.opened, w.sifted = w.opened.clone(), w.sifted.clone()
	return func() tea.Msg {
		rows, cache, err := makeRows(ctx, t, &w, cache)
		return rowsMsg{seq: seq, wish: w, rows: rows, cache: cache, err: err}
	}
}
