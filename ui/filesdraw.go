package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// Widths in the files pane, in columns of the terminal.
const (
	nameRoom   = 14 // minimum of the name, beside a strip of many layers
	meterRoom  = 26 // minimum of the name, beside a bar
	filesFixed = 1 + 1 + sizeWidth + 1 + sizeWidth + 3

	ownerWidth   = 11                     // "65534:65534"
	attrsWidth   = 1 + 4 + 1 + ownerWidth // of mode and owner
	attrsFrom    = 62                     // minimum of columns beside the strip to show these by default
	maxEasyStrip = 20                     // layers; a longer strip makes room for these
)

// strip returns the shadow strip of a pane w columns wide.
func (f *files) strip(w, selected int) strip {
	return newStrip(f.a.Tree.LayerCount(), selected, w-f.fixed(w)-nameRoom)
}

// fixed returns the columns of a pane that belong to neither the strip nor the name.
func (f *files) fixed(w int) int {
	n := filesFixed - 1 + f.meter(w).width()
	if f.showAttrs(w) {
		n += attrsWidth
	}
	return n
}

// meter returns the meter for sizes in a pane w columns wide.
func (f *files) meter(w int) meter {
	n := filesFixed
	if f.showAttrs(w) {
		n += attrsWidth
	}
	return newMeter(w - n - min(f.a.Tree.LayerCount(), maxEasyStrip) - meterRoom)
}

// showAttrs reports whether mode and owner have columns in a pane w columns wide: as the user
// chose, else if there is enough room.
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

// render draws row i of the pane into l; selected is the layer whose column is highlighted.
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
		f.meter(w).head(l)
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
	f.node(l, f.rows.at(i), s, selected, w)
	l.fill()
}

// headAt returns the order for the column title at column x of a pane w columns wide.
func (f *files) headAt(x, w int) (order, bool) {
	size := 1 + f.strip(w, 0).n + 1
	wasted := size + sizeWidth + f.meter(w).width()
	switch {
	case x >= size && x < size+sizeWidth:
		return bySize, true
	case x >= wasted && x < wasted+sizeWidth:
		return byWaste, true
	case x >= wasted+sizeWidth:
		return byName, true
	}
	return 0, false
}

// node draws the row of a node, in a pane w columns wide.
func (f *files) node(l *line, r row, s strip, selected, w int) {
	st := &f.lk.st
	s.row(l, f.lk, f.view.Strip(r.node, s.first, s.first+s.n, make([]analyze.Sign, 0, s.n)))
	l.skip(1)
	v, ok := f.view.Version(r.node)
	d := drawn{row: r, v: v, ok: ok, removed: ok && v.Change() == analyze.Removed}
	switch bytes := f.view.Bytes(r.node); {
	case bytes > 0:
		l.right(st.text, human.Size(bytes), sizeWidth)
	case d.is(analyze.TypeFile):
		l.right(st.dim, human.Size(0), sizeWidth)
	default:
		l.skip(sizeWidth)
	}
	f.meter(w).draw(l, f.lk, f.view.Bytes(r.node), 0, f.view.Bytes(analyze.Root))
	if waste := f.view.Wasted(r.node); waste > 0 {
		l.right(st.waste, human.Size(waste), sizeWidth)
	} else {
		l.skip(sizeWidth)
	}
	if f.showAttrs(w) {
		f.attributes(l, v, ok)
	}
	l.skip(1)
	if f.tellsChange(d, selected) {
		l.put(st.change[v.Change()], f.lk.sg.change[v.Change()])
	} else {
		l.skip(1)
	}
	l.skip(1)
	l.skip(f.indent(r, l.left))
	f.nodeName(l, d)
}

// drawn is a row to draw, and what the view shows of its node.
type drawn struct {
	row
	v       analyze.Version
	ok      bool // the view shows a version
	removed bool // which is a removal
}

// is reports whether the view shows the node as a file of a type.
func (d drawn) is(t analyze.FileType) bool { return d.ok && !d.removed && d.v.Kind() == t }

// tellsChange reports whether a row names its change. In a union, only changes of the selected
// layer are new.
func (f *files) tellsChange(d drawn, selected int) bool {
	switch {
	case !d.ok || d.v.Implied():
		return false
	case f.spec.Mode == analyze.Union:
		return d.v.Layer() == selected
	case f.spec.Mode == analyze.Everything:
		return d.removed
	}
	return true
}

// nodeName draws a row's name, with its type and link target.
func (f *files) nodeName(l *line, d drawn) {
	st, sg := &f.lk.st, &f.lk.sg
	dir := d.kids || d.is(analyze.TypeDir)
	icon := "  "
	switch {
	case d.kids && f.request.open().has(d.node):
		icon = sg.open + " "
	case dir:
		icon = sg.closed + " "
	}
	name := st.text
	switch {
	case d.removed:
		name = st.change[analyze.Removed]
	case d.ok && f.spec.Mode == analyze.Everything && d.v.By() >= 0: // shadowed
		name = st.dim
	case dir:
		name = st.dir
	case d.is(analyze.TypeSymlink):
		name = st.link
	}
	if f.marks.has(d.node) {
		l.put(st.dim, icon[:len(icon)-1])
		l.put(st.key, sg.marked)
	} else {
		l.put(st.dim, icon)
	}
	f.name(l, name, d.row)
	if !d.ok || d.removed {
		return
	}
	switch d.v.Type() {
	case analyze.TypeSymlink:
		l.put(st.dim, " "+sg.link+" "+f.lk.text(d.v.Link()))
	case analyze.TypeHardlink:
		l.put(st.dim, " "+sg.hard+" "+f.lk.text(d.v.Link()))
	}
}

// indent returns the indent of a row's name on w columns. Even for a deep path, it leaves a part of
// the name visible.
func (f *files) indent(r row, w int) int {
	step := 2
	if w < 30 {
		step = 1
	}
	return min(int(r.depth)*step, max(w-nameRoom/2, 0))
}
