package ui

// The smallest terminal that the screen is drawn on, and the sizes at which
// panes fold away. All in columns and rows of the terminal.
const (
	minWidth  = 40
	minHeight = 10

	twoColumns   = 72 // from here on layers stand beside files
	stackHeight  = 24 // from here on one column holds layers above files
	detailHeight = 20 // from here on a pane has its details below it

	minLeft, maxLeft     = 32, 76
	leastFrame           = 24    // columns that the reader can make a frame as narrow as
	minDetail, maxDetail = 4, 16 // rows of the details
)

// A rect is a part of the screen. The zero rect is one that is not there.
type rect struct{ x, y, w, h int }

func (r rect) empty() bool           { return r.w <= 0 || r.h <= 0 }
func (r rect) has(x, y int) bool     { return r.hasRow(y) && x >= r.x && x < r.x+r.w }
func (r rect) hasRow(y int) bool     { return y >= r.y && y < r.y+r.h }
func (r rect) inset(dx, dy int) rect { return rect{r.x + dx, r.y + dy, r.w - 2*dx, r.h - 2*dy} }

// A pane is a part of the explorer.
type pane uint8

const (
	layersPane pane = iota
	filesPane
	layerPane   // below the layers: one layer
	historyPane // below the files: one path
	paneCount
)

// A frame is a box with one pane in it, or with two, one above the other.
type frame struct {
	rect              // with the border
	upper, lower pane // lower counts only if it has rows
	split        int  // row of the line between the two, from the frame's top; 0 if there is one pane
}

// holds reports whether pane p is in the frame.
func (f frame) holds(p pane) bool { return p == f.upper || f.split > 0 && p == f.lower }

// A layout is where everything stands. It has at most two frames.
type layout struct {
	size     rect
	tooSmall bool
	header   rect
	footer   rect
	frames   [2]frame
	count    int             // of frames
	divider  int             // column at which the right frame begins; 0 if there is one column
	panes    [paneCount]rect // what is inside the borders; empty if folded away
}

// arrange lays the explorer out on w columns and h rows, of which the left frame
// has divide if there are two beside each other, or what suits the width if
// divide is 0. With room for one column alone it shows the pane that has the
// focus.
func arrange(w, h, divide int, focus pane) layout {
	l := layout{size: rect{0, 0, w, h}}
	if w < minWidth || h < minHeight {
		l.tooSmall = true
		return l
	}
	l.header = rect{0, 0, w, 1}
	l.footer = rect{0, h - 1, w, 1}
	body := rect{0, 1, w, h - 2}
	detail := 0
	if h >= detailHeight {
		detail = min(max((body.h-3)*36/100, minDetail), maxDetail)
	}
	switch {
	case w >= twoColumns:
		left := min(max(w*2/5, minLeft), maxLeft)
		if divide > 0 {
			left = min(max(divide, leastFrame), w-leastFrame)
		}
		l.divider = left
		l.add(rect{0, body.y, left, body.h}, layersPane, layerPane, detail)
		l.add(rect{left, body.y, w - left, body.h}, filesPane, historyPane, detail)
	case h >= stackHeight:
		top := body.h * 36 / 100
		l.add(rect{0, body.y, w, top}, layersPane, layerPane, 0)
		l.add(rect{0, body.y + top, w, body.h - top}, filesPane, historyPane, min(detail, body.h/5))
	case focus == layersPane:
		l.add(body, layersPane, layerPane, detail)
	default:
		l.add(body, filesPane, historyPane, detail)
	}
	return l
}

// add puts a frame at r; its lower pane has detail rows, or is not there.
func (l *layout) add(r rect, upper, lower pane, detail int) {
	f := frame{rect: r, upper: upper, lower: lower}
	in := r.inset(1, 1)
	top := in
	if detail > 0 {
		top.h = in.h - detail - 1
		f.split = top.h + 1
		l.panes[lower] = rect{in.x, in.y + top.h + 1, in.w, detail}
	}
	l.panes[upper] = top
	l.frames[l.count] = f
	l.count++
}

// at returns the pane at column x and row y.
func (l *layout) at(x, y int) (pane, bool) {
	for p, r := range l.panes {
		if r.has(x, y) {
			return pane(p), true
		}
	}
	return 0, false
}
