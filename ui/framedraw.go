package ui

// A paned is a body of panes in the frames of a layout.
type paned interface {
	// title returns the left and right part of a pane's upper border, the left part cut to w
	// columns. foot returns the text of a frame's lower border.
	title(p pane, w int) (left, right string)
	foot(f frame) string

	paneRow(l *line, p pane, i int)
	chips() []chip
}

// frames draws screen row y of a body: one row of each visible frame. The chips are in their line
// of the pane of files.
func (lk *look) frames(l *line, y int, b paned, at *layout, focus pane, chips rect) {
	for _, f := range at.frames[:at.count] {
		if f.hasRow(y) {
			part(l, f.w, func(l *line) { lk.frameRow(l, f, y, b, at, focus, chips) })
		}
	}
}

// frameRow draws screen row y of a frame.
func (lk *look) frameRow(l *line, f frame, y int, b paned, at *layout, focus pane, chips rect) {
	sg := &lk.sg
	focused := f.holds(focus)
	switch i := y - f.y; {
	case i == 0:
		left, right := b.title(f.upper, f.w-8)
		lk.edge(l, sg.topLeft, sg.topRight, left, right, focused)
	case i == f.h-1:
		lk.edge(l, sg.lowLeft, sg.lowRight, "", b.foot(f), focused)
	case f.split > 0 && i == f.split:
		left, right := b.title(f.lower, f.w-8)
		lk.edge(l, sg.leftJoin, sg.rightJoin, left, right, focused)
	default:
		p := f.upper
		if f.split > 0 && i > f.split {
			p = f.lower
		}
		in := at.panes[p]
		border := lk.st.frame(focused)
		l.put(border, sg.side)
		part(l, in.w, func(l *line) {
			if p == filesPane && chips.hasRow(y) {
				lk.chipLine(l, b.chips())
				return
			}
			b.paneRow(l, p, y-in.y)
		})
		l.put(border, sg.side)
	}
}
