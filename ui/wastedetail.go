package ui

import (
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// describe explains a row of the waste view, and what to do about it.
func (p *waste) describe(r wasteRow) {
	if r.group != nil {
		p.describeGroup(r.group)
		return
	}
	st := &p.lk.st
	w := p.a.Waste.At(int(r.waste))
	p.wrapped(st.strong, p.lk.text(w.Path()))
	p.lines.add(
		span{st.waste, human.Size(w.Bytes)}, span{st.dim, " (" + human.Comma(w.Bytes) + " bytes) wasted, cause "},
		span{st.strong, w.Cause.String()},
	)
	p.step(fmt.Sprintf("in layer %d: ", w.Layer), w.Layer)
	if w.By != w.Layer {
		p.step(fmt.Sprintf("by layer %d: ", w.By), w.By)
	}
	if w.Node >= 0 {
		last := max(len(p.a.Layers)-1, 0)
		if v, ok := p.a.Tree.At(w.Node, last); ok {
			p.lines.add(span{st.dim, fmt.Sprintf("the final image shows the version of layer %d", v.Layer())})
		} else {
			p.lines.add(span{st.dim, "the final image does not show the path: it still ships"})
		}
	}
	p.lines.gap()
	p.explain(w.Cause)
}

func (p *waste) describeGroup(g *wasteGroup) {
	st := &p.lk.st
	files := counted(g.count, "version")
	head := []span{{st.waste, human.Size(g.bytes)}, {st.dim, " in " + files + ", "},
		{st.text, percent(g.bytes, p.a.Totals.Wasted)}, {st.dim, " of the waste"}}
	p.lines.add(head...)
	if g.by >= 0 {
		p.step(fmt.Sprintf("by layer %d: ", g.by), g.by)
		if p.a.Layers[g.by].Base {
			p.lines.add(span{st.dim, "a layer of the base image"})
		}
	}
	if g.cause != analyze.NotShadowed {
		p.lines.gap()
		if !p.describeFindings(g) {
			p.explain(g.cause)
		}
		return
	}
	for _, kid := range g.kids {
		p.lines.add(
			span{st.waste, fmt.Sprintf("%*s  ", sizeWidth, human.Size(kid.bytes))},
			span{st.strong, fmt.Sprintf("%-11s ", kid.cause)},
			span{st.dim, causeTexts[kid.cause].advice},
		)
	}
}

// findingsShown is how many findings of one group are shown.
const findingsShown = 8

// describeFindings says how to change what one layer wastes for one cause, and reports whether
// there is anything to say.
func (p *waste) describeFindings(g *wasteGroup) bool {
	if g.by < 0 {
		return false
	}
	n := 0
	for i := range p.sorted.findings {
		f := &p.sorted.findings[i]
		if f.Rule != analyze.RuleWaste || f.Layer != g.by || !strings.HasPrefix(f.ID, analyze.RuleWaste+"/"+g.cause.String()+"/") {
			continue
		}
		if n++; n > findingsShown {
			break
		}
		p.wrapped(p.lk.st.text, p.lk.line(f.Message))
		p.wrapped(p.lk.st.key, p.lk.line(f.Advice))
	}
	return n > 0
}

// step adds a build step, on as many lines as needed.
func (p *waste) step(head string, layer int) {
	st := &p.lk.st
	command := cut(p.commands[layer], commandShown, p.lk.sg.tail)
	for i, line := range wrap(command, p.wide-3-len(head)) {
		if i > 0 {
			head = strings.Repeat(" ", len(head))
		}
		p.lines.add(span{st.dim, head}, span{st.text, line})
	}
}

// explain says why bytes with this cause are wasted, and what to do about it.
func (p *waste) explain(c analyze.Cause) {
	p.wrapped(p.lk.st.text, causeTexts[c].why)
	p.wrapped(p.lk.st.key, causeTexts[c].advice)
}

func (p *waste) wrapped(st style, text string) {
	for _, line := range wrap(text, p.wide-3) {
		p.lines.add(span{st, line})
	}
}
