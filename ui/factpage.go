package ui

import tea "charm.land/bubbletea/v2"

// A factPage is the base of pages with facts: lines that can be selected and filtered by text.
type factPage struct {
	list
	h     host
	lk    *look
	name  string
	wide  int // columns that the lines were made for; 0: make them again
	lines styledLines

	narrow narrowing
	fill   func() // makes the lines
}

func (p *factPage) title(int) (left, right string) {
	return p.name, p.lk.outOfSight(p.top, max(p.list.rows-p.page-p.top, 0))
}

func (p *factPage) foot() string { return "" }

func (p *factPage) chips() []chip { return p.narrow.chips(p.lk, p.remake) }

// remake makes the lines again.
func (p *factPage) remake() tea.Cmd {
	p.wide = 0
	return nil
}

func (p *factPage) restyle() { p.wide = 0 }

func (p *factPage) resize(w, h int) {
	if w != p.wide {
		p.wide = w
		p.fill()
	}
	p.list.resize(len(p.lines), h)
}

// listKey handles a key that moves or filters, and reports whether it did.
func (p *factPage) listKey(k tea.KeyPressMsg) bool {
	keys := p.h.keys()
	switch {
	case p.list.key(keys, k):
	case keys.narrow.matches(k):
		p.narrow.ask(p.h, p.remake)
	case keys.back.matches(k) && p.narrow.on():
		p.narrow.drop()
		p.wide = 0
	default:
		return false
	}
	return true
}

// click scrolls, or selects the line in row y. It reports whether it did one of these.
func (p *factPage) click(msg tea.MouseMsg, y int) bool {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		p.scroll(wheel(at.Button))
	case tea.MouseClickMsg:
		if i := p.top + y; at.Button == tea.MouseLeft && i < len(p.lines) {
			p.to(i)
			return true
		}
	}
	return false
}

func (p *factPage) render(l *line, i int) {
	i += p.top
	if i == p.cursor && i < len(p.lines) {
		l.base = p.lk.st.selected
		l.put(p.lk.st.key, p.lk.sg.mark)
	} else {
		l.skip(1)
	}
	p.lines.render(l, i)
	l.fill()
}
