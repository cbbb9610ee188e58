package ui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// A list is a cursor in rows, some of which are visible. It keeps the cursor
// within the rows, and its row visible. The zero list is empty.
type list struct {
	rows   int // number of rows
	page   int // number of visible rows
	cursor int
	top    int // the first visible row
}

// resize sets the number of rows, and of visible ones.
func (l *list) resize(rows, page int) {
	l.rows, l.page = max(rows, 0), max(page, 1)
	l.to(l.cursor)
}

// to moves the cursor to row i, or to the nearest one.
func (l *list) to(i int) {
	l.cursor = max(min(i, l.rows-1), 0)
	l.top = min(l.top, l.cursor)
	l.top = max(l.top, l.cursor-l.page+1)
	l.top = max(min(l.top, l.rows-l.page), 0)
}

// move moves the cursor by n rows.
func (l *list) move(n int) { l.to(l.cursor + n) }

// scroll scrolls by n rows, and moves the cursor only to keep it visible.
func (l *list) scroll(n int) {
	l.top = max(min(l.top+n, l.rows-l.page), 0)
	l.to(max(min(l.cursor, l.top+l.page-1), l.top))
}

// key moves the cursor if the key does that.
func (l *list) key(k *keyMap, press fmt.Stringer) bool {
	switch {
	case k.down.matches(press):
		l.move(1)
	case k.up.matches(press):
		l.move(-1)
	case k.pageDown.matches(press):
		l.move(max(l.page-1, 1))
	case k.pageUp.matches(press):
		l.move(-max(l.page-1, 1))
	case k.halfDown.matches(press):
		l.move(max(l.page/2, 1))
	case k.halfUp.matches(press):
		l.move(-max(l.page/2, 1))
	case k.home.matches(press):
		l.to(0)
	case k.end.matches(press):
		l.to(l.rows - 1)
	default:
		return false
	}
	return true
}

// A scroller is a text with some visible lines.
type scroller struct {
	rows, page int
	top        int
}

// resize sets the number of lines, and of visible ones.
func (s *scroller) resize(rows, page int) {
	s.rows, s.page = rows, max(page, 0)
	s.scrollBy(0)
}

// scrollBy scrolls by n lines.
func (s *scroller) scrollBy(n int) { s.top = max(min(s.top+n, s.rows-s.page), 0) }

// key scrolls if the key does that.
func (s *scroller) key(k *keyMap, press fmt.Stringer) bool {
	switch {
	case k.down.matches(press), k.scrollDown.matches(press):
		s.scrollBy(1)
	case k.up.matches(press), k.scrollUp.matches(press):
		s.scrollBy(-1)
	case k.pageDown.matches(press):
		s.scrollBy(max(s.page-1, 1))
	case k.pageUp.matches(press):
		s.scrollBy(-max(s.page-1, 1))
	case k.halfDown.matches(press):
		s.scrollBy(max(s.page/2, 1))
	case k.halfUp.matches(press):
		s.scrollBy(-max(s.page/2, 1))
	case k.home.matches(press):
		s.scrollBy(-s.rows)
	case k.end.matches(press):
		s.scrollBy(s.rows)
	default:
		return false
	}
	return true
}

// wheel scrolls if the mouse event is a turn of the wheel.
func (s *scroller) wheel(msg tea.MouseMsg) {
	if _, ok := msg.(tea.MouseWheelMsg); ok {
		s.scrollBy(wheel(msg.Mouse().Button))
	}
}

// hidden returns how many lines are above and below the visible ones.
func (s *scroller) hidden() (above, below int) {
	return s.top, max(s.rows-s.page-s.top, 0)
}
