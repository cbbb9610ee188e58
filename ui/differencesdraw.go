package ui

import (
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// signedWidth is the maximum width of signedSize's result, in columns: "+1.23 GB".
const signedWidth = sizeWidth + 1

// signedSize returns a difference in bytes with its sign, for people.
func signedSize(n int64) string {
	switch {
	case n > 0:
		return "+" + human.Size(n)
	case n < 0:
		return "-" + human.Size(-n)
	}
	return human.Size(0)
}

// render draws screen row y.
func (p *differences) render(l *line, y int) { p.lk.frames(l, y, p, &p.layout, p.focus, p.line) }

// paneRow draws row i of a pane.
func (p *differences) paneRow(l *line, at pane, i int) {
	switch at {
	case layersPane:
		p.layerRow(l, i)
	case filesPane:
		p.treeRow(l, i)
	case layerPane:
		l.skip(1)
		p.layerLines.render(l, p.layerDetail.top+i)
	case historyPane:
		l.skip(1)
		p.pathLines.render(l, p.pathDetail.top+i)
	}
}

// title returns the left and right part of a pane's upper border, together w columns wide.
func (p *differences) title(at pane, w int) (left, right string) {
	switch at {
	case layersPane:
		return "Layers", p.lk.outOfSight(p.layers.top, p.layers.rows-p.layers.top-p.layers.page)
	case layerPane:
		return "Layer", p.lk.outOfSight(p.layerDetail.hidden())
	case historyPane:
		right = p.lk.outOfSight(p.pathDetail.hidden())
		path := "/"
		if r, ok := p.row(); ok {
			path = p.lk.text(p.c.tree.Path(int(r.node)))
		}
		return cutLeft(path, max(w-width(right)-3, 1), p.lk.sg.tail), right
	}
	by, back := p.rows.made.order.base()
	sign := p.lk.sg.order
	if back {
		sign = p.lk.sg.back
	}
	return p.treeTitle(w), "by " + by.String() + " " + sign
}

// treeTitle says on w columns how much differs, or how much of that a filter leaves.
func (p *differences) treeTitle(w int) string {
	dot := " " + p.lk.sg.dot + " "
	sum := p.rows.sizes(0)
	grown := dot + signedSize(sum.after-sum.before)
	if p.rows.sums == nil {
		title := "Differences" + dot + counted(p.c.diff.Differing(), "path")
		if width(title+grown) <= w-16 { // the header says that too
			title += grown
		}
		return title
	}
	left := human.Comma(int64(sum.matched)) + " of " + counted(p.c.diff.Differing(), "path") + grown
	if !p.line.empty() {
		return left
	}
	return "filter: " + cut(p.lk.line(p.rows.made.filter), max(w-width(left+dot)-8, 4), p.lk.sg.tail) + dot + left
}

// foot returns the text of a frame's lower border: the meaning of the signs.
func (p *differences) foot(f frame) string {
	sg := &p.lk.sg
	if f.upper != filesPane {
		return ""
	}
	var parts []string
	for _, c := range diffChanges {
		parts = append(parts, sg.change[c]+" "+c.String())
	}
	return strings.Join(parts, "  ")
}

// layerChange is the change of a layer, in the terms for paths: both images have the layer, both
// have its step but not its content, or only one has it.
func layerChange(g *analyze.LayerGrowth) analyze.Change {
	switch {
	case g.Before < 0:
		return analyze.Added
	case g.After < 0:
		return analyze.Removed
	case g.Same:
		return analyze.Identical
	}
	return analyze.Modified
}

// layerWords are the words for these changes, those of the text form.
var layerWords = [...]string{
	analyze.Added: "new: only the later image has it", analyze.Removed: "gone: only the earlier image has it",
	analyze.Modified: "changed: the same step, another digest", analyze.Identical: "shared: both images have the same one",
}

// numberOf is a layer's number, "-" without one.
func numberOf(k int) string {
	if k < 0 {
		return "-"
	}
	return strconv.Itoa(k)
}

// layerStoredFrom is the minimum width for a column with the bytes that a layer stores.
const layerStoredFrom = 44

// layerRow draws row i of the layers.
func (p *differences) layerRow(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	digits := max(len(strconv.Itoa(max(len(p.c.sides[then].Analysis.Layers), len(p.c.sides[now].Analysis.Layers))-1)), 3)
	stored := l.left >= layerStoredFrom
	if i == 0 {
		l.skip(3)
		l.right(st.dim, "old", digits)
		l.skip(1)
		l.right(st.dim, "new", digits)
		if stored {
			l.skip(1)
			l.right(st.dim, "stored", sizeWidth)
		}
		l.skip(1)
		l.right(st.dim, "growth", signedWidth)
		l.put(st.dim, " command")
		return
	}
	if i += p.layers.top - 1; i >= len(p.c.diff.Layers) {
		if i == 0 {
			l.put(st.dim, " no layers")
		}
		return
	}
	g := &p.c.diff.Layers[i]
	change := layerChange(g)
	if i == p.layers.cursor {
		l.base = st.cursor(p.focus == layersPane)
		l.put(st.key, sg.mark)
	} else {
		l.skip(1)
	}
	l.put(st.change[change], sg.change[change])
	l.skip(1)
	l.right(st.dim, numberOf(g.Before), digits)
	l.skip(1)
	l.right(st.dim, numberOf(g.After), digits)
	if stored {
		l.skip(1)
		l.right(st.text, human.Size(g.Bytes), sizeWidth)
	}
	l.skip(1)
	p.growth(l, g.Stored)
	l.skip(1)
	step := st.text
	if change == analyze.Identical {
		step = st.dim
	}
	l.put(step, strings.TrimPrefix(p.stepOf(g), "RUN "))
	l.fill()
}

// growth draws a difference in bytes.
func (p *differences) growth(l *line, n int64) {
	st := &p.lk.st
	switch {
	case n > 0:
		l.right(st.waste, signedSize(n), signedWidth)
	case n < 0:
		l.right(st.change[analyze.Added], signedSize(n), signedWidth)
	default:
		l.skip(signedWidth)
	}
}

// stepOf returns a layer's build step, clean: that of the later image.
func (p *differences) stepOf(g *analyze.LayerGrowth) string {
	if g.After >= 0 {
		return p.c.commands[now][g.After]
	}
	return p.c.commands[then][g.Before]
}

// diffColumns are the columns of the tree that fit.
type diffColumns struct {
	then, now bool
	meter     meter
}

// diffName is the minimum number of columns for names.
const diffName = 16

// columns chooses the columns for a pane w columns wide.
func (p *differences) columns(w int) diffColumns {
	c := diffColumns{now: true, then: true}
	room := w - 1 - 2 - 2*(sizeWidth+1) - signedWidth - 1
	if room < diffName {
		c.then = false
		room += sizeWidth + 1
	}
	if room < diffName {
		c.now = false
		room += sizeWidth + 1
	}
	c.meter = newMeter(room - 2*diffName)
	return c
}

// at returns the order for the column title at column x.
func (c diffColumns) at(x int) (diffOrder, bool) {
	x -= 3
	if x < 0 {
		return 0, false
	}
	if c.then {
		if x -= sizeWidth + 1; x < 0 {
			return diffByThen, true
		}
	}
	if c.now {
		if x -= sizeWidth + 1; x < 0 {
			return diffByNow, true
		}
	}
	if x -= signedWidth + c.meter.width(); x < 0 {
		return diffByDifference, true
	}
	return diffByName, true
}

// treeRow draws row i of the tree.
func (p *differences) treeRow(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	c := p.columns(l.left)
	if i == 0 {
		l.skip(3)
		if c.then {
			l.right(st.dim, "then", sizeWidth)
			l.skip(1)
		}
		if c.now {
			l.right(st.dim, "now", sizeWidth)
			l.skip(1)
		}
		l.right(st.dim, "growth", signedWidth)
		c.meter.head(l)
		l.put(st.dim, "  name")
		return
	}
	if i += p.tree.top - 1; i >= len(p.rows.rows) {
		if i == 0 {
			l.skip(1)
			l.put(st.dim, p.nothing())
		}
		return
	}
	r := p.rows.rows[i]
	if i == p.tree.cursor {
		l.base = st.cursor(p.focus == filesPane)
		l.put(st.key, sg.mark)
	} else {
		l.skip(1)
	}
	change := p.c.tree.Change(int(r.node))
	if change == analyze.Identical {
		l.skip(2)
	} else {
		l.put(st.change[change], sg.change[change]+" ")
	}
	p.sizes(l, c, r, change)
	p.name(l, r, change)
	l.fill()
}

// sizes draws the size of a row's path, and its change.
func (p *differences) sizes(l *line, c diffColumns, r diffRow, change analyze.Change) {
	st := &p.lk.st
	s := p.rows.sizes(r.node)
	column := func(there bool, bytes int64) {
		switch {
		case !there:
			l.skip(sizeWidth)
		case bytes == 0:
			l.right(st.dim, human.Size(0), sizeWidth)
		default:
			l.right(st.text, human.Size(bytes), sizeWidth)
		}
		l.skip(1)
	}
	if c.then {
		column(change != analyze.Added, s.before)
	}
	if c.now {
		column(change != analyze.Removed, s.after)
	}
	p.growth(l, s.after-s.before)
	c.meter.draw(l, p.lk, s.moved, 0, p.rows.sizes(0).moved)
}

// name draws the name of a row, with its sign.
func (p *differences) name(l *line, r diffRow, change analyze.Change) {
	st, sg := &p.lk.st, &p.lk.sg
	step := 2
	if l.left < 30 {
		step = 1
	}
	l.skip(min(int(r.depth)*step, max(l.left-diffName/2, 0)))
	icon := "  "
	switch {
	case r.kids && p.request.open().has(analyze.NodeID(r.node)):
		icon = sg.open + " "
	case r.kids:
		icon = sg.closed + " "
	}
	l.put(st.dim, icon)
	how := st.text
	n := p.c.tree.Node(int(r.node))
	switch {
	case change == analyze.Removed:
		how = st.change[analyze.Removed]
	case n.Dir:
		how = st.dir
	case n.New != nil && n.New.Kind() == analyze.TypeSymlink:
		how = st.link
	}
	t := p.c.tree
	name := t.Name(int(r.node))
	for at := int(r.node); at != int(r.head); {
		at = t.Parent(at)
		name = t.Name(at) + "/" + name
	}
	if n.Dir {
		name += "/"
	}
	l.put(how, p.lk.text(name))
}

// nothing says why the tree is empty.
func (p *differences) nothing() string {
	if p.rows.sums != nil {
		return "no difference matches the filter"
	}
	if p.c.diff.None() {
		return "no difference in config, layers and files"
	}
	return "no path differs"
}
