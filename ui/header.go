package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// A fact of the header; the least important ones are dropped first if there is little room.
type fact struct {
	spans []span
	drop  int                    // the order of dropping facts: 1 is first; 0 stays
	does  func(m *model) tea.Cmd // action of a click on it; nil for none
}

// headerRow draws the first line of the screen.
func (m *model) headerRow(l *line) {
	if m.a == nil { // only the picker is open
		l.skip(1)
		l.put(m.lk.st.title, "peel")
		l.put(m.lk.st.dim, "  what each layer of an image does to the ones below it")
		l.fill()
		return
	}
	for i, f := range m.headerFacts(l.left) {
		if i == 0 {
			l.skip(1)
		} else {
			l.skip(f.gap())
		}
		for _, s := range f.spans {
			l.put(s.st, s.text)
		}
	}
	l.fill()
}

// headerGap is the number of columns between two facts.
const headerGap = 3

// gap is the number of columns before a fact that isn't the first.
func (f fact) gap() int {
	if len(f.spans) > 0 && strings.HasPrefix(f.spans[0].text, " ") { // it has its own
		return 0
	}
	return headerGap
}

// clickHeader handles a click at column x of the header, and reports whether it hit something.
func (m *model) clickHeader(x int) (tea.Cmd, bool) {
	at := 1
	for i, f := range m.headerFacts(m.areas.header.w) {
		if i > 0 {
			at += f.gap()
		}
		if w := spansWidth(f.spans); x >= at && x < at+w && f.does != nil {
			return f.does(m), true
		}
		at += spansWidth(f.spans)
	}
	return nil, false
}

// headerFacts returns the facts that fit on w columns: the image's name, the view's, and the
// totals.
func (m *model) headerFacts(w int) []fact {
	facts := m.allFacts()
	over := func() int {
		n := 1 - w
		for i, f := range facts {
			if n += spansWidth(f.spans); i > 0 {
				n += f.gap()
			}
		}
		return n
	}
	for drop := 1; drop <= lastDrop; drop++ {
		if over() > 0 {
			facts = slices.DeleteFunc(facts, func(f fact) bool { return f.drop == drop })
		}
	}
	if n := over(); n > 0 { // only the image's name is shortened
		name := &facts[0].spans[0].text
		*name = cut(*name, max(width(*name)-n, 4), m.lk.sg.tail)
	}
	return facts
}

// lastDrop is the drop of the facts that are dropped last.
const lastDrop = 6

// toView returns the action of a click that opens a view.
func toView(v viewID) func(m *model) tea.Cmd {
	return func(m *model) tea.Cmd {
		m.closePages()
		return m.show(v)
	}
}

// allFacts are the facts of the header, the names first.
func (m *model) allFacts() []fact {
	if m.pair != nil {
		return m.pairFacts()
	}
	lk, a := &m.lk, m.a
	st := &lk.st
	t := a.Totals
	next := (m.view + 1) % viewID(len(views))
	facts := []fact{
		{[]span{{st.title, m.name}}, 0, (*model).openPicker},
		{[]span{{st.dim, " " + lk.sg.dot + " "}, {st.strong, m.viewTitle()}}, 0, toView(next)},
	}
	if x := m.outlook(); x != nil {
		return outlookFacts(lk, facts, x)
	}
	if a.Image.Platform != "" {
		facts = append(facts, fact{[]span{{st.dim, lk.line(a.Image.FullPlatform())}}, 1, nil})
	}
	facts = append(facts,
		fact{[]span{{st.strong, human.Comma(int64(t.Layers))}, {st.dim, plural(" layer", t.Layers)}}, 4, nil},
		fact{[]span{{st.strong, human.Size(t.Stored)}, {st.dim, " stored"}}, lastDrop, nil},
		fact{[]span{{st.strong, human.Size(t.Visible)}, {st.dim, " visible"}}, 5, nil},
	)
	waste := st.waste
	if t.Wasted == 0 {
		waste = st.strong
	}
	facts = append(facts, fact{[]span{
		{waste, human.Size(t.Wasted)}, {st.dim, " wasted "}, {waste, "(" + percent(t.Wasted, t.Stored) + ")"},
	}, 0, toView(fixView)}, fact{[]span{{st.strong, human.Percent(t.Efficiency)}, {st.dim, " efficient"}}, 2, toView(imageView)})
	if !a.Whole() {
		facts = append(facts, fact{[]span{{st.key, m.loading.far()}}, 0, nil})
	}
	if n := a.Unsettled(); n > 0 {
		facts = append(facts, fact{[]span{{st.dim, "comparing " + counted(n, "file") + lk.sg.tail}}, 3, nil})
	}
	if n := len(a.Flaws); n > 0 {
		facts = append(facts, fact{[]span{{st.failure, counted(n, "flaw")}}, 3, toView(imageView)})
	}
	return facts
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// footer draws the last line: a prompt, a message, or else the keys that are useful now.
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

// hintGap is the number of columns between two hints.
const hintGap = 2

func (h hint) width() int { return width(h.label()) + 1 + width(h[0].short) }

// fitting returns the hints that fit on w columns, including the last two.
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

// hintAt returns the binding at column x of the footer: if keys share a hint, the one at this
// column.
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
