package ui

import "strings"

// A line is a row of the screen, or a part of one, while it is drawn: never wider than its
// columns, and after fill never narrower.
type line struct {
	b    *strings.Builder
	left int    // columns that are still free
	base style  // beneath every text of the line
	tail string // ends a text that is cut off
}

// put writes s, cut off where the line ends. s is clean text.
func (l *line) put(st style, s string) {
	if l.left <= 0 || s == "" {
		return
	}
	w := width(s)
	if w > l.left {
		s = cut(s, l.left, l.tail)
		w = width(s)
	}
	l.write(st, s)
	l.left -= w
}

// write emits s as it is.
func (l *line) write(st style, s string) {
	on := st.on
	if l.base.solid && !st.firm {
		on = ""
	}
	if l.base.on == "" && on == "" {
		l.b.WriteString(s)
		return
	}
	l.b.WriteString(l.base.on)
	l.b.WriteString(on)
	l.b.WriteString(s)
	l.b.WriteString(ansiReset)
}

const blanks = "                                                                "

// skip leaves n columns blank.
func (l *line) skip(n int) {
	n = min(n, l.left)
	for l.left -= max(n, 0); n > 0; n -= len(blanks) {
		l.write(style{}, blanks[:min(n, len(blanks))])
	}
}

// right writes s into w columns, at their right.
func (l *line) right(st style, s string, w int) {
	w = min(w, l.left)
	s = cut(s, w, l.tail)
	l.skip(w - width(s))
	l.put(st, s)
}

// repeat writes sign, which takes one column, n times.
func (l *line) repeat(st style, sign string, n int) {
	if n = min(n, l.left); n > 0 {
		l.put(st, strings.Repeat(sign, n))
	}
}

// part lets draw fill exactly the next w columns of l.
func part(l *line, w int, draw func(*line)) {
	w = min(w, l.left)
	inner := line{b: l.b, left: w, base: l.base, tail: l.tail}
	draw(&inner)
	inner.fill()
	l.left -= w
}

// fill leaves the rest of the line blank.
func (l *line) fill() { l.skip(l.left) }
