package ui

import (
	"strconv"

	"github.com/peelhq/peel/analyze"
)

// A strip has one column per layer beside every path. If there are more layers than columns, it
// shows a part around the selected layer.
type strip struct {
	layers   int // of the image
	selected int // the layer whose column is highlighted
	first, n int // the visible layers
}

// minStrip is the minimum width of a strip that doesn't show all layers, so that a layer's
// number fits above it.
const minStrip = 4

// newStrip fits a strip into at most room columns.
func newStrip(layers, selected, room int) strip {
	n := min(layers, max(room, minStrip))
	first := max(min(selected-n/2, layers-n), 0)
	return strip{layers: layers, selected: selected, first: first, n: n}
}

// head draws the numbers of the first and the last visible layer and of the selected one above
// their columns, with a sign on each side where there are more layers. It takes one extra column
// on each side of the strip.
func (s strip) head(l *line, lk *look) {
	edge := func(more bool, sign string) {
		if more {
			l.put(lk.st.key, sign)
		} else {
			l.skip(1)
		}
	}
	edge(s.first > 0, lk.sg.less)

	// The character above each column; 0 for none.
	at := make([]byte, s.n)
	lit := make([]bool, s.n)
	label := func(layer, start int, mark bool) {
		text := strconv.Itoa(layer)
		start = max(min(start, s.n-len(text)), 0)
		if len(text) > s.n {
			return
		}
		for i := max(start-1, 0); i < min(start+len(text)+1, s.n); i++ {
			if at[i] != 0 {
				return // too near to another label
			}
		}
		for i := range len(text) {
			at[start+i] = text[i]
			lit[start+i] = mark
		}
	}
	digits := len(strconv.Itoa(s.selected))
	label(s.selected, s.selected-s.first-digits+1, true)
	if s.selected != s.first {
		label(s.first, 0, false)
	}
	if last := s.first + s.n - 1; s.selected != last {
		label(last, s.n, false)
	}
	for i, c := range at {
		switch {
		case c == 0:
			l.skip(1)
		case lit[i]:
			l.put(lk.st.columnHead, string(rune(c)))
		default:
			l.put(lk.st.dim, string(rune(c)))
		}
	}
	edge(s.first+s.n < s.layers, lk.sg.more)
}

// row draws the signs of one path; signs has those of the visible layers.
func (s strip) row(l *line, lk *look, signs []analyze.Sign) {
	for i := s.first; i < s.first+s.n; i++ {
		sign := analyze.SignNothing
		if at := i - s.first; at < len(signs) {
			sign = signs[at]
		}
		st := lk.st.strip[sign]
		if i == s.selected {
			st = lk.st.columnStrip[sign]
		}
		l.put(st, lk.sg.strip[sign])
	}
}

// layer returns the layer in the strip's i-th column.
func (s strip) layer(i int) (int, bool) {
	return s.first + i, i >= 0 && i < s.n
}
