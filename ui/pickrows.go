package ui

import (
	"strconv"

	"github.com/peelhq/peel/internal/human"
)

// Widths in the picker, in columns. Texts are cut to fit.
const (
	fromWidth     = 14 // more if there is room
	layersWidth   = 6
	ageWidth      = 9
	platformWidth = 14
	leastName     = 20 // minimum of a name before another column is left out
)

// pickerColumns are the columns that fit, besides the name.
type pickerColumns struct {
	from, size, age, layers, platform bool
	name, fromWide                    int
}

// columns chooses the columns that fit. The least important ones are left out first.
func (p *picker) columns() pickerColumns {
	c := pickerColumns{name: p.wide - 1, fromWide: max(min(p.widestFrom, fromWidth), len("from"))} // without the cursor's mark
	for _, col := range []struct {
		there *bool
		wide  int
	}{{&c.size, sizeWidth}, {&c.from, c.fromWide}, {&c.age, ageWidth}, {&c.layers, layersWidth}, {&c.platform, platformWidth}} {
		if c.name-col.wide-2 < leastName {
			break
		}
		*col.there = true
		c.name -= col.wide + 2
	}
	// The places take what the names leave.
	spare := c.name - max(min(p.widest, c.name), leastName)
	c.name -= max(spare, 0)
	if c.from {
		c.fromWide = max(min(p.widestFrom, c.fromWide+spare), c.fromWide)
	}
	return c
}

func (p *picker) render(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	switch {
	case i == 0:
		l.skip(1)
		p.row(l, [6]string{"name", "from", "size", "age", "layers", "platform"}, [3]style{st.dim, st.dim, st.dim})
		return
	case i > p.page:
		if i -= p.page + 1; i == 0 {
			l.repeat(st.idleBorder, sg.top, l.left)
			return
		}
		l.skip(1)
		p.notes.render(l, i-1)
		return
	}
	i += p.top - 1
	if i >= len(p.images) {
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
	c := p.images[i]
	platform := p.lk.line(c.Platform)
	if p.refused[c.Ref] != "" {
		platform = "cannot be read"
	}
	size, layers := "?", "?"
	if c.Size >= 0 {
		size = human.Size(c.Size)
	}
	if c.Layers >= 0 {
		layers = strconv.Itoa(c.Layers)
	}
	name := p.lk.line(c.Name)
	if p.isMarked(c) {
		name = sg.marked + " " + name
	}
	p.row(l, [6]string{
		name, p.lk.line(c.From), size, human.Age(p.now(), c.Created), layers, platform,
	}, p.rowStyles(c))
}

// row draws the columns that fit. The styles are those of the name, of figures, and of the rest.
func (p *picker) row(l *line, texts [6]string, st [3]style) {
	cols := p.columns()
	part(l, cols.name, func(l *line) { l.put(st[0], cutLeft(texts[0], l.left, p.lk.sg.tail)) })
	gap := func() { l.skip(2) }
	if cols.from {
		gap()
		part(l, cols.fromWide, func(l *line) { l.put(st[2], texts[1]) })
	}
	if cols.size {
		gap()
		l.right(st[1], texts[2], sizeWidth)
	}
	if cols.age {
		gap()
		l.right(st[1], texts[3], ageWidth)
	}
	if cols.layers {
		gap()
		l.right(st[1], texts[4], layersWidth)
	}
	if cols.platform {
		gap()
		part(l, platformWidth, func(l *line) { l.put(st[2], texts[5]) })
	}
	l.fill()
}

// rowStyles returns the styles of an image's row. The open image stands out, and so does one that
// could not be read.
func (p *picker) rowStyles(c *Candidate) [3]style {
	st := &p.lk.st
	switch {
	case p.refused[c.Ref] != "":
		return [3]style{st.failure, st.dim, st.failure}
	case p.inside && c.Ref == p.open:
		return [3]style{st.title, st.text, st.dim}
	}
	return [3]style{st.strong, st.text, st.dim}
}

// nothing says why the list has no images.
func (p *picker) nothing() string {
	switch {
	case p.found > 0:
		return "no image matches: " + p.lk.text(p.search)
	case len(p.pending()) > 0:
		return "looking for images" + p.lk.sg.tail
	}
	return "no images here: build or pull one, or open a saved one: peel app.tar"
}
