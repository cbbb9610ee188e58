package ui

import (
	"strconv"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// Columns of the layers pane.
const (
	commandRoom  = 16 // that the command has at least, beside a bar
	maxBar       = 8
	hidesColumns = 64 // from here on the bytes that a layer hides stand there too
)

// layers is the list of layers, the base first.
type layers struct {
	list
	lk       *look
	a        *analyze.Analysis
	commands []string // by layer, in words, clean
	largest  int64    // stored bytes of the layer that carries most

	// What each layer means to the paths that a filter leaves; nil without one.
	signs []analyze.Sign
}

func newLayers(lk *look, a *analyze.Analysis) layers {
	p := layers{lk: lk, a: a, commands: make([]string, len(a.Layers))}
	for i, t := range a.Layers {
		p.largest = max(p.largest, t.Stored)
		p.commands[i] = lk.line(dockerfile.StepText(t.Layer.Step))
		if p.commands[i] == "" {
			p.commands[i] = "unknown"
		}
	}
	p.resize(len(a.Layers), len(a.Layers))
	p.to(len(a.Layers) - 1)
	return p
}

// take shows another analysis of the same image.
func (p *layers) take(a *analyze.Analysis) {
	p.a, p.largest = a, 0
	for _, t := range a.Layers {
		p.largest = max(p.largest, t.Stored)
	}
}

// title names the pane.
func (p *layers) title() string { return "Layers" }

// render draws row i of the pane into l. Layers after from, up to the selected
// one, are marked as a range; from is -1 without one.
func (p *layers) render(l *line, i int, focused bool, from int) {
	st, sg := &p.lk.st, &p.lk.sg
	digits := len(strconv.Itoa(max(p.list.rows-1, 0)))
	bar := min(max(l.left-(1+digits+1+sizeWidth+1+sizeWidth+2)-commandRoom-1, 0), maxBar)
	if bar < 3 {
		bar = 0
	}
	barGap := min(bar, 1)
	hides := 0 // columns of what the layers hide, where there is room
	if l.left >= hidesColumns {
		hides = 1 + sizeWidth
	}
	if i == 0 {
		l.skip(1)
		l.right(st.dim, "#", digits)
		l.skip(1)
		l.right(st.dim, "stored", sizeWidth)
		l.skip(barGap + bar + 1)
		l.right(st.dim, "wasted", sizeWidth)
		l.right(st.dim, "hides", hides)
		l.skip(p.gap())
		l.put(st.dim, "command")
		return
	}
	i += p.top - 1
	if i >= len(p.a.Layers) {
		return
	}
	t := p.a.Layers[i]
	low, high := from, p.cursor
	if low > high {
		low, high = high, low
	}
	switch {
	case i == p.cursor:
		l.base = st.cursor(focused)
		l.put(st.key, sg.mark)
	case from >= 0 && i >= low && i <= high:
		l.put(st.key, sg.between)
	default:
		l.skip(1)
	}
	l.right(st.dim, strconv.Itoa(i), digits)
	if t.Base {
		l.put(st.dim, sg.base)
	} else {
		l.skip(1)
	}
	if i >= p.a.Read() {
		l.right(st.dim, "reading", sizeWidth)
		l.skip(barGap + bar + 1 + sizeWidth + hides + 2)
		l.put(st.dim, p.commands[i])
		l.fill()
		return
	}
	if t.Layer.Err != nil {
		l.skip(sizeWidth + barGap + bar + 1 + sizeWidth + hides + p.gap())
		l.put(st.failure, "cannot be read")
		l.fill()
		return
	}
	// A layer that says nothing of what a filter leaves is dimmed.
	tone := func(s style) style { return s }
	if i < len(p.signs) && p.signs[i] == analyze.SignNothing {
		tone = func(style) style { return st.faint }
	}
	stored := st.text
	if t.Stored == 0 {
		stored = st.dim
	}
	l.right(tone(stored), human.Size(t.Stored), sizeWidth)
	l.skip(barGap)
	p.bar(l, t, bar)
	l.skip(1)
	if t.Wasted > 0 {
		l.right(tone(st.waste), human.Size(t.Wasted), sizeWidth)
	} else {
		l.skip(sizeWidth)
	}
	if t.Hides > 0 {
		l.right(tone(st.text), human.Size(t.Hides), hides)
	} else {
		l.skip(hides)
	}
	l.skip(1)
	if i < len(p.signs) {
		l.put(st.strip[p.signs[i]], sg.strip[p.signs[i]])
	}
	l.skip(1)
	command := st.text
	if t.Base || p.commands[i] == "unknown" {
		command = st.dim
	}
	l.put(tone(command), p.commands[i])
	l.fill()
}

// gap is how many columns stand before the command: one more while a filter has
// a sign there.
func (p *layers) gap() int {
	if p.signs != nil {
		return 3
	}
	return 2
}

// bar draws a layer's bytes on w columns, the largest layer's fill them: those
// that show, then those that are wasted. What is not nothing is seen.
func (p *layers) bar(l *line, t analyze.LayerTotal, w int) {
	all := share(t.Stored, p.largest, w)
	waste := share(t.Wasted, p.largest, w)
	if waste >= all && t.Wasted < t.Stored && all > 1 {
		waste = all - 1
	}
	waste = min(waste, all)
	l.repeat(p.lk.st.bar, p.lk.sg.bar, all-waste)
	l.repeat(p.lk.st.wasteBar, p.lk.sg.waste, waste)
	l.skip(w - all)
}

// share returns the columns of w that part takes of whole, rounded, but at
// least one if part is more than nothing.
func share(part, whole int64, w int) int {
	if part <= 0 || whole <= 0 {
		return 0
	}
	n := int(float64(part)/float64(whole)*float64(w) + 0.5)
	return min(max(n, 1), w)
}
