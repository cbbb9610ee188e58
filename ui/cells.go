package ui

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/peelhq/peel/internal/clean"
)

// tabWidth is the distance between tab stops, in columns.
const tabWidth = 8

// A cell is what one character of a text takes on the screen.
type cell struct {
	from, to int    // bytes of the text
	show     string // clean; for a tab, one blank for each of its columns
	col, w   int    // its first column, and the number of its columns
	raw      bool   // it stands for something that cannot be shown
}

// cells calls fn with each cell of a text until fn returns false. It escapes
// what a terminal could act on, what is invisible, invalid bytes, and combining
// marks without a base character, which a terminal would put on whatever is to
// their left.
func (t cleaner) cells(text []byte, fn func(cell) bool) {
	col := 0
	put := func(from, to int, show string, w int, raw bool) bool {
		c := cell{from, to, show, col, w, raw}
		col += w
		return fn(c)
	}
	for i := 0; i < len(text); {
		switch b := text[i]; {
		case b == '\t':
			w := tabWidth - col%tabWidth
			if !put(i, i+1, blanks[:w], w, false) {
				return
			}
			i++
			continue
		case b >= ' ' && b < 0x7f && (i+1 == len(text) || text[i+1] < utf8.RuneSelf):
			if !put(i, i+1, asciiText[b-' ':b-' '+1], 1, false) {
				return
			}
			i++
			continue
		}
		cluster, w := ansi.FirstGraphemeCluster(text[i:min(len(text), i+maxCluster)], ansi.GraphemeWidth)
		n := max(len(cluster), 1)
		show, raw := t.shown(string(text[i:i+n]), w)
		if raw {
			w = width(show)
		}
		if !put(i, i+n, show, w, raw) {
			return
		}
		i += n
	}
}

// maxCluster is the maximum number of bytes for one character: marks can be stacked without end.
const maxCluster = 64

var asciiText = func() string {
	var b strings.Builder
	for c := byte(' '); c < 0x7f; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

// selectors removes variation selectors, which choose between a coloured and a plain form. They
// are common in file contents; in a name they would make two names look alike.
var selectors = strings.NewReplacer("\ufe0e", "", "\ufe0f", "")

// shown returns the text to show for a character of w columns, and whether that is an escape.
func (t cleaner) shown(s string, w int) (show string, raw bool) {
	first, _ := utf8.DecodeRuneInString(s)
	fit := w > 0 && !unicode.Is(unicode.M, first) && clean.Text(selectors.Replace(s)) == selectors.Replace(s) && len(s) < maxCluster-utf8.UTFMax
	// Some letters are drawn above or below their neighbours.
	if fit && t.narrow(s) == s && width("a"+s+"a") == w+2 {
		return s, false
	}
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if c := s[:n]; r < utf8.RuneSelf || r == utf8.RuneError {
			b.WriteString(clean.Text(c))
		} else {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String(), true
}

// textWidth returns how many columns a text takes, but not more than most.
func (t cleaner) textWidth(text []byte, most int) int {
	w := 0
	t.cells(text, func(c cell) bool {
		w = c.col + c.w
		return w < most
	})
	return min(w, most)
}

// folds returns where to break a text for w columns: for each line, the byte that it begins with,
// and the columns before that byte.
func (t cleaner) folds(text []byte, w int) []fold {
	out := []fold{{}}
	t.cells(text, func(c cell) bool {
		if last := out[len(out)-1]; c.col+c.w-last.col > w && c.from > last.from {
			out = append(out, fold{c.from, c.col})
		}
		return true
	})
	return out
}

type fold struct{ from, col int }

// A paint says how to draw the bytes of a text: the style of the byte at i, and the end of that
// style. Escapes also have esc.
type paint func(i int) (st style, to int)

// drawText draws a text from column x on, up to byte end, into all of l. If the
// text continues to the right, the last column shows more, unless that is "".
func (lk *look) drawText(l *line, text []byte, x, end int, more string, how paint) {
	room := l.left
	var run strings.Builder
	var runStyle style
	flush := func() {
		l.put(runStyle, run.String())
		run.Reset()
	}
	used := 0
	st, to := style{}, 0
	cutOff := false
	lk.cells(text[:min(end, len(text))], func(c cell) bool {
		skip := x - c.col
		if skip >= c.w {
			return true
		}
		show, w := c.show, c.w
		if skip > 0 { // it begins to the left of the visible part
			w -= skip
			show = blanks[:min(w, len(blanks))]
			if c.raw && len(c.show) == c.w {
				show = c.show[skip:]
			}
			w = len(show)
		}
		if used+w > room {
			cutOff = true
			return false
		}
		if c.from >= to {
			st, to = how(c.from)
		}
		now := st
		if c.raw {
			now = lk.st.escape
		}
		if now != runStyle {
			flush()
			runStyle = now
		}
		run.WriteString(show)
		used += w
		return true
	})
	if cutOff && more != "" && used == room {
		// The last column is taken: take it back.
		s := run.String()
		keep := cut(s, max(width(s)-1, 0), "")
		run.Reset()
		run.WriteString(keep)
	}
	flush()
	if cutOff && more != "" {
		l.skip(max(l.left-1, 0))
		l.put(lk.st.key, more)
	}
	l.fill()
}
