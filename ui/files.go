package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// files is the pane with the tree: for each path its shadow strip, size, wasted bytes and name.
type files struct {
	list
	ctx  context.Context // of the image
	lk   *look
	a    *analyze.Analysis
	view *analyze.View // what the rows were made from
	spec analyze.Spec
	rows *rowList // nil until they exist
	by   order

	attrs choice // whether to show mode and owner

	request rowsRequest           // what to show; equal to what is shown when no job is running
	seq     int                   // of the request
	shown   int                   // the request that is shown
	busy    bool                  // rows are being computed
	stop    context.CancelFunc    // cancels the computation of rows
	onRows  func(rowsMsg) tea.Cmd // receives computed rows
	cache   *viewCache

	anchor  analyze.NodeID // the user's choice: the cursor is on it or on its nearest parent
	roomy   bool           // scroll so that the anchor has rows above it, unless it is visible anyway
	jumped  bool           // the user chose the anchor, and didn't only pass it
	marks   marks
	chipped bool           // a line below the rows has chips
	found   *analyze.Found // the search, whose matches are highlighted in names; nil without one
}

// choose puts the cursor on row i, as the user's choice.
func (f *files) choose(i int) {
	f.to(i)
	f.keep()
}

// keep makes the row under the cursor the user's choice.
func (f *files) keep() {
	if n, ok := f.current(); ok {
		f.anchor = n
	}
}

// current returns the node under the cursor.
func (f *files) current() (analyze.NodeID, bool) {
	if f.cursor >= f.rows.len() {
		return 0, false
	}
	return f.rows.at(f.cursor).node, true
}

// shownVersion returns the version of a node that the view shows; for a removal, the removed
// version.
func (f *files) shownVersion(n analyze.NodeID) (analyze.Version, bool) {
	v, ok := f.view.Version(n)
	if ok && v.Change() == analyze.Removed {
		if older := versionBelow(f.a.Tree.Versions(n), v.Layer()); older != nil {
			return *older, true
		}
	}
	return v, ok
}

// ask computes the rows again, after a change of the request.
func (f *files) ask() tea.Cmd {
	f.seq++
	return f.start()
}

func (f *files) start() tea.Cmd {
	if f.busy || f.shown == f.seq {
		return nil
	}
	f.busy = true
	ctx, stop := context.WithCancel(f.ctx)
	f.stop = stop
	cmd := f.rowsCmd(ctx)
	f.cache = nil // the command has the old one
	return cmd
}

// install shows finished rows. If the request has changed meanwhile, it shows them anyway and
// requests the next ones.
func (f *files) install(msg rowsMsg) tea.Cmd {
	f.busy, f.cache = false, msg.cache
	if f.stop != nil {
		f.stop()
	}
	if msg.err != nil {
		if f.ctx.Err() != nil {
			return nil
		}
		return f.start()
	}
	f.shown = msg.seq
	f.rows = msg.rows
	if f.request.auto && f.request.filter.String() == msg.request.filter.String() {
		f.request.filtered, f.request.auto = msg.request.filtered, false
	}
	if f.request.screen > 0 && f.shown == f.seq {
		*f.request.open(), f.request.screen = msg.request.open().clone(), 0
	}
	f.request.elsewhere = msg.request.elsewhere
	f.view, f.spec, f.by = msg.rows.view, msg.request.spec, msg.request.order
	// The cursor keeps its place on the screen, if possible.
	above := f.cursor - f.top
	i := f.rows.find(f.anchor)
	if !f.roomy || i >= f.top && i < f.top+f.page && f.list.rows == f.rows.len() {
		f.top = i - above
	} else {
		f.top = i - f.page/3
	}
	f.roomy = false
	f.list.rows, f.cursor = f.rows.len(), i
	f.to(i)
	return f.start()
}

// key handles a key of this pane. The second result says whether the key is one.
func (f *files) key(k *keyMap, press tea.KeyPressMsg) (tea.Cmd, bool) {
	if f.list.key(k, press) {
		f.keep()
		return nil, true
	}
	n, ok := f.current()
	kids := ok && f.rows.at(f.cursor).kids
	isOpen := kids && f.request.open().has(n)
	switch {
	case k.branches.matches(press):
		return f.branches(), true
	case k.openAll.matches(press):
		return f.all(true), true
	case k.foldAll.matches(press):
		return f.all(false), true
	case k.toggle.matches(press):
		return f.flip(f.cursor), true
	case k.open.matches(press):
		if !isOpen {
			return f.flip(f.cursor), true
		}
		f.choose(f.cursor + 1)
	case k.close.matches(press):
		if isOpen {
			return f.flip(f.cursor), true
		}
		if ok && f.rows.at(f.cursor).depth > 0 {
			f.choose(f.rows.find(f.a.Tree.Parent(f.rows.at(f.cursor).head)))
		}
	default:
		return nil, false
	}
	return nil, true
}

// flip opens the directory on row i if it is closed, and closes it if it is
// open.
func (f *files) flip(i int) tea.Cmd {
	if i >= f.rows.len() || !f.rows.at(i).kids {
		return nil
	}
	n := f.rows.at(i).node
	open := f.request.open()
	open.set(n, !open.has(n))
	return f.ask()
}

// branches opens only the directories that hold most bytes, until the pane is full.
func (f *files) branches() tea.Cmd {
	f.request.screen, f.request.order = f.page, bySize
	f.request.auto = false
	f.anchor = analyze.Root // from the first row on
	return f.ask()
}

// all opens or closes every directory.
func (f *files) all(open bool) tea.Cmd {
	*f.request.open() = opened{all: open}
	return f.ask()
}

// A choice is what the user wants, if they said so.
type choice uint8

const (
	unsaid choice = iota
	yes
	no
)

// flipped returns the opposite of the current value.
func (choice) flipped(now bool) choice {
	if now {
		return no
	}
	return yes
}

// click selects row i of a pane w columns wide. If it was already selected, or if column x is on
// its sign, click opens or closes its directory.
func (f *files) click(x, i, w int, s strip) tea.Cmd {
	if i >= f.rows.len() {
		return nil
	}
	was := f.cursor
	f.choose(i)
	fixed := f.fixed(w) + s.n
	sign := fixed + f.indent(f.rows.at(i), w-fixed)
	if i == was || x >= sign && x < sign+2 {
		return f.flip(i)
	}
	return nil
}

// listed returns a function that returns the versions of the current rows. It visits all of them,
// so call it from a command.
func (f *files) listed() func() []analyze.Version {
	rows, view := f.rows, f.view
	return func() []analyze.Version {
		listed := make([]analyze.Version, 0, rows.len())
		for r := range rows.all() {
			if v, ok := view.Version(r.node); ok {
				listed = append(listed, v)
			}
		}
		return listed
	}
}
