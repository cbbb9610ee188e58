package ui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A chip is one thing that narrows or orders a list: a filter, an order, marks. The chips of a list
// are in one line at its end. The user can remove each of them.
type chip struct {
	text string // clean
	drop func() tea.Cmd
}

// A chipper is a body or a page with a list that may have chips. It is called for every frame.
type chipper interface{ chips() []chip }

// Minimum columns and rows inside a frame for a line of chips. Below that, the title shows their
// content.
const (
	chipsWidth  = 36
	chipsHeight = 8
)

// chipGap is the number of columns between two chips.
const chipGap = 1

// chipsFit reports whether a list of w columns and h rows has a line for chips.
func chipsFit(w, h int) bool { return w >= chipsWidth && h >= chipsHeight }

// fittedChip is a chip as it is drawn: "[text x]".
type fittedChip struct {
	chip
	at, w int // its columns
}

// leastChip is the minimum number of columns of a chip's text, unless the text is shorter.
const leastChip = 6

// fitChips lays chips out on w columns, the first of which is blank, and returns how many don't
// fit. The longest texts are cut first.
func (lk *look) fitChips(chips []chip, w int) (out []fittedChip, more int) {
	frame := width("[ " + lk.sg.drop + "]")
	longest := 0
	for _, c := range chips {
		longest = max(longest, min(width(c.text), w))
	}
	for most := longest; ; most-- {
		at := 1
		out = out[:0]
		for _, c := range chips {
			if n := min(width(c.text), most) + frame; at+n <= w {
				out = append(out, fittedChip{c, at, n})
				at += n + chipGap
			}
		}
		if len(out) == len(chips) || most <= leastChip {
			break
		}
	}
	for i := range out {
		out[i].text = cut(out[i].text, out[i].w-frame, lk.sg.tail)
	}
	return out, len(chips) - len(out)
}

// chipLine draws the line of chips.
func (lk *look) chipLine(l *line, chips []chip) {
	st := &lk.st
	fitted, more := lk.fitChips(chips, l.left)
	for i, c := range fitted {
		if i == 0 {
			l.skip(c.at)
		} else {
			l.skip(chipGap)
		}
		l.put(st.dim, "[")
		l.put(st.strong, c.text)
		l.put(st.key, " "+lk.sg.drop)
		l.put(st.dim, "]")
	}
	if more > 0 {
		l.put(st.dim, " +"+strconv.Itoa(more))
	}
	l.fill()
}

// clickChips removes the chip at column x of a line of w columns.
func (lk *look) clickChips(chips []chip, x, w int) tea.Cmd {
	fitted, _ := lk.fitChips(chips, w)
	for _, c := range fitted {
		if x >= c.at && x < c.at+c.w {
			return c.drop()
		}
	}
	return nil
}

// chipTitle returns what chips add to a title if they have no line of their own.
func (lk *look) chipTitle(chips []chip) string {
	var b strings.Builder
	for _, c := range chips {
		b.WriteString(" " + lk.sg.dot + " " + c.text)
	}
	return b.String()
}

// dropChip removes the last chip.
func (m *model) dropChip() tea.Cmd {
	if c, ok := m.top().(chipper); ok {
		if chips := c.chips(); len(chips) > 0 {
			return chips[len(chips)-1].drop()
		}
	}
	return m.say("this list has no filter or order to remove")
}
