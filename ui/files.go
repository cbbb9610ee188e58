package ui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// Columns of the files pane, in columns of the terminal.
const (
	nameRoom   = 16 // that the name has at least, beside a strip of many layers
	filesFixed = 1 + 1 + sizeWidth + 1 + sizeWidth + 3

	ownerWidth   = 11                     // "65534:65534"
	attrsWidth   = 1 + 4 + 1 + ownerWidth // of mode and owner
	attrsFrom    = 62                     // columns beside the strip from which on these are shown by themselves
	maxEasyStrip = 20                     // layers; a longer strip gives way to them
)

// files is the pane with the tree: for each path its shadow strip, its size,
// its wasted bytes and its name.
type files struct {
	list
	ctx  context.Context // done when the program ends
	lk   *look
	a    *analyze.Analysis
	view *analyze.View // what the rows were made from
	spec analyze.Spec
	rows *rowList // nil until there are some
	by   order

	attrs choice // whether mode and owner are shown

	wish   rowsWish // what is to be shown: the same as what is, once no job is under way
	seq    int      // of the wish
	shown  int      // the wish that is shown
	busy   bool     // rows are being made
	sieve  *sieve
	anchor analyze.NodeID     // what the reader has chosen: the cursor is on it, or on its nearest parent
	signs  []analyze.Sign     // of the row being drawn
	stop   context.CancelFunc // gives up the rows that are being made
	sought bool               // the reader has asked for the anchor, and not only passed it
	lit    *analyze.Found     // what is searched for, and lit in names; nil if nothing is
	spans  []int              // of the name being drawn
}

// choose puts the cursor on row i, by the reader's choice.
func (f *files) choose(i int) {
	f.to(i)
	f.keep()
}

// keep makes the row under the cursor the reader's choice.
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

// ask has the rows made anew, after the wish has changed.
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
	f.sieve = nil // it is the command's by now
	return cmd
}

// install shows rows that have been made. If the wish has changed meanwhile
// they are shown all the same, and the next ones are asked for.
func (f *files) install(msg rowsMsg) tea.Cmd {
	f.busy, f.sieve = false, msg.sieve
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
	if f.wish.auto && f.wish.filter.String() == msg.wish.filter.String() {
		f.wish.sifted, f.wish.auto = msg.wish.sifted, false
	}
	f.view, f.spec, f.by = msg.rows.view, msg.wish.spec, msg.wish.order
	// The cursor stays where it is on the screen, as far as that goes.
	above := f.cursor - f.top
	i := f.rows.find(f.anchor)
	f.top = i - above
	f.list.rows, f.cursor = f.rows.len(), i
	f.to(i)
	return f.start()
}

