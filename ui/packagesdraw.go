package ui

import (
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// Widths in the packages view, in columns.
const (
	packageName   = 30 // minimum of names and versions, beside a bar
	ownLayers     = 9  // "0,3-5,7.."
	packageType   = 6
	packageStep   = 24 // minimum of a build step
	packageAll    = 40 // of names and versions, beside a step
	packageStepAt = 110
)

// packageColumns are the widths of the columns that fit, besides name and version; 0 means that a
// column is left out.
type packageColumns struct {
	meter  meter
	layers int
	typ    int
	name   int // names and versions
	step   int
}

// columns chooses the columns for a view w columns wide.
func (p *packages) columns(w int) packageColumns {
	var c packageColumns
	room := w - 1 - sizeWidth - 1 - sizeWidth - 1 // without the mark, the figures and the gaps
	if room-ownLayers-1 >= packageName {
		c.layers = ownLayers
		room -= ownLayers + 1
	}
	if room-packageType-1 >= packageName {
		c.typ = packageType
		room -= packageType + 1
	}
	c.meter = newMeter(room - packageName)
	room -= c.meter.width() - 1
	c.name = room
	if w >= packageStepAt && room-packageAll-2 >= packageStep {
		c.name = max(packageAll, room/2)
		c.step = room - c.name - 2
	}
	return c
}

// at returns the order for the column title at column x.
func (c packageColumns) at(x int) (packageOrder, bool) {
	for _, col := range []struct {
		w  int
		by packageOrder
		ok bool
	}{
		{1, 0, false},
		{sizeWidth, packagesByStored, true},
		{c.meter.width(), packagesByStored, true},
		{sizeWidth, packagesByWasted, true},
		{1, 0, false},
		{gapped(c.layers), packagesByLayer, c.layers > 0},
		{gapped(c.typ), packagesByType, c.typ > 0},
		{c.name, packagesByName, true},
	} {
		if x -= col.w; x < 0 {
			return col.by, col.ok
		}
	}
	return 0, false
}

// gapped returns the width of a column with the blank after it.
func gapped(w int) int {
	if w == 0 {
		return 0
	}
	return w + 1
}

func (p *packages) render(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	c := p.columns(p.wide)
	switch {
	case i == 0:
		l.skip(1)
		l.right(st.dim, "stored", sizeWidth)
		c.meter.head(l)
		l.right(st.dim, "wasted", sizeWidth)
		p.rest(l, c, "layers", "type", func(l *line) { l.put(st.dim, " package, version") }, "step")
		return
	case i == p.page+1:
		p.totals(l, c)
		return
	case i == p.page+2:
		l.repeat(st.idleBorder, sg.top, l.left)
		return
	case i > p.page+2:
		l.skip(1)
		p.lines.render(l, p.detail.top+i-p.page-3)
		return
	}
	i += p.top - 1
	if p.rows == nil || i >= len(p.rows.listed) {
		p.nothing(l, i)
		return
	}
	if i == p.cursor {
		l.base = st.selected
		l.put(st.key, sg.mark)
	} else {
		l.skip(1)
	}
	p.row(l, c, p.rows.listed[i])
	l.fill()
}

// nothing says, in row i, why the list has no packages.
func (p *packages) nothing(l *line, i int) {
	st := &p.lk.st
	how := st.dim
	var said string
	switch {
	case p.failed != "":
		said, how = p.failed, st.failure
	case p.rows == nil:
		said = "reading the packages" + p.lk.sg.tail
	case p.narrow.on() && len(p.rows.listed) == 0:
		said = "no package contains " + p.lk.text(p.narrow.text)
	case len(p.rows.all.Rows) > 0:
		return
	default:
		said = noDatabase
	}
	lines := wrap(said, max(p.wide-2, 1))
	at := i
	if p.rows != nil {
		if at = i - len(p.rows.listed); len(p.rows.listed) > 0 {
			at-- // a blank row before it
		}
	}
	if at >= 0 && at < len(lines) {
		l.skip(1)
		l.put(how, lines[at])
	}
}

// noDatabase says which databases peel searched for.
const noDatabase = "No database of packages was found. Looked for: those of dpkg, apk and rpm, Python's and conda's metadata, " +
	"package.json in node_modules (npm, pnpm, yarn), gem specifications, Go programs, and jars."

// figures draws the first columns of a row, or of the totals.
func (p *packages) figures(l *line, c packageColumns, x *analyze.Package) {
	st := &p.lk.st
	how := st.text
	if x.Stored == 0 {
		how = st.dim
	}
	l.right(how, human.Size(x.Stored), sizeWidth)
	c.meter.draw(l, p.lk, x.Stored, x.Wasted, p.a.Totals.Stored)
	if x.Wasted > 0 {
		l.right(st.waste, human.Size(x.Wasted), sizeWidth)
	} else {
		l.skip(sizeWidth)
	}
}

// rest draws the columns after the figures.
func (p *packages) rest(l *line, c packageColumns, layers, typ string, name func(l *line), step string) {
	st := &p.lk.st
	l.skip(1)
	if c.layers > 0 {
		part(l, c.layers, func(l *line) { l.put(st.dim, layers) })
		l.skip(1)
	}
	if c.typ > 0 {
		part(l, c.typ, func(l *line) { l.put(st.dim, typ) })
		l.skip(1)
	}
	if c.step == 0 {
		name(l)
		return
	}
	part(l, c.name, name)
	l.skip(2)
	l.put(st.dim, step)
}

// signGap returns the blanks in place of a package's sign: one more if signs are letters.
func (lk *look) signGap() string {
	if lk.ascii {
		return "  "
	}
	return " "
}

func (p *packages) row(l *line, c packageColumns, i int32) {
	st, sg := &p.lk.st, &p.lk.sg
	x := p.rows.row(i)
	p.figures(l, c, x)
	if i == unownedRow {
		p.rest(l, c, "", "", func(l *line) { l.put(st.text, p.lk.signGap()+unownedName) }, "")
		return
	}
	p.rest(l, c, x.LayerRanges(c.layers), x.Type, func(l *line) {
		name, sign := st.strong, " "
		if !x.Installed {
			name, sign = st.change[analyze.Removed], sg.change[analyze.Removed]
		}
		l.put(name, sign+p.lk.signGap()[1:]+p.lk.line(x.Name))
		l.put(st.text, " "+p.lk.line(x.Version))
		if !x.Installed {
			l.put(st.dim, " (removed)")
		}
		if n := p.rows.versions[i]; n > 1 {
			l.put(st.key, " "+sg.dot+" "+counted(int(n), "version"))
		}
	}, p.stepOf(x))
}

// totals draws the totals of all listed rows.
func (p *packages) totals(l *line, c packageColumns) {
	if p.rows == nil || len(p.rows.listed) == 0 {
		return
	}
	l.skip(1)
	p.figures(l, c, &p.rows.sum)
	n := len(p.rows.listed)
	rest := ""
	if p.rows.listed[n-1] == unownedRow {
		n--
		rest = " and the rest"
	}
	text := " " + counted(n, "package") + rest
	l.skip(1)
	l.skip(gapped(c.layers) + gapped(c.typ))
	l.put(p.lk.st.title, text)
}

// stepOf returns the build step of the first layer whose database has a package.
func (p *packages) stepOf(x *analyze.Package) string {
	if x.Layer < 0 || x.Layer >= len(p.commands) {
		return ""
	}
	return strings.TrimPrefix(p.commands[x.Layer], "RUN ")
}

// layersDescribed is the maximum number of layers that the detail describes.
const layersDescribed = 50

// describe writes the details of a package.
func (p *packages) describe(x *analyze.Package) {
	st := &p.lk.st
	if x.Name == "" {
		p.lines.add(span{st.strong, "What no package owns"}, span{st.dim, ": caches, logs, and what was copied or made by hand"})
	} else {
		head := []span{{st.strong, p.lk.line(x.Name)}, {st.text, " " + p.lk.line(x.Version)}, {st.dim, " " + p.lk.sg.dot + " " + x.Type}}
		if !x.Installed {
			head = append(head, span{st.change[analyze.Removed], ", removed"}, span{st.dim, ": the last layer's database does not have it"})
		}
		p.lines.add(head...)
	}
	p.lines.add(span{st.text, size(x.Stored)}, span{st.dim, " stored in " + counted(x.Files, "file") + ", "},
		span{st.text, human.Size(x.Visible)}, span{st.dim, " visible, "}, span{st.waste, human.Size(x.Wasted)}, span{st.dim, " wasted"})
	if x.Shared > 0 {
		p.lines.add(span{st.text, human.Size(x.Shared)}, span{st.dim, " more that it lists count for another package"})
	}
	if i := p.rows.listed[p.cursor]; i != unownedRow && p.rows.versions[i] > 1 {
		p.describeVersions(x, p.rows.sameName(i))
	}
	if x.Name != "" {
		p.step(fmt.Sprintf("installed by layer %d: ", x.Layer), x.Layer)
	}
	for i, on := range x.Layers {
		if i == layersDescribed {
			p.lines.add(span{st.dim, human.Comma(int64(len(x.Layers)-i)) + " more layers"})
			break
		}
		p.lines.add(span{st.dim, fmt.Sprintf("layer %d carries ", on.Layer)}, span{st.text, human.Size(on.Stored)},
			span{st.dim, " in " + counted(on.Files, "file") + ", wasted "}, span{st.waste, human.Size(on.Wasted)})
		if x.Name == "" && on.Layer < len(p.commands) {
			p.lines[len(p.lines)-1] = append(p.lines[len(p.lines)-1], span{st.dim, "  " + p.commands[on.Layer]})
		}
	}
	if x.Name == "" {
		p.describeFlaws()
	}
}

// describeVersions describes the other versions of a package.
func (p *packages) describeVersions(x *analyze.Package, all []*analyze.Package) {
	st := &p.lk.st
	for i, o := range all {
		if i == layersDescribed {
			p.lines.add(span{st.dim, human.Comma(int64(len(all)-i)) + " more versions"})
			return
		}
		if o == x {
			continue
		}
		spans := []span{{st.dim, "also there: "}, {st.text, p.lk.line(o.Version)}, {st.dim, ", " + human.Size(o.Stored) + " stored"}}
		if on := o.LayerRanges(p.wide); on != "" {
			spans = append(spans, span{st.dim, " in layer " + on})
		}
		if !o.Installed {
			spans = append(spans, span{st.dim, " (removed)"})
		}
		p.lines.add(spans...)
	}
}

// describeFlaws says which databases peel can't read.
func (p *packages) describeFlaws() {
	flaws := p.rows.all.Flaws
	for i, f := range flaws {
		if i == layersDescribed {
			p.lines.add(span{p.lk.st.failure, human.Comma(int64(len(flaws)-i)) + " more"})
			return
		}
		text := fmt.Sprintf("layer %d: %s: %s", f.Layer, p.lk.text(f.Path), p.lk.line(f.Problem))
		for _, line := range wrap(text, p.wide-3) {
			p.lines.add(span{p.lk.st.failure, line})
		}
	}
}

// step adds a build step, on as many lines as it takes.
func (p *packages) step(head string, layer int) {
	if layer < 0 || layer >= len(p.commands) {
		return
	}
	st := &p.lk.st
	for i, line := range wrap(cut(p.commands[layer], commandShown, p.lk.sg.tail), max(p.wide-3-len(head), 8)) {
		if i > 0 {
			head = strings.Repeat(" ", len(head))
		}
		p.lines.add(span{st.dim, head}, span{st.text, line})
	}
}
