package ui

import "fmt"

// A meter shows a size's share of a whole: as a bar, whose columns together are the whole, and in
// percent. Both are the same in every list. With little room it is one column, filled from below.
type meter struct {
	bar     int // columns of the bar; 1 means a column that fills from below
	percent bool
}

// Columns of a meter.
const (
	maxBar       = 8
	leastBar     = 3
	percentWidth = 5 // " 100%"
)

// newMeter returns the meter for spare columns, in addition to the one between two figures.
func newMeter(spare int) meter {
	const rest = 1 + percentWidth // and blanks
	if bar := min(spare-rest, maxBar); bar >= leastBar {
		return meter{bar, true}
	}
	return meter{bar: 1}
}

// width returns the meter's columns, with the blanks before and after it.
func (m meter) width() int {
	if !m.percent {
		return m.bar
	}
	return 1 + m.bar + percentWidth + 1
}

// draw draws part's share of whole; waste of part is wasted.
func (m meter) draw(l *line, lk *look, part, waste, whole int64) {
	if !m.percent {
		m.column(l, lk, part, waste, whole)
		return
	}
	l.skip(1)
	m.cells(l, lk, part, min(waste, part), whole)
	l.right(lk.st.dim, percentText(part, whole), percentWidth)
	l.skip(1)
}

// eighths returns part's share of whole in eighths of cells, out of w cells, rounded.
func eighths(part, whole int64, w int) int {
	if part <= 0 || whole <= 0 {
		return 0
	}
	return min(int(float64(part)/float64(whole)*float64(8*w)+0.5), 8*w)
}

// column draws one cell, filled from below. In ASCII it is blank: a dot or a colon between two
// sizes would read as a part of them.
func (m meter) column(l *line, lk *look, part, waste, whole int64) {
	st := lk.st.bar
	if 2*waste >= part {
		st = lk.st.wasteBar
	}
	n := eighths(part, whole, 1)
	if n == 0 || lk.ascii {
		l.skip(1)
		return
	}
	l.put(st, lk.sg.rise[n-1])
}

// cells draws the bar: first the visible, then the wasted part, each in its colour. Without
// colours, the wasted part has a sign of its own without eighths, so a last cell that is half
// full is drawn lighter.
func (m meter) cells(l *line, lk *look, part, waste, whole int64) {
	end, shows := eighths(part, whole, m.bar), eighths(part-waste, whole, m.bar)
	signs := l.base.solid || lk.signsTellWaste()
	for i := range m.bar {
		cell, bright := min(end-8*i, 8), min(shows-8*i, 8) // eighths of the cell
		switch {
		case cell <= 0:
			l.skip(1)
		case bright >= cell || waste <= 0:
			l.put(lk.st.bar, lk.sg.fill(cell))
		case signs && bright >= 4:
			l.put(lk.st.bar, lk.sg.fill(cell))
		case signs:
			l.put(lk.st.wasteBar, lk.sg.wasted(cell))
		case cell == 8 && bright > 0:
			l.put(lk.st.barOnWaste, lk.sg.fill(bright))
		case 2*bright >= cell:
			l.put(lk.st.bar, lk.sg.fill(cell))
		default:
			l.put(lk.st.wasteBar, lk.sg.fill(cell))
		}
	}
}

// signsTellWaste reports whether bars have a separate sign for wasted bytes, and not only a colour.
func (lk *look) signsTellWaste() bool { return lk.ascii || lk.st.wasteBar.on == "" }

// percentText returns a share as a whole percentage: "41%", "<1%", "" for nothing.
func percentText(part, whole int64) string {
	switch share := 100 * float64(part) / float64(max(whole, 1)); {
	case part <= 0:
		return ""
	case share < 1:
		return "<1%"
	default:
		return fmt.Sprintf("%.0f%%", share)
	}
}

// head leaves room in the line with the column titles.
func (m meter) head(l *line) { l.skip(m.width()) }
