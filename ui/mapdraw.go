package ui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// Widths in the map, in columns of the terminal.
const (
	mapName     = 22 // minimum of the names, unless they take half of the room
	wideMapName = 40 // width of the names before the cells get wider
	mostMapName = 60 // so that the cells are near them
	leastCell   = 3  // of a cell: a blank, the bar, and the sign
	maxCell     = 8
)

// mapColumns are the columns that fit.
type mapColumns struct {
	meter meter
	fixed int // before the names
	name  int // of the names
	cell  int // of a cell
	n     int // number of cells
}

// columns chooses the columns for a view w columns wide.
func (p *mapView) columns(w int) mapColumns {
	layers := p.layers()
	c := mapColumns{cell: max(leastCell, len(strconv.Itoa(max(layers-1, 0))))}
	c.meter = newMeter(w - (1 + sizeWidth + 1) - mapName - min(layers*c.cell+1, w/2))
	c.fixed = 1 + sizeWidth + c.meter.width() + 1
	room := w - c.fixed - 1 // after the last cell
	c.n = min(layers, max(max(room-mapName, room/2)/c.cell, 1))
	if c.n == layers && layers > 0 {
		c.cell = max(min((room-wideMapName)/layers, maxCell), c.cell)
	}
	c.name = min(max(room-c.n*c.cell, 0), mostMapName)
	return c
}

// layerAt returns the layer whose cell is at column x.
func (c mapColumns) layerAt(x, first int) (int, bool) {
	x -= c.fixed + c.name
	return first + x/c.cell, x >= 0 && x < c.n*c.cell
}

func (p *mapView) render(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	switch {
	case i == 0:
		p.head(l)
		return
	case i == p.page+1 && p.high > 0:
		l.repeat(st.idleBorder, sg.top, l.left)
		return
	case i > p.page:
		l.skip(1)
		p.lines.render(l, p.detail.top+i-p.page-2)
		return
	}
	i += p.top - 1
	if i >= len(p.rows) {
		if i == 0 {
			l.skip(1)
			l.put(st.dim, p.nothing())
		}
		return
	}
	mark := " "
	if i == p.cursor {
		mark, l.base = sg.mark, st.selected
	}
	l.put(st.key, mark)
	p.row(l, p.rows[i], i == p.cursor)
	l.fill()
}

// nothing says why the map has no rows.
func (p *mapView) nothing() string {
	switch {
	case p.sums == nil:
		return "adding up" + p.lk.sg.tail
	case p.narrow.on():
		return "no directory's name contains that"
	}
	return "no layer stores anything"
}

// head draws the titles of the columns, and the numbers of the layers.
func (p *mapView) head(l *line) {
	st, sg := &p.lk.st, &p.lk.sg
	c := p.columns(p.wide)
	l.skip(1)
	l.right(st.dim, "stored", sizeWidth)
	c.meter.head(l)
	l.skip(1)
	part(l, c.name, func(l *line) {
		l.skip(2)
		l.put(st.dim, "directory")
		if p.first > 0 {
			l.skip(l.left - 1)
			l.put(st.key, sg.less)
		}
	})
	for i := range c.n {
		layer := p.first + i
		number := strconv.Itoa(layer)
		switch {
		case layer == p.layer:
			l.skip(c.cell - len(number))
			l.put(st.columnHead, number)
		case layer == p.layer-1 && len(strconv.Itoa(p.layer)) >= c.cell, // too close to each other
			len(number) >= c.cell && (layer%5 != 0 || layer == p.layer+1):
			l.skip(c.cell)
		default:
			l.right(st.dim, number, c.cell)
		}
	}
	if p.first+c.n < p.layers() {
		l.put(st.key, sg.more)
	}
	l.fill()
}

// row draws a directory and its cells.
func (p *mapView) row(l *line, r row, selected bool) {
	st, sg := &p.lk.st, &p.lk.sg
	c := p.columns(p.wide)
	whole, _ := p.sums.Stored(analyze.Root)
	stored, _ := p.sums.Stored(r.node)
	_, covered, removed := p.after(r.node)
	l.right(st.text, human.Size(stored), sizeWidth)
	c.meter.draw(l, p.lk, stored, covered+removed, whole)
	l.skip(1)
	part(l, c.name, func(l *line) {
		l.skip(min(2*int(r.depth), max(l.left-nameRoom/2, 0)))
		icon := sg.closed
		if r.node == analyze.Root || r.kids && p.request.opened.has(r.node) {
			icon = sg.open
		} else if !r.kids {
			icon = " "
		}
		l.put(st.dim, icon+" ")
		l.put(st.dir, p.lk.text(r.name(p.sums.Tree())))
	})
	cells := p.cells // that after has left
	for i := range c.n {
		layer := p.first + i
		for len(cells) > 0 && cells[0].Layer < layer {
			cells = cells[1:]
		}
		lead := " "
		switch {
		case selected && layer == p.layer:
			lead = "["
		case selected && layer == p.layer+1 && i > 0:
			lead = "]"
		}
		l.put(st.key, lead)
		if len(cells) > 0 && cells[0].Layer == layer {
			p.cell(l, &cells[0], c.cell-1)
		} else {
			p.blankCell(l, layer, c.cell-1)
		}
	}
	if selected && p.layer == p.first+c.n-1 {
		l.put(st.key, "]")
	}
}

