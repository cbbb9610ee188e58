package ui

import (
	"strings"

	"github.com/peelhq/peel/internal/human"
)

// frame returns the style of a border. A border with the focus stands out.
func (s *styles) frame(focused bool) style {
	if focused {
		return s.border
	}
	return s.idleBorder
}

// edge draws a horizontal border with a title on the left and an aside on the right. If there is
// little room, it drops the aside first.
func (lk *look) edge(l *line, left, right, title, aside string, focused bool) {
	st, sg := &lk.st, &lk.sg
	border := st.frame(focused)
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

// onAside reports whether column x is on the aside in the upper border of a frame.
func onAside(r rect, aside string, x int) bool {
	end := r.x + r.w - 3
	return aside != "" && x < end && x >= end-width(aside)
}

// outOfSight returns the number of rows before and after the visible ones. The words "above" and
// "below" are reserved for layers.
func (lk *look) outOfSight(before, after int) string {
	var parts []string
	if before > 0 {
		parts = append(parts, lk.sg.up+human.Comma(int64(before)))
	}
	if after > 0 {
		parts = append(parts, lk.sg.down+human.Comma(int64(after)))
	}
	return strings.Join(parts, " ")
}
