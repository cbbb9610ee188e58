package ui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// factsShown is the maximum number of hidden versions, and of flaws, that are listed for a layer;
// the others are counted.
const factsShown = 100

// causeColumns is the minimum width to show why a layer's versions are hidden; the versions'
// histories show it anyway.
const causeColumns = 60

// commandShown is the maximum number of columns of a command.
const commandShown = 8000

// layerFacts is what to list for one layer, by index.
type layerFacts struct {
	hides     []int32 // in Analysis.Waste, largest first: at most factsShown versions that the layer hides
	flaws     []int32 // in Analysis.Flaws: at most factsShown flaws of the layer
	moreHides int     // the number of others
	moreFlaws int
}

// factsByLayer groups an analysis's waste by the layer to blame, and its flaws
// by layer. It visits both lists, so call it from a command.
func factsByLayer(a *analyze.Analysis) []layerFacts {
	all := make([]layerFacts, len(a.Layers))
	list := func(of *[]int32, more *int, i int) {
		if len(*of) < factsShown {
			*of = append(*of, int32(i))
		} else {
			*more++
		}
	}
	for i := range a.Waste.Len() { // largest first
		if by := a.Waste.By(i); by >= 0 && by < len(all) {
			list(&all[by].hides, &all[by].moreHides, i)
		}
	}
	for i := range a.Flaws {
		if k := a.Flaws[i].Layer; k >= 0 && k < len(all) {
			list(&all[k].flaws, &all[k].moreFlaws, i)
		}
	}
	return all
}

// layer is the pane below the layers: the details of the selected one.
type layer struct {
	scroller
	lk    *look
	a     *analyze.Analysis
	facts []layerFacts       // by layer
	at    []*dockerfile.Line // by layer: its step's; nil if unknown
	index int
	wide  int // columns that the lines were made for
	lines styledLines
}

// show makes the lines for layer index, on w columns and h rows.
func (p *layer) show(index, w, h int) {
	if index != p.index || w != p.wide {
		if index != p.index {
			p.top = 0
		}
		p.index, p.wide = index, w
		p.make()
	}
	p.resize(len(p.lines), h)
}

func (p *layer) title() string {
	if len(p.a.Layers) == 0 {
		return "Layer"
	}
	return fmt.Sprintf("Layer %d", p.index)
}

func (p *layer) render(l *line, i int) { p.lines.render(l, p.top+i) }

func (p *layer) make() {
	st, sg := &p.lk.st, &p.lk.sg
	p.lines = p.lines[:0]
	if p.index < 0 || p.index >= len(p.a.Layers) {
		return
	}
	t := p.a.Layers[p.index]
	sep := span{st.faint, " " + sg.dot + " "}

	figures := []span{{st.strong, human.Size(t.Stored)}, {st.dim, " stored"}}
	if t.Wasted > 0 {
		figures = append(figures, sep, span{st.waste, human.Size(t.Wasted)}, span{st.dim, " wasted"})
	}
	if t.Layer.CompressedBytes >= 0 {
		figures = append(figures, sep, span{st.text, human.Size(t.Layer.CompressedBytes)}, span{st.dim, " compressed"})
	}
	if t.Base {
		figures = append(figures, sep, span{st.dim, "base image"})
	}
	if t.Layer.OfContainer {
		figures = append(figures, sep, span{st.key, "the container's own"})
	}
	p.lines.add(figures...)
	if t.Layer.Err != nil {
		p.wrapped(st.failure, "", "cannot be read: "+p.lk.line(t.Layer.Err.Error()))
	} else {
		p.lines.add(p.changes(t)...)
		if p.a.Unsettled() > 0 {
			p.lines.add(span{st.dim, "(counts and causes are not final yet)"})
		}
	}

	p.lines.gap()
	if at := p.at[p.index]; at != nil {
		p.wrapped(st.dim, "", p.lk.buildLines(at))
	}
	command := p.lk.line(dockerfile.StepText(t.Layer.Step))
	if command == "" {
		p.lines.add(span{st.dim, "command unknown"})
	} else {
		p.wrapped(st.text, "", cut(command, commandShown, p.lk.sg.tail))
	}

	p.container(t)

	p.lines.gap()
	p.hides(t)
	p.flaws()

	p.lines.gap()
	p.lines.add(span{st.dim, human.Comma(t.Stored) + " bytes in " + counted(t.Entries, "entry")})
	if d := t.Layer.Digest; d != "" {
		p.lines.add(span{st.dim, p.lk.line(d)})
	} else if d := t.Layer.DiffID; d != "" {
		p.lines.add(span{st.dim, p.lk.line(d)})
	}
	if by := t.Layer.ListedBy; by != "" {
		p.wrapped(st.dim, "", listedBy(by))
	}
	if when := t.Layer.Step.Created; !when.IsZero() && !t.Layer.OfContainer {
		p.lines.add(span{st.dim, "made " + when.UTC().Format("2006-01-02 15:04:05") + " UTC"})
	}
}

