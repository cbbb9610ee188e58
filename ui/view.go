package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// View draws the screen: exactly as many rows as the terminal has, each exactly
// as wide.
func (m *model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "peel " + m.name
	return v
}

func (m *model) screen() string {
	var b strings.Builder
	b.Grow(m.w * m.h * 4)
	top := m.top()
	for y := range m.h {
		if y > 0 {
			b.WriteByte('\n')
		}
		l := line{b: &b, left: m.w, tail: m.look.sg.tail}
		switch {
		case m.layout.tooSmall:
			m.tooSmall(&l, y)
		case m.a == nil && top == nil:
			m.loadingRow(&l, y)
		case m.layout.header.hasRow(y):
			m.headerRow(&l)
		case m.layout.footer.hasRow(y):
			m.footer(&l)
		case top != nil:
			m.pageRow(&l, top, y)
		default:
			m.row(&l, y)
		}
		l.fill()
	}
	return b.String()
}

// tooSmall says how large the terminal must be.
func (m *model) tooSmall(l *line, y int) {
	text := []string{
		"Too small:",
		fmt.Sprintf("%d x %d, needs", m.w, m.h),
		fmt.Sprintf("%d x %d", minWidth, minHeight),
	}
	if i := y - max((m.h-len(text))/2, 0); i >= 0 && i < len(text) {
		l.skip(max((m.w-width(text[i]))/2, 0))
		l.put(m.look.st.text, text[i])
	}
}

func (m *model) loadingRow(l *line, y int) {
	i := y - max((m.h-loadingRows)/2, 0)
	if i < 0 || i >= loadingRows {
		return
	}
	w := min(loadingWidth, m.w-4)
	l.skip((m.w - w) / 2)
	part(l, w, func(l *line) { m.loading.render(l, i, m.keys) })
}

// part lets draw fill exactly the next w columns of l.
func part(l *line, w int, draw func(*line)) {
	w = min(w, l.left)
	inner := line{b: l.b, left: w, base: l.base, tail: l.tail}
	draw(&inner)
	inner.fill()
	l.left -= w
}

// row draws screen row y of the explorer: one row of each frame that is there.
func (m *model) row(l *line, y int) {
	for _, f := range m.layout.frames[:m.layout.count] {
		if f.hasRow(y) {
			part(l, f.w, func(l *line) { m.frameRow(l, f, y) })
		}
	}
}

// frameRow draws screen row y of a frame.
func (m *model) frameRow(l *line, f frame, y int) {
	sg := &m.look.sg
	focused := f.holds(m.focus)
	switch i := y - f.y; {
	case i == 0:
		title, aside := m.title(f.upper, f.w-8)
		m.edge(l, sg.topLeft, sg.topRight, title, aside, focused)
	case i == f.h-1:
		m.edge(l, sg.lowLeft, sg.lowRight, "", m.below(f), focused)
	case f.split > 0 && i == f.split:
		title, aside := m.title(f.lower, f.w-8)
		m.edge(l, sg.leftJoin, sg.rightJoin, title, aside, focused)
	default:
		p := f.upper
		if f.split > 0 && i > f.split {
			p = f.lower
		}
		in := m.layout.panes[p]
		border := m.border(focused)
		l.put(border, sg.side)
		part(l, in.w, func(l *line) { m.paneRow(l, p, y-in.y, p == m.focus) })
		l.put(border, sg.side)
	}
}

// paneRow draws row i of a pane.
func (m *model) paneRow(l *line, p pane, i int, focused bool) {
	selected := m.layers.cursor
	switch p {
	case layersPane:
		from := -1
		if m.mode == analyze.Range {
			from = m.from
		}
		m.layers.render(l, i, focused, from)
	case layerPane:
		l.skip(1)
		m.layer.render(l, i)
	case filesPane:
		m.files.render(l, i, focused, selected)
	case historyPane:
		m.history.render(l, i, m.focus == historyPane, selected)
	}
}

// title returns what stands at the left and at the right of a pane's upper
// border, the left part cut to w columns.
func (m *model) title(p pane, w int) (string, string) {
	switch p {
	case layersPane:
		return m.layers.title(), outOfSight(m.layers.top, m.layers.rows-m.layers.top-m.layers.page)
	case layerPane:
		return m.layer.title(), outOfSight(m.layer.hidden())
	case filesPane:
		return m.files.title(w), m.files.aside()
	}
	aside := outOfSight(m.history.hidden())
	return m.history.title(w - width(aside)), aside
}

// outOfSight says how many rows of a pane are not shown, above and below.
func outOfSight(above, below int) string {
	var parts []string
	if above > 0 {
		parts = append(parts, human.Comma(int64(above))+" above")
	}
	if below > 0 {
		parts = append(parts, human.Comma(int64(below))+" below")
	}
	return strings.Join(parts, ", ")
}

// below returns what stands in a frame's lower border: for the files, what the
// signs mean.
func (m *model) below(f frame) string {
	sg := &m.look.sg
	if f.upper != filesPane {
		return ""
	}
	return fmt.Sprintf("%s shows  %s covered  %s removed",
		sg.strip[analyze.SignShows], sg.strip[analyze.SignCovered], sg.strip[analyze.SignRemoved])
}

func (m *model) border(focused bool) style {
	if focused {
		return m.look.st.border
	}
	return m.look.st.idleBorder
}

// edge draws a horizontal border with a title at its left and an aside at its
// right; the aside goes first when room is short.
func (m *model) edge(l *line, left, right, title, aside string, focused bool) {
	st, sg := &m.look.st, &m.look.sg
	border := m.border(focused)
	titleStyle := st.idleTitle
	if focused {
		titleStyle = st.title
	}
	l.put(border, left)
	part(l, l.left-1, func(l *line) {
		if title != "" {
			l.put(border, " ")
			title = cut(title, l.left-1, sg.tail)
			l.put(titleStyle, title)
			l.put(border, " ")
		}
		need := width(aside) + 3
		if aside == "" || need > l.left {
			l.repeat(border, sg.top, l.left)
			return
		}
		l.repeat(border, sg.top, l.left-need)
		l.put(border, " ")
		l.put(st.dim, aside)
		l.put(border, " "+sg.top)
	})
	l.put(border, right)
}