// key does what a key asks of this pane. The second result says whether the
// key is one of its own.
func (f *files) key(k *keyMap, press tea.KeyPressMsg) (tea.Cmd, bool) {
	if f.list.key(k, press) {
		f.keep()
		return nil, true
	}
	n, ok := f.current()
	kids := ok && f.rows.at(f.cursor).kids
	isOpen := kids && f.wish.open().has(n)
	switch {
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
	open := f.wish.open()
	open.set(n, !open.has(n))
	return f.ask()
}

// all opens or closes every directory.
func (f *files) all(open bool) tea.Cmd {
	*f.wish.open() = opened{all: open}
	return f.ask()
}

// strip returns the shadow strip of a pane w columns wide.
func (f *files) strip(w, selected int) strip {
	return newStrip(f.a.Tree.LayerCount(), selected, w-f.fixed(w)-nameRoom)
}

// fixed returns the columns of a pane that neither the strip nor the name has.
func (f *files) fixed(w int) int {
	if f.showAttrs(w) {
		return filesFixed + attrsWidth
	}
	return filesFixed
}

// showAttrs reports whether mode and owner have columns on a pane w columns
// wide: as the reader has it, else if there is room to spare.
func (f *files) showAttrs(w int) bool {
	switch f.attrs {
	case yes:
		return true
	case no:
		return false
	}
	return w-filesFixed-min(f.a.Tree.LayerCount(), maxEasyStrip) >= attrsFrom
}

// attributes draws the columns of mode and owner.
func (f *files) attributes(l *line, v analyze.Version, ok bool) {
	if !ok || v.Change() == analyze.Removed {
		l.skip(attrsWidth)
		return
	}
	l.skip(1)
	l.put(f.lk.st.dim, fmt.Sprintf("%04o", v.Mode()))
	l.skip(1)
	owner := fmt.Sprintf("%d:%d", v.UID(), v.GID())
	st := f.lk.st.dim
	if owner == "0:0" {
		st = f.lk.st.faint
	}
	part(l, ownerWidth, func(l *line) { l.put(st, owner) })
}

// A choice is what the reader wants, if they have said it.
type choice uint8

const (
	unsaid choice = iota
	yes
	no
)

// flipped returns the opposite of what is so now.
func (choice) flipped(now bool) choice {
	if now {
		return no
	}
	return yes
}

// render draws row i of the pane into l; selected is the layer whose column is lit.
func (f *files) render(l *line, i int, focused bool, selected int) {
	w := l.left
	s := f.strip(w, selected)
	if i == 0 {
		s.head(l, f.lk)
		size := "size"
		if _, ok := f.view.Filtered(); ok {
			size = "matched"
		}
		l.right(f.lk.st.dim, size, sizeWidth)
		l.skip(1)
		l.right(f.lk.st.dim, "wasted", sizeWidth)
		if f.showAttrs(w) {
			l.put(f.lk.st.dim, " mode owner      ")
		}
		l.skip(3)
		l.put(f.lk.st.dim, "name")
		return
	}
	i += f.top - 1
	if i >= f.rows.len() {
		if f.rows.len() == 0 && i == 0 {
			l.skip(1)
			l.put(f.lk.st.dim, f.nothing())
		}
		return
	}
	mark := " "
	if i == f.cursor {
		mark, l.base = f.lk.sg.mark, f.lk.st.cursor(focused)
	}
	l.put(f.lk.st.key, mark)
	f.node(l, f.rows.at(i), s, selected, f.showAttrs(w))
	l.fill()
}

// node draws what a row says of its node.
func (f *files) node(l *line, r row, s strip, selected int, attrs bool) {
	st, sg := &f.lk.st, &f.lk.sg
	f.signs = f.view.Strip(r.node, f.signs[:0])
	s.row(l, f.lk, f.signs)
	l.skip(1)

	v, ok := f.view.Version(r.node)
	removed := ok && v.Change() == analyze.Removed
	shadowed := ok && f.spec.Mode == analyze.Everything && v.By() >= 0
	is := func(t analyze.FileType) bool { return ok && !removed && v.Kind() == t }
	bytes := f.view.Bytes(r.node)
	switch {
	case bytes > 0:
		l.right(st.text, human.Size(bytes), sizeWidth)
	case is(analyze.TypeFile):
		l.right(st.dim, human.Size(0), sizeWidth)
	default:
		l.skip(sizeWidth)
	}
	l.skip(1)
	if waste := f.view.Wasted(r.node); waste > 0 {
		l.right(st.waste, human.Size(waste), sizeWidth)
	} else {
		l.skip(sizeWidth)
	}
	if attrs {
		f.attributes(l, v, ok)
	}
	l.skip(1)

	change := " "
	changeStyle := style{}
	if ok && !v.Implied() && (f.spec.Mode != analyze.Union || v.Layer() == selected) && (f.spec.Mode != analyze.Everything || removed) {
		change, changeStyle = sg.change[v.Change()], st.change[v.Change()]
	}
	l.put(changeStyle, change)
	l.skip(1)
	l.skip(f.indent(r, l.left))

	icon := "  "
	name := st.text
	switch {
	case r.kids && f.wish.open().has(r.node):
		icon = sg.open + " "
	case r.kids || is(analyze.TypeDir):
		icon = sg.closed + " "
	}
	switch {
	case removed:
		name = st.change[analyze.Removed]
	case shadowed:
		name = st.dim
	case r.kids || is(analyze.TypeDir):
		name = st.dir
	case is(analyze.TypeSymlink):
		name = st.link
	}
	l.put(st.dim, icon)
	f.name(l, name, r)
	if !ok || removed {
		return
	}
	switch v.Type() {
	case analyze.TypeSymlink:
		l.put(st.dim, " "+sg.link+" "+f.lk.text(v.Link()))
	case analyze.TypeHardlink:
		l.put(st.dim, " "+sg.hard+" "+f.lk.text(v.Link()))
	}
}

// indent returns how far a row's name is moved to the right on w columns. However
// deep a path is, something of its name is to be seen.
func (f *files) indent(r row, w int) int {
	step := 2
	if w < 30 {
		step = 1
	}
	return min(int(r.depth)*step, max(w-nameRoom/2, 0))
}

// click selects row i of a pane w columns wide. If it was selected before, or if
// column x is its sign's, its directory is opened or closed.
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
