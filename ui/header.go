package ui

import (
	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// A fact of the header; those that matter least go first when room is short.
type fact struct {
	spans []span
	drop  int // the order of going: 1 goes first; 0 stays
}

// headerRow draws the first line of the screen.
func (m *model) headerRow(l *line) {
	if m.a == nil { // there is only the picker
		l.skip(1)
		l.put(m.look.st.title, "peel")
		l.put(m.look.st.dim, "  what each layer of an image does to the ones below it")
		l.fill()
		return
	}
	header(l, &m.look, m.name, m.loading.far(), m.a)
}

// header draws the line with the image's name and totals; far says how far the
// reading has come, if it is still going on.
func header(l *line, lk *look, name, far string, a *analyze.Analysis) {
	st := &lk.st
	t := a.Totals
	facts := []fact{
		{[]span{{st.title, name}}, 0},
	}
	if a.Image.Platform != "" {
		facts = append(facts, fact{[]span{{st.dim, lk.line(a.Image.Platform)}}, 2})
	}
	facts = append(facts,
		fact{[]span{{st.strong, human.Comma(int64(t.Layers))}, {st.dim, plural(" layer", t.Layers)}}, 3},
		fact{[]span{{st.strong, human.Size(t.Stored)}, {st.dim, " stored"}}, 5},
		fact{[]span{{st.strong, human.Size(t.Visible)}, {st.dim, " visible"}}, 4},
	)
	waste := st.waste
	if t.Wasted == 0 {
		waste = st.strong
	}
	facts = append(facts, fact{[]span{
		{waste, human.Size(t.Wasted)}, {st.dim, " wasted "}, {waste, "(" + percent(t.Wasted, t.Stored) + ")"},
	}, 0})
	if !a.Whole() {
		facts = append(facts, fact{[]span{{st.key, far}}, 0})
	}
	if n := a.Unsettled(); n > 0 {
		facts = append(facts, fact{[]span{{st.dim, "comparing " + counted(n, "file") + lk.sg.tail}}, 1})
	}
	if n := len(a.Flaws); n > 0 {
		facts = append(facts, fact{[]span{{st.failure, counted(n, "flaw")}}, 1})
	}

	const gap = 3
	total := func() int {
		n := 1
		for _, f := range facts {
			n += gap
			n += spansWidth(f.spans)
		}
		return n - gap
	}
	for drop := 1; drop <= 5 && total() > l.left; drop++ {
		for i, f := range facts {
			if f.drop == drop {
				facts = append(facts[:i:i], facts[i+1:]...)
				break
			}
		}
	}
	if over := total() - l.left; over > 0 { // the name alone gives way
		facts[0].spans[0].text = cut(name, max(width(name)-over, 4), lk.sg.tail)
	}
	for i, f := range facts {
		if i == 0 {
			l.skip(1)
		} else {
			l.skip(gap)
		}
		for _, s := range f.spans {
			l.put(s.st, s.text)
		}
	}
	l.fill()
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// footer draws the last line: what is asked, or said, or else the keys that are
// of use now.
func (m *model) footer(l *line) {
	switch top := m.top(); {
	case m.prompt != nil:
		m.prompt.render(l, &m.look)
	case m.errand != nil:
		m.errand.render(l, &m.look, m.keys)
	case m.notice.text != "":
		m.notice.render(l, &m.look)
	case top != nil:
		hintLine(l, &m.look, append(top.hints(m.keys), m.keys.always()...))
	default:
		hintLine(l, &m.look, append(m.keys.paneHints(m.focus), m.keys.always()...))
	}
}

// hintLine draws as many hints as fit. The last two, help and quit, are always
// among them.
func hintLine(l *line, lk *look, hints []hint) {
	const gap = 2
	wide := func(h hint) int { return width(h.label()) + 1 + width(h[0].short) }
	put := func(h hint) {
		l.put(lk.st.key, h.label())
		l.put(lk.st.dim, " "+h[0].short)
	}
	l.skip(1)
	last := hints[len(hints)-2:]
	rest := wide(last[0]) + gap + wide(last[1])
	for _, h := range hints[:len(hints)-2] {
		if wide(h)+gap+rest > l.left {
			break
		}
		put(h)
		l.skip(gap)
	}
	put(last[0])
	l.skip(gap)
	put(last[1])
	l.fill()
}