// container describes the container of a container's own layer: which one, when it was read, and
// what it does not include.
func (p *layer) container(t analyze.LayerTotal) {
	c := p.a.Image.Container
	if !t.Layer.OfContainer || c == nil {
		return
	}
	st := &p.lk.st
	text := c.Engine
	if c.State != "" {
		text += ", " + c.State
	}
	p.wrapped(st.text, "", p.lk.line(text+", read at "+timeText(c.ReadAt)))
	if len(c.Mounts) > 0 {
		p.wrapped(st.dim, "", "not included: mounts over "+counted(len(c.Mounts), "folder")+", which view 3 lists")
	}
}

// changes counts the layer's changes, by kind.
func (p *layer) changes(t analyze.LayerTotal) []span {
	st, sg := &p.lk.st, &p.lk.sg
	words := []struct {
		change analyze.Change
		n      int
	}{
		{analyze.Added, t.Changes.Added},
		{analyze.Modified, t.Changes.Modified},
		{analyze.Metadata, t.Changes.Metadata},
		{analyze.Identical, t.Changes.Identical},
		{analyze.Removed, t.Changes.Removed},
	}
	var spans []span
	for _, c := range words {
		if c.n == 0 {
			continue
		}
		if spans != nil {
			spans = append(spans, span{st.dim, "  "})
		}
		spans = append(spans,
			span{st.change[c.change], sg.change[c.change] + human.Comma(int64(c.n))},
			span{st.dim, " " + c.change.String()})
	}
	if spans == nil {
		spans = append(spans, span{st.dim, "changes nothing"})
	}
	return spans
}

// hides lists what the layer hides of the layers below it.
func (p *layer) hides(t analyze.LayerTotal) {
	st := &p.lk.st
	facts := &p.facts[p.index]
	if len(facts.hides) == 0 {
		p.lines.add(span{st.dim, "hides no bytes of other layers"})
		return
	}
	p.lines.add(span{st.dim, "hides "}, span{st.waste, human.Size(t.Hides)}, span{st.dim, ":"})
	wide, digits := 0, 0
	for _, i := range facts.hides {
		w := p.a.Waste.At(int(i))
		wide = max(wide, len(w.Cause.String()))
		digits = max(digits, len(strconv.Itoa(w.Layer)))
	}
	for _, i := range facts.hides {
		w := p.a.Waste.At(int(i))
		text := fmt.Sprintf(" of %-*d  ", digits, w.Layer)
		if p.wide >= causeColumns {
			text += fmt.Sprintf("%-*s  ", wide, w.Cause)
		}
		p.lines.add(
			span{st.waste, fmt.Sprintf("%*s", sizeWidth, human.Size(w.Bytes))},
			span{st.dim, text},
			span{st.text, cutLeft(p.lk.text(w.Path()), p.wide-sizeWidth-len(text), p.lk.sg.tail)},
		)
	}
	if facts.moreHides > 0 {
		p.lines.add(span{st.dim, "and " + counted(facts.moreHides, "smaller version")})
	}
}

// flaws lists what is malformed in the layer.
func (p *layer) flaws() {
	facts := &p.facts[p.index]
	for _, i := range facts.flaws {
		f := &p.a.Flaws[i]
		p.lines.gap()
		p.wrapped(p.lk.st.failure, "! ", strings.TrimPrefix(p.lk.text(f.Path)+": ", ": ")+p.lk.line(f.Problem))
	}
	if facts.moreFlaws > 0 {
		p.lines.add(span{p.lk.st.failure, "! and more"})
	}
}

// wrapped adds text on as many lines as it takes.
func (p *layer) wrapped(st style, head, text string) {
	for i, l := range wrap(text, p.wide-len(head)) {
		if i > 0 {
			head = strings.Repeat(" ", len(head))
		}
		p.lines.add(span{st, head + l})
	}
}

// listedBy says that peel didn't read a layer, but listed it from its table of contents.
func listedBy(form string) string {
	return "listed by its table of contents (" + form + "), not read: --verify reads it"
}
