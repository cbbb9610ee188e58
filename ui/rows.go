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

	reversed order = 1 << 4 // is added to one of these for the other way round
)

// base returns the order without its direction, and whether that is the other one.
func (o order) base() (by order, back bool) { return o &^ reversed, o&reversed != 0 }

func (o order) String() string {
	by, _ := o.base()
	return [orderCount]string{"size", "wasted", "name"}[by]
}

// compare orders two children of one directory as a view has them; it leaves
// those by name that come to the same.
func (o order) compare(v *analyze.View, a, b analyze.NodeID) int {
	by, back := o.base()
	if back {
		a, b = b, a
	}
	switch by {
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

// A rowsRequest is what the files pane is to show.
type rowsRequest struct {
	spec   analyze.Spec
	order  order
	opened opened
	flat   bool // no directories, but a list of all else

	filter   analyze.Filter
	filtered opened // the open directories while there is a filter
	auto     bool   // filtered is to be as what the filter leaves has it

	screen int // open just the branches that hold the bytes, for so many rows; 0: as they are

	elsewhere int // how many paths match in any layer, if none does in what is shown
}

// open returns the directories that are open.
func (w *rowsRequest) open() *opened {
	if w.filter.Empty() {
		return &w.opened
	}
	return &w.filtered
}

// autoOpen is how many paths a filter may leave to have their directories opened
// by itself.
const autoOpen = 20_000

// A viewCache keeps the views that filters have made. It belongs to the command
// that makes rows: there is never more than one at work.
type viewCache struct {
	views []*analyze.View // latest use last
}

// maxFiltered bounds the filtered views that are held. Each holds the view that it
// is made from.
const maxFiltered = 4

// view returns the view that a request asks for. It passes over all nodes if that
// is not there yet.
func (c *viewCache) view(ctx context.Context, t *analyze.Tree, w *rowsRequest) (*analyze.View, error) {
	whole := t.View(w.spec)
	whole.PrepareStrips() // here, and not while a frame is drawn
	if w.filter.Empty() {
		return whole, nil
	}
	for i, v := range c.views {
		if f, _ := v.Filtered(); v.Whole() == whole && f.String() == w.filter.String() {
			c.views = append(slices.Delete(c.views, i, i+1), v)
			return v, nil
		}
	}
	v, err := whole.Filter(ctx, w.filter)
	if err != nil {
		return nil, err
	}
	if len(c.views) == maxFiltered {
		c.views = slices.Delete(c.views, 0, 1)
	}
	c.views = append(c.views, v)
	return v, nil
}

// makeRows makes the rows that a request asks for, those from before being what was
// shown last; nil if nothing was. It makes the view if that is not there yet,
// which is a pass over the nodes, so it is to be called from a command. It says in
// w what w has left to it. The error is the context's.
func makeRows(ctx context.Context, t *analyze.Tree, w *rowsRequest, cache *viewCache, before *rowList) (*rowList, error) {
	view, err := cache.view(ctx, t, w)
	if err != nil {
		return nil, err
	}
	w.elsewhere = 0
	if !w.filter.Empty() && w.spec.Mode != analyze.Everything {
		if n, _ := view.Matched(); n == 0 {
			all, err := t.View(analyze.Spec{Mode: analyze.Everything, At: max(t.LayerCount()-1, 0)}).Filter(ctx, w.filter)
			if err != nil {
				return nil, err
			}
			w.elsewhere, _ = all.Matched()
		}
	}
	if w.auto && !w.filter.Empty() {
		n, _ := view.Matched()
		w.filtered, w.auto = opened{all: n <= autoOpen}, false
	}
	if w.flat {
		w.screen = 0
		return flatRows(ctx, view, w.order)
	}
	if w.screen > 0 {
		if *w.open(), err = branches(ctx, viewBranches{view}, view.Bytes(analyze.Root), w.screen); err != nil {
			return nil, err
		}
		w.screen = 0
	}
	return newRowList(ctx, view, w.order, *w.open(), before)
}

// isDir reports whether a view shows n as a directory.
func isDir(view *analyze.View, n analyze.NodeID) bool {
	v, ok := view.Version(n)
	return !ok || v.Change() != analyze.Removed && v.Kind() == analyze.TypeDir
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

// rowsMsg brings the rows that the request of number seq asked for.
type rowsMsg struct {
	to      func(rowsMsg) tea.Cmd
	seq     int
	request rowsRequest
	rows    *rowList
	cache   *viewCache
	err     error // the request was given up: there are no rows
}

func (msg rowsMsg) update() tea.Cmd { return msg.to(msg) }

// rowsCmd makes the rows of the files' request, off the event loop, and gets those
// around the anchor ready.
func (f *files) rowsCmd(ctx context.Context) tea.Cmd {
	t, before, anchor := f.a.Tree, f.rows, f.anchor
	msg := rowsMsg{to: f.onRows, seq: f.seq, request: f.request, cache: f.cache}
	if msg.cache == nil {
		msg.cache = &viewCache{}
	}
	msg.request.opened, msg.request.filtered = f.request.opened.clone(), f.request.filtered.clone()
	return func() tea.Msg {
		if msg.rows, msg.err = makeRows(ctx, t, &msg.request, msg.cache, before); msg.err == nil && msg.rows.len() > 0 {
			msg.rows.at(msg.rows.find(anchor))
		}
		return msg
	}
}
