package ui

import (
	"fmt"
	"strconv"

	"github.com/peelhq/peel/internal/human"
)

// Columns of the waste view.
const (
	countWidth = 9
	wasteName  = 30 // minimum width of names, beside the numbers of versions
)

// wasteColumns are the columns that fit.
type wasteColumns struct {
	meter meter
	count int // width of the numbers of versions
}

// columns selects the columns for a view that is w columns wide.
func (p *waste) columns(w int) wasteColumns {
	c := wasteColumns{count: countWidth}
	if w-1-sizeWidth-1-countWidth-1 < wasteName {
		c.count = 0
	}
	c.meter = newMeter(w - 1 - sizeWidth - 1 - c.count - 1 - wasteName)
	return c
}

// fixed returns the width of the columns before the names.
func (p *waste) fixed(w int) int {
	c := p.columns(w)
	return 1 + sizeWidth + c.meter.width() + c.count + 1
}

// figures draws a row's bytes and their share of the whole.
func (p *waste) figures(l *line, st style, bytes, wasted, whole int64, count string) {
	c := p.columns(p.wide)
	l.right(st, human.Size(bytes), sizeWidth)
	c.meter.draw(l, p.lk, bytes, wasted, whole)
	if c.count > 0 {
		l.right(p.lk.st.dim, count, c.count)
	}
	l.skip(1)
}

func (p *waste) render(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	switch {
	case i == 0:
		l.skip(1)
		l.right(st.dim, "wasted", sizeWidth)
		c := p.columns(p.wide)
		c.meter.head(l)
		if c.count > 0 {
			l.right(st.dim, p.countHead(), c.count)
		}
		l.skip(3)
		l.put(st.dim, p.head())
		return
	case p.high > 0 && i == p.list.page+1:
		l.repeat(st.idleBorder, sg.top, l.left)
		return
	case i > p.list.page:
		l.skip(1)
		p.lines.render(l, p.detail.top+i-p.list.page-2)
		return
	}
	i += p.top - 1
	if i >= p.count {
		if i == 0 {
			l.skip(1)
			l.put(st.dim, p.nothing())
		}
		return
	}
	if i == p.cursor {
		l.base = st.selected
		l.put(st.key, sg.mark)
	} else {
		l.skip(1)
	}
	switch r := p.row(i); {
	case r.group != nil:
		p.groupRow(l, r)
	default:
		p.versionRow(l, r)
	}
	l.fill()
}

func (p *waste) head() string {
	switch p.grouping {
	case groupCause:
		return "cause, layer to blame, path"
	case groupLayer:
		return "layer to blame, cause, path"
	}
	return "path"
}

// countHead returns the name of the column with a group's number of versions or, for a version,
// with the layers that hide and store it.
func (p *waste) countHead() string {
	if p.grouping >= groupPath {
		return "in " + p.lk.sg.under + " by"
	}
	return "versions"
}

func (p *waste) nothing() string {
	switch {
	case p.sorted == nil:
		return "sorting the waste" + p.lk.sg.tail
	case p.narrow.on():
		return "no wasted path contains " + p.lk.text(p.narrow.text)
	case p.grouping == groupGone && p.a.Waste.Len() > 0:
		return "every path with waste in some layer is visible in the final image"
	}
	return "nothing is wasted: every stored byte is visible in the final image"
}

func (p *waste) groupRow(l *line, r wasteRow) {
	st, sg := &p.lk.st, &p.lk.sg
	g := r.group
	p.figures(l, st.waste, g.bytes, g.bytes, p.a.Totals.Wasted, human.Comma(int64(g.count)))
	l.skip(2 * r.depth)
	icon := sg.closed
	if p.opened[g] {
		icon = sg.open
	}
	l.put(st.dim, icon+" ")
	// Below a cause comes the layer, and vice versa.
	if g.by < 0 || r.depth == 1 && p.grouping == groupLayer {
		l.put(st.strong, g.cause.String())
		l.put(st.dim, "  "+causeTexts[g.cause].why)
		return
	}
	l.put(st.strong, "by layer "+strconv.Itoa(g.by))
	l.put(st.text, "  "+p.commands[g.by])
}

func (p *waste) versionRow(l *line, r wasteRow) {
	st := &p.lk.st
	w := p.a.Waste.At(int(r.waste))
	p.figures(l, st.waste, w.Bytes, w.Bytes, p.a.Totals.Wasted, fmt.Sprintf("%d %s %d", w.Layer, p.lk.sg.under, w.By))
	l.skip(2 * r.depth)
	if p.grouping >= groupPath {
		l.put(st.dim, fmt.Sprintf("%-11s ", w.Cause))
	}
	l.put(st.text, cutLeft(p.lk.text(w.Path()), l.left, p.lk.sg.tail))
}