// cell draws a layer's bytes on w columns: a bar of proportional height, shaded by what is live,
// covered and removed, and the sign of the largest part.
func (p *mapView) cell(l *line, c *analyze.MapCell, w int) {
	sg := &p.lk.sg
	rise := " "
	if n := eighths(c.Stored, p.scale, 1); n > 0 {
		rise = sg.rise[n-1]
	}
	states := cellStates(c, w-1)
	for _, s := range states {
		l.repeat(p.cellStyle(s.sign, c.Layer), rise, s.columns)
	}
	most := mainSign(c)
	l.put(p.cellStyle(most, c.Layer), sg.strip[most])
}

// blankCell draws the cell of a layer that stores nothing.
func (p *mapView) blankCell(l *line, layer, w int) {
	if layer == p.layer {
		l.put(p.cellStyle(analyze.SignNothing, layer), strings.Repeat(" ", w))
		return
	}
	l.skip(w)
}

func (p *mapView) cellStyle(s analyze.Sign, layer int) style {
	if layer == p.layer {
		return p.lk.st.columnStrip[s]
	}
	return p.lk.st.strip[s]
}

// mainSign returns the sign of the largest part of a cell, or SignNothing if its layer isn't read
// yet.
func mainSign(c *analyze.MapCell) analyze.Sign {
	switch {
	case c.Live+c.Covered+c.Removed == 0:
		return analyze.SignNothing
	case c.Live >= c.Covered && c.Live >= c.Removed:
		return analyze.SignShows
	case c.Covered >= c.Removed:
		return analyze.SignCovered
	}
	return analyze.SignRemoved
}

// A cellState is a part of a cell's bar.
type cellState struct {
	sign    analyze.Sign
	columns int
}

// cellStates divides w columns between what is live, covered and removed, rounded; a single
// column shows the largest part.
func cellStates(c *analyze.MapCell, w int) []cellState {
	if most := mainSign(c); w <= 1 || most == analyze.SignNothing {
		return []cellState{{most, w}}
	}
	all := float64(c.Stored)
	live := int(float64(c.Live)/all*float64(w) + 0.5)
	dead := int(float64(c.Live+c.Covered)/all*float64(w) + 0.5)
	return []cellState{{analyze.SignShows, live}, {analyze.SignCovered, dead - live}, {analyze.SignRemoved, w - dead}}
}

// describe gives the exact figures of a cell, what happens to its bytes, and the step of its layer.
func (p *mapView) describe(id mapCellID) {
	st, sg := &p.lk.st, &p.lk.sg
	add := func(st style, text string) {
		for _, part := range wrap(text, p.wide-2) {
			p.lines.add(span{st, part})
		}
	}
	dot := " " + sg.dot + " "
	cell := analyze.MapCell{Layer: id.layer}
	for _, c := range p.sums.AppendCells(nil, id.node, p.layers()) {
		if c.Layer == id.layer {
			cell = c
		}
	}
	what := fmt.Sprintf("layer %d stores nothing here", id.layer)
	if cell.Stored > 0 {
		what = fmt.Sprintf("layer %d stores %s here", id.layer, inBytes(cell.Stored))
	}
	path := p.lk.text(p.sums.Tree().Path(id.node))
	p.lines.add(span{st.strong, cutLeft(path, max(p.wide-2-width(dot+what), 8), sg.tail)}, span{st.text, dot + what})
	if cell.Stored > 0 {
		text := "in the end " + human.Comma(cell.Live) + " live"
		text += p.deaths(dot, "covered", id, false, cell.Covered) + p.deaths(dot, "removed", id, true, cell.Removed)
		add(st.text, text)
	}
	var all analyze.MapCell
	for _, c := range p.sums.AppendCells(nil, id.node, id.layer) {
		if c.Layer <= id.layer {
			all.Stored, all.Live, all.Covered, all.Removed = all.Stored+c.Stored, all.Live+c.Live, all.Covered+c.Covered, all.Removed+c.Removed
		}
	}
	upTo := "layer 0"
	if id.layer > 0 {
		upTo = fmt.Sprintf("layers 0 to %d", id.layer)
	}
	add(st.dim, fmt.Sprintf("%s: %s stored%s%s live%s%s covered%s%s removed", upTo, human.Comma(all.Stored),
		dot, human.Comma(all.Live), dot, human.Comma(all.Covered), dot, human.Comma(all.Removed)))
	if id.layer < len(p.commands) {
		add(st.dim, p.commands[id.layer])
	}
}

// deaths says how many bytes of a cell are covered, or removed, and by which layers; "" if none
// are.
func (p *mapView) deaths(dot, word string, id mapCellID, removed bool, bytes int64) string {
	if bytes == 0 {
		return ""
	}
	const most = 4
	var by []string
	for _, d := range p.sums.Deaths(id.node, id.layer) {
		if d.Removed == removed {
			by = append(by, strconv.Itoa(d.By))
		}
	}
	text := "by layer "
	if len(by) > 1 {
		text = "by layers "
	}
	if len(by) > most {
		by = append(by[:most], "and "+human.Comma(int64(len(by)-most))+" more")
	}
	return dot + human.Comma(bytes) + " " + word + " " + text + strings.Join(by, ", ")
}

// inBytes writes a number of bytes in full: "1 byte", "52,428,800 bytes".
func inBytes(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return human.Comma(n) + " bytes"
}
