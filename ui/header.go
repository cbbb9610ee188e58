package ui

import (
	"slices"

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
		l.put(m.lk.st.title, "peel")
		l.put(m.lk.st.dim, "  what each layer of an image does to the ones below it")
		l.fill()
		return
	}
	if m.pair != nil {
		m.pairHeader(l)
		return
	}
	header(l, &m.lk, m.name, m.viewTitle(), m.loading.far(), m.a, m.outlook())
}

// headerGap is how many columns stand between two facts.
const headerGap = 3

// header draws the line with the image's name, the view's, and the totals; far says
// how far the reading has come, if it is still going on. With an outlook, the totals stand
// beside what they would be.
func header(l *line, lk *look, name, view, far string, a *analyze.Analysis, x *outlook) {
	facts := headerFacts(lk, name, view, far, a)
	if x != nil {
		facts = outlookFacts(lk, facts[0], x)
	}
	headerLine(l, lk, facts)
}

// headerLine draws the facts that there is room for.
func headerLine(l *line, lk *look, facts []fact) {
	over := func() int {
		n := 1 - headerGap - l.left
		for _, f := range facts {
			n += headerGap + spansWidth(f.spans)
		}
		return n
	}
	for drop := 1; drop <= lastDrop; drop++ {
		facts = slices.DeleteFunc(facts, func(f fact) bool { return f.drop == drop && over() > 0 })
	}
	if n := over(); n > 0 { // the image's name alone gives way
		name := &facts[0].spans[0].text
		*name = cut(*name, max(width(*name)-n, 4), lk.sg.tail)
	}
	for i, f := range facts {
		if i == 0 {
			l.skip(1)
		} else {
			l.skip(headerGap)
		}
		for _, s := range f.spans {
			l.put(s.st, s.text)
		}
	}
	l.fill()
}

// lastDrop is the drop of the facts that go last.
const lastDrop = 5

// headerFacts are the facts of the header, the names first.
func headerFacts(lk *look, name, view, far string, a *analyze.Analysis) []fact {
	st := &lk.st
	t := a.Totals
	facts := []fact{
		{[]span{{st.title, name}, {st.dim, " " + lk.sg.dot + " "}, {st.strong, view}}, 0},
	}
	if a.Image.Platform != "" {
		facts = append(facts, fact{[]span{{st.dim, lk.line(a.Image.FullPlatform())}}, 1})
	}
	facts = append(facts,
		fact{[]span{{st.strong, human.Comma(int64(t.Layers))}, {st.dim, plural(" layer", t.Layers)}}, 3},
		fact{[]span{{st.strong, human.Size(t.Stored)}, {st.dim, " stored"}}, lastDrop},
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
		facts = append(facts, fact{[]span{{st.dim, "comparing " + counted(n, "file") + lk.sg.tail}}, 2})
	}
	if n := len(a.Flaws); n > 0 {
		facts = append(facts, fact{[]span{{st.failure, counted(n, "flaw")}}, 2})
	}
	return facts
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// footer draws the last line: what is asked, or said, or else the keys that are
// of use now.
func (m *model) footer(l *line, top body) {
	switch {
	case m.prompt != nil:
		m.prompt.render(l, &m.lk)
	case m.task != nil:
		m.task.render(l, &m.lk, m.km)
	case m.notice.text != "":
		m.notice.render(l, &m.lk)
	default:
		hintLine(l, &m.lk, append(top.hints(m.km), m.km.always()...))
	}
}

// hintLine draws as many hints as fit. The last two, help and quit, are always
// among them.
func hintLine(l *line, lk *look, hints []hint) {
	l.skip(1)
	for i, h := range fitting(hints, l.left) {
		if i > 0 {
			l.skip(hintGap)
		}
		l.put(lk.st.key, h.label())
		l.put(lk.st.dim, " "+h[0].short)
	}
	l.fill()
}

// hintGap is how many columns stand between two hints.
const hintGap = 2

func (h hint) width() int { return width(h.label()) + 1 + width(h[0].short) }

// fitting returns the hints that fit on w columns; the last two are among them.
func fitting(hints []hint, w int) []hint {
	last := hints[len(hints)-2:]
	rest := last[0].width() + hintGap + last[1].width()
	var out []hint
	for _, h := range hints[:len(hints)-2] {
		if h.width()+hintGap+rest > w {
			break
		}
		out = append(out, h)
		w -= h.width() + hintGap
	}
	return append(out, last...)
}

// hintAt returns what is offered at column x of the footer: of keys that belong
// together, the one that is there.
func hintAt(hints []hint, w, x int) (binding, bool) {
	at := 1
	for _, h := range fitting(hints, w-1) {
		if x >= at && x < at+h.width() {
			for _, b := range h[:len(h)-1] {
				if at += width(b.first()) + 1; x < at {
					return b, true
				}
			}
			return h[len(h)-1], x < at+width(h[len(h)-1].first()) || len(h) == 1
		}
		at += h.width() + hintGap
	}
	return binding{}, false
}
