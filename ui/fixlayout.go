package ui

// The sizes at which the fix view folds, in columns and rows.
const (
	fixBeside = 100 // minimum to show findings beside the Dockerfile
	fixStack  = 18  // minimum to show them below it, instead of in its place
	fixAbout  = 12  // minimum rows inside a frame to show the details of a finding in it too

	leastAbout, mostAbout = 4, 24
)

// A fixLayout is the position of the panes of the fix view.
type fixLayout struct {
	area   rect
	frames [2]rect // of the Dockerfile, and of the findings; empty if not there
	split  int     // row of the line above the details, from the frame's top; 0: no such line
	beside int     // column at which the frame of the findings begins; 0 if it is below
	alone  bool    // only one pane fits at a time
	panes  [fixPanes]rect
}

// arrangeFix lays out the panes. If the two frames are side by side, the Dockerfile's has divide
// columns, or a suitable number if divide is 0. With little room, or on request, only the focused
// pane is shown.
func arrangeFix(area rect, divide int, focus fixPane, zoomed bool) fixLayout {
	l := fixLayout{area: area}
	w, h := area.w, area.h
	switch {
	case zoomed:
		l.one(focus)
		return l
	case w >= fixBeside:
		left := min(w*9/20, 96)
		if divide > 0 {
			left = min(max(divide, leastFrame), w-leastFrame)
		}
		l.beside = area.x + left
		l.frames[0] = rect{area.x, area.y, left, h}
		l.frames[1] = rect{area.x + left, area.y, w - left, h}
	case h >= fixStack:
		top := h * 2 / 5
		l.frames[0] = rect{area.x, area.y, w, top}
		l.frames[1] = rect{area.x, area.y + top, w, h - top}
	default:
		l.one(focus)
		if l.frames[1].inside().h < fixAbout {
			return l
		}
	}
	if !l.frames[0].empty() {
		l.panes[buildPane] = l.frames[0].inside()
	}
	if l.frames[1].empty() {
		return l
	}
	in := l.frames[1].inside()
	if in.h < fixAbout {
		l.panes[foundPane] = in
		return l
	}
	l.alone = false
	about := min(max(in.h*2/5, leastAbout), mostAbout)
	l.split = in.h - about
	l.panes[foundPane] = rect{in.x, in.y, in.w, in.h - about - 1}
	l.panes[aboutPane] = rect{in.x, in.y + in.h - about, in.w, about}
	return l
}

// one gives all the room to one pane.
func (l *fixLayout) one(p fixPane) {
	l.alone = true
	l.panes[p] = l.area.inside()
	if p == buildPane {
		l.frames[0] = l.area
	} else {
		l.frames[1] = l.area
	}
}

// at returns the pane at column x and row y.
func (l *fixLayout) at(x, y int) (fixPane, bool) {
	for p, r := range l.panes {
		if r.has(x, y) {
			return fixPane(p), true
		}
	}
	return 0, false
}
