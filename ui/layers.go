package ui

import (
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// Widths in the layers pane, in columns.
const (
	commandRoom  = 16 // minimum of the command, beside a bar
	hidesColumns = 64 // minimum width for the bytes that a layer hides
	lineColumns  = 44 // minimum width for the lines of the Dockerfile
	netColumns   = 76 // minimum width for the net size of a layer
	countColumns = 96 // minimum width for the numbers of changed files
	netWidth     = sizeWidth + 2
	changesWidth = 18
)

// layers is the list of layers, the base first.
type layers struct {
	list
	lk       *look
	a        *analyze.Analysis
	commands []string           // by layer, in words, clean
	at       []*dockerfile.Line // by layer: its step's; nil if unknown
	atWidth  int                // columns of their numbers; 0 if no line is known

	// What each layer does to the paths that a filter leaves; nil without a filter.
	signs []analyze.Sign
}

func newLayers(lk *look, s *snapshot) layers {
	p := layers{lk: lk, commands: s.commands}
	p.take(s)
	p.resize(len(s.a.Layers), len(s.a.Layers))
	p.to(len(s.a.Layers) - 1)
	return p
}

// take shows another analysis of the same image.
func (p *layers) take(s *snapshot) { p.a, p.at, p.atWidth = s.a, s.lines, lineWidth(s.lines) }

// title names the pane.
func (p *layers) title() string { return "Layers" }

// layerColumns are the widths of the pane's columns that fit; 0 means that a column is left out.
type layerColumns struct {
	digits     int   // of a layer's number
	gap        int   // after the sign of a base layer
	meter      meter // of the stored bytes
	hides      int   // what the layers hide, with the blank before it
	line       int   // the lines of the Dockerfile, with the blank before them
	net        int   // what the image grows by, with the blank before it
	counts     int   // of changes, with the blanks before them
	commandGap int   // before the command: one more if a filter's sign is there
}

// figures returns the width from the stored bytes to the command.
func (c layerColumns) figures() int {
	return sizeWidth + c.meter.width() + sizeWidth + c.hides + c.net + c.counts + c.line + c.commandGap
}

// columns chooses the columns for a pane w columns wide.
func (p *layers) columns(w int) layerColumns {
	c := layerColumns{digits: len(strconv.Itoa(max(p.list.rows-1, 0))), commandGap: 2}
	if p.lk.ascii {
		c.gap = 1 // its sign is a letter
	}
	if w >= lineColumns && p.atWidth > 0 {
		c.line = 1 + max(p.atWidth, len(lineHead))
	}
	c.meter = newMeter(w - (1 + c.digits + 1 + c.gap + sizeWidth + 1 + sizeWidth + c.line + 2) - commandRoom)
	if w >= hidesColumns {
		c.hides = 1 + sizeWidth
	}
	if w >= netColumns+c.line {
		c.net = netWidth
	}
	if w >= countColumns+c.line {
		c.counts = 2 + changesWidth
	}
	if p.signs != nil {
		c.commandGap = 3
	}
	return c
}

// lineHead is the title of the column of lines.
const lineHead = "line"

// render draws row i of the pane into l. It marks the layers in a range that starts after layer
// from; from is -1 without a range.
func (p *layers) render(l *line, i int, focused bool, from int) {
	st := &p.lk.st
	c := p.columns(l.left)
	if i == 0 {
		l.skip(1)
		l.right(st.dim, "#", c.digits)
		l.skip(1 + c.gap)
		l.right(st.dim, "stored", sizeWidth)
		c.meter.head(l)
		l.right(st.dim, "wasted", sizeWidth)
		l.right(st.dim, "hides", c.hides)
		l.right(st.dim, "net", c.net)
		if c.counts > 0 {
			l.put(st.dim, "  changes")
			l.skip(c.counts - len("  changes"))
		}
		if c.line > 0 {
			l.right(st.dim, lineHead, c.line)
		}
		l.skip(c.commandGap)
		l.put(st.dim, "command")
		return
	}
	i += p.top - 1
	if i >= len(p.a.Layers) {
		return
	}
	p.number(l, c, i, focused, from)
	switch t := p.a.Layers[i]; {
	case i >= p.a.Read():
		l.right(st.dim, "reading", sizeWidth)
		l.skip(c.figures() - sizeWidth)
		l.put(st.dim, p.commands[i])
	case t.Layer.Err != nil:
		l.skip(c.figures())
		l.put(st.failure, "cannot be read")
	default:
		p.figures(l, c, i)
	}
	l.fill()
}

// number draws a layer's number, and marks the layer if it is selected, in the
// range, of the base image, or a container's own.
func (p *layers) number(l *line, c layerColumns, i int, focused bool, from int) {
	st, sg := &p.lk.st, &p.lk.sg
	switch low, high := min(from, p.cursor), max(from, p.cursor); {
	case i == p.cursor:
		l.base = st.cursor(focused)
		l.put(st.key, sg.mark)
	case from >= 0 && i > low && i <= high:
		l.put(st.key, sg.between)
	default:
		l.skip(1)
	}
	l.right(st.dim, strconv.Itoa(i), c.digits)
	switch t := p.a.Layers[i]; {
	case t.Layer.OfContainer:
		l.put(st.key, sg.box)
	case t.Base:
		l.put(st.dim, sg.base)
	default:
		l.skip(1)
	}
	l.skip(c.gap)
}

// netText returns how much a layer changes the size of the image: the bytes that it stores, minus
// those that it hides. "" for none.
func netText(t analyze.LayerTotal) string {
	switch net := t.Stored - t.Hides; {
	case net > 0:
		return "+" + human.Size(net)
	case net < 0:
		return "-" + human.Size(-net)
	}
	return ""
}

// counts draws how many paths a layer adds, changes and removes. If there is too little room, it
// omits whole numbers at the end, because a truncated number would be wrong.
func (p *layers) counts(l *line, n analyze.Counts, tone func(style) style) {
	st, sg := &p.lk.st, &p.lk.sg
	var spans []span
	for _, c := range []struct {
		change analyze.Change
		n      int
	}{{analyze.Added, n.Added}, {analyze.Modified, n.Modified}, {analyze.Metadata, n.Metadata}, {analyze.Removed, n.Removed}} {
		if c.n > 0 {
			spans = append(spans, span{tone(st.change[c.change]), sg.change[c.change] + human.Comma(int64(c.n)) + " "})
		}
	}
	for i, s := range spans {
		if room := l.left; width(s.text)-1 > room || i < len(spans)-1 && width(s.text)+width(sg.tail) > room {
			l.put(st.dim, sg.tail)
			return
		}
		l.put(s.st, s.text)
	}
}

// figures draws a layer's figures and its command.
func (p *layers) figures(l *line, c layerColumns, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	t := p.a.Layers[i]
	// A layer without paths that match the filter is dimmed.
	tone := func(s style) style { return s }
	if i < len(p.signs) && p.signs[i] == analyze.SignNothing {
		tone = func(style) style { return st.faint }
	}
	stored := st.text
	if t.Stored == 0 {
		stored = st.dim
	}
	l.right(tone(stored), human.Size(t.Stored), sizeWidth)
	c.meter.draw(l, p.lk, t.Stored, t.Wasted, p.a.Totals.Stored)
	if t.Wasted > 0 {
		l.right(tone(st.waste), human.Size(t.Wasted), sizeWidth)
	} else {
		l.skip(sizeWidth)
	}
	if t.Hides > 0 {
		l.right(tone(st.text), human.Size(t.Hides), c.hides)
	} else {
		l.skip(c.hides)
	}
	l.right(tone(st.text), netText(t), c.net)
	if c.counts > 0 {
		l.skip(2)
		part(l, changesWidth, func(l *line) { p.counts(l, t.Changes, tone) })
	}
	if c.line > 0 {
		l.right(tone(st.dim), lineNumber(p.at[i]), c.line)
	}
	l.skip(1)
	if i < len(p.signs) {
		l.put(st.strip[p.signs[i]], sg.strip[p.signs[i]])
	}
	l.skip(1)
	command := st.text
	if t.Base || p.commands[i] == unknownStep {
		command = st.dim
	}
	l.put(tone(command), strings.TrimPrefix(p.commands[i], "RUN ")) // most are RUN
}
