package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// View draws the screen: as many rows as the terminal has, each as wide as the terminal.
func (m *model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen = true
	if m.takesMouse() {
		v.MouseMode = tea.MouseModeCellMotion
	}
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
		l := line{b: &b, left: m.w, tail: m.lk.sg.tail}
		switch {
		case m.areas.tooSmall:
			m.tooSmall(&l, y)
		case top == nil:
			m.loadingRow(&l, y)
		case m.areas.header.hasRow(y):
			m.headerRow(&l)
		case m.areas.footer.hasRow(y):
			m.footer(&l, top)
		default:
			top.render(&l, y)
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
		l.put(m.lk.st.text, text[i])
	}
}

func (m *model) loadingRow(l *line, y int) {
	rows := m.loading.rows(m.h)
	if m.pair != nil {
		rows = m.pairLoadingRows(m.h)
	}
	i := y - max((m.h-rows)/2, 0)
	if i < 0 || i >= rows {
		return
	}
	w := min(loadingWidth, m.w-4)
	l.skip((m.w - w) / 2)
	part(l, w, func(l *line) {
		if m.pair != nil {
			m.pairLoadingRow(l, i)
			return
		}
		m.loading.render(l, i, rows, m.km)
	})
}
