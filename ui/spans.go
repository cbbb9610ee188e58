package ui

// A span is a piece of text in one style.
type span struct {
	st   style
	text string
}

// spansWidth returns the columns that spans take.
func spansWidth(spans []span) int {
	n := 0
	for _, s := range spans {
		n += width(s.text)
	}
	return n
}

// styledLines are lines of spans, made once and drawn many times. Lines that are too long are
// cut off.
type styledLines [][]span

func (p *styledLines) add(spans ...span) { *p = append(*p, spans) }

// gap adds an empty line, unless the last line is empty.
func (p *styledLines) gap() {
	if n := len(*p); n > 0 && len((*p)[n-1]) > 0 {
		*p = append(*p, nil)
	}
}

// render draws line i into l.
func (p styledLines) render(l *line, i int) {
	if i < 0 || i >= len(p) {
		return
	}
	for _, s := range p[i] {
		l.put(s.st, s.text)
	}
}
