package ui

// The minimum size of the terminal, in columns and rows.
const (
	minWidth  = 40
	minHeight = 10
)

// A rect is a part of the screen. The zero rect is no part at all.
type rect struct{ x, y, w, h int }

func (r rect) empty() bool       { return r.w <= 0 || r.h <= 0 }
func (r rect) has(x, y int) bool { return r.hasRow(y) && x >= r.x && x < r.x+r.w }
func (r rect) hasRow(y int) bool { return y >= r.y && y < r.y+r.h }

// inside returns the rectangle within a border of one column and one row.
func (r rect) inside() rect { return rect{r.x + 1, r.y + 1, r.w - 2, r.h - 2} }

// areas are the parts of the screen: the head, a view or a page, and the footer.
type areas struct {
	tooSmall             bool
	header, body, footer rect
}

// divideScreen divides a terminal of w columns and h rows.
func divideScreen(w, h int) areas {
	if w < minWidth || h < minHeight {
		return areas{tooSmall: true}
	}
	return areas{header: rect{0, 0, w, 1}, body: rect{0, 1, w, h - 2}, footer: rect{0, h - 1, w, 1}}
}
