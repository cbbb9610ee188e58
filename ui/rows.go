package ui

import (
	"cmp"
	"context"
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// An order is a sort order for the rows of a directory.
type order uint8

const (
	bySize  order = iota // largest first, then by name
	byWaste              // most wasted first, then by size
	byName               // bytewise
	orderCount

	reversed order = 1 << 4 // added to one of these for the reverse order
)

// base returns the order without its direction, and whether it is reversed.
func (o order) base() (by order, back bool) { return o &^ reversed, o&reversed != 0 }

func (o order) String() string {
	by, _ := o.base()
	return [orderCount]string{"size", "wasted", "name"}[by]
}

// compare compares two children of one directory in a view. Children that compare equal stay
// sorted by name.
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

// A row is one line of the files pane: a node and its depth. The children of the root have
// depth 0. A directory that contains only one other directory shares its row: "usr/share/doc".
type row struct {
	head  analyze.NodeID // first node on the row; node itself if there is only one
	node  analyze.NodeID // last node on the row
	depth int32
	kids  bool // the view shows something below it
}

// opened is the set of open directories: none or all, except for those that were flipped by
// hand. It stays small where a set of all open directories would be as large as the tree.
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

// A rowsRequest describes what the files pane should show.
type rowsRequest struct {
	spec   analyze.Spec
	order  order
	opened opened
	flat   bool // a flat list instead of directories

	filter   analyze.Filter
	filtered opened // directories that are open while there is a filter
	auto     bool   // set filtered to suit the filter's results

	screen int // open only the branches that hold the bytes, for this many rows; 0 to leave them

	elsewhere int // number of paths that match in any layer, if none matches in the shown rows
}

// open returns the directories that are open.
func (w *rowsRequest) open() *opened {
	if w.filter.Empty() {
		return &w.opened
	}
	return &w.filtered
}

// autoOpen is the maximum number of paths of a filter for which their directories are opened
// automatically.
const autoOpen = 20_000

// A viewCache caches the views that filters have made. It belongs to the command that makes
// rows, of which only one runs at a time.
type viewCache struct {
	views []*analyze.View // most recently used last
}

// maxFiltered bounds the cached filtered views. Each refers to the view that it was made from.
const maxFiltered = 4

// view returns the view for a request. If it isn't cached, view visits all nodes.
func (c *viewCache) view(ctx context.Context, t *analyze.Tree, w *rowsRequest) (*analyze.View, error) {
	whole := t.View(w.spec)
	whole.PrepareStrips() // here rather than while drawing a frame
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

// makeRows makes the rows for a request. before is the last list shown, or nil. It makes the
// view if needed, which visits all nodes, so call it from a command. It records in w the
// decisions that w left open. It returns the context's error.
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

// length returns the number of directories on the row.
func (r row) length(t *analyze.Tree) int {
	n := 1
	for at := r.node; at != r.head; at = t.Parent(at) {
		n++
	}
	return n
}

// name returns the joined names of the row's directories.
func (r row) name(t *analyze.Tree) string {
	name := t.Name(r.node)
	for at := r.node; at != r.head; {
		at = t.Parent(at)
		name = t.Name(at) + "/" + name
	}
	return name
}

// rowsMsg delivers the rows for the request with number seq.
type rowsMsg struct {
	to      func(rowsMsg) tea.Cmd
	seq     int
	request rowsRequest
	rows    *rowList
	cache   *viewCache
	err     error // the request was cancelled: there are no rows
}

func (msg rowsMsg) update() tea.Cmd { return msg.to(msg) }

// rowsCmd makes the rows for the files' request, off the event loop, and prepares those around
// the anchor.
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
