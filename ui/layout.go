package ui

// The sizes at which panes fold, in columns and rows of the explorer.
const (
	twoColumns   = 72 // minimum to show layers beside files
	stackHeight  = 22 // minimum to show layers above files in one column
	detailHeight = 18 // minimum for a pane with details below it

	minLeft, maxLeft     = 32, 100
	leastFrame           = 24    // minimum columns of a frame that the user narrows
	minDetail, maxDetail = 4, 16 // rows of the details
)

// A pane is a part of the explorer.
type pane uint8

const (
	layersPane pane = iota
	filesPane
	layerPane   // below the layers: one layer
	historyPane // below the files: one path
	previewPane // beside the files, or in place of the history: the beginning of a file
	paneCount
)

// A frame is a box with one pane, or with two, one above the other.
type frame struct {
	rect              // including the border
	upper, lower pane // lower counts only if it has rows
	split        int  // row of the line between the two, from the frame's top; 0 if there is one pane
}

// holds reports whether pane p is in the frame.
func (f frame) holds(p pane) bool { return p == f.upper || f.split > 0 && p == f.lower }

// A layout is the position of the explorer's panes. It has at most three frames.
type layout struct {
	area    rect // of the explorer
	frames  [3]frame
	count   int             // of frames
	divider int             // column at which the right frame begins; 0 if there is one column
	panes   [paneCount]rect // the inside of the borders; empty if folded away
}

// arrange lays out the explorer. With two columns, the left frame has divide
// columns, or a suitable number if divide is 0. With room for one column, it
// shows the focused pane.
func arrange(area rect, divide int, focus pane) layout {
	l := layout{area: area}
	w, h := area.w, area.h
	detail := 0
	if h >= detailHeight {
		detail = min(max((h-3)*36/100, minDetail), maxDetail)
	}
	switch {
	case w >= twoColumns:
		left := min(max(w*2/5, minLeft), maxLeft)
		if divide > 0 {
			left = min(max(divide, leastFrame), w-leastFrame)
		}
		l.divider = area.x + left
		l.add(rect{area.x, area.y, left, h}, layersPane, layerPane, detail)
		l.add(rect{area.x + left, area.y, w - left, h}, filesPane, historyPane, detail)
	case h >= stackHeight:
		top := h * 36 / 100
		l.add(rect{area.x, area.y, w, top}, layersPane, layerPane, 0)
		l.add(rect{area.x, area.y + top, w, h - top}, filesPane, historyPane, min(detail, h/5))
	case focus == layersPane:
		l.add(area, layersPane, layerPane, detail)
	default:
		l.add(area, filesPane, historyPane, detail)
	}
	return l
}

// previewColumns is the minimum number of columns for a preview beside the files.
const previewColumns = 150

// previewFits reports whether a part of the screen has room for a preview.
func previewFits(area rect) bool { return area.w >= previewColumns || area.h >= detailHeight }

// withPreview lays out the explorer with a preview: to the right of the files, or in place of the
// history if there is no room.
func withPreview(area rect, divide int, focus pane) layout {
	if area.w >= previewColumns {
		right := area
		right.w = area.w * 35 / 100
		right.x += area.w - right.w
		rest := area
		rest.w -= right.w
		l := arrange(rest, divide, focus)
		l.area = area
		l.add(right, previewPane, previewPane, 0)
		return l
	}
	l := arrange(area, divide, focus)
	for i := range l.frames[:l.count] {
		if f := &l.frames[i]; f.lower == historyPane && f.split > 0 {
			f.lower = previewPane
			l.panes[previewPane], l.panes[historyPane] = l.panes[historyPane], rect{}
		}
	}
	return l
}

// zoom gives a whole part of the screen to one pane.
func zoom(area rect, p pane) layout {
	l := layout{area: area}
	l.add(area, p, p, 0)
	return l
}

// add puts a frame at r. Its lower pane has detail rows; with none, it is left out.
func (l *layout) add(r rect, upper, lower pane, detail int) {
	f := frame{rect: r, upper: upper, lower: lower}
	in := r.inside()
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
