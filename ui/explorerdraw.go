package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
)

// render draws screen row y of the explorer: one row of each frame that is there.
func (e *explorer) render(l *line, y int) {
	for _, f := range e.layout.frames[:e.layout.count] {
		if f.hasRow(y) {
			part(l, f.w, func(l *line) { e.frameRow(l, f, y) })
		}
	}
}

// frameRow draws screen row y of a frame.
func (e *explorer) frameRow(l *line, f frame, y int) {
	sg := &e.lk.sg
	focused := f.holds(e.focus)
	switch i := y - f.y; {
	case i == 0:
		title, aside := e.title(f.upper, f.w-8)
		e.lk.edge(l, sg.topLeft, sg.topRight, title, aside, focused)
	case i == f.h-1:
		e.lk.edge(l, sg.lowLeft, sg.lowRight, "", e.foot(f), focused)
	case f.split > 0 && i == f.split:
		title, aside := e.title(f.lower, f.w-8)
		e.lk.edge(l, sg.leftJoin, sg.rightJoin, title, aside, focused)
	default:
		p := f.upper
		if f.split > 0 && i > f.split {
			p = f.lower
		}
		in := e.layout.panes[p]
		if e.line.hasRow(y) && p == filesPane {
			l.put(e.lk.st.frame(focused), sg.side)
			part(l, in.w, func(l *line) { e.lk.chipLine(l, e.chips()) })
			l.put(e.lk.st.frame(focused), sg.side)
			return
		}
		border := e.lk.st.frame(focused)
		l.put(border, sg.side)
		part(l, in.w, func(l *line) { e.paneRow(l, p, y-in.y, p == e.focus) })
		l.put(border, sg.side)
	}
}

// paneRow draws row i of a pane.
func (e *explorer) paneRow(l *line, p pane, i int, focused bool) {
	selected := e.layers.cursor
	switch p {
	case layersPane:
		from := -1
		if e.mode == analyze.Range {
			from = e.from
		}
		e.layers.render(l, i, focused, from)
	case layerPane:
		l.skip(1)
		e.layer.render(l, i)
	case filesPane:
		e.files.render(l, i, focused, selected)
	case previewPane:
		e.renderPreview(l, i)
	case historyPane:
		e.history.render(l, i, e.focus == historyPane, selected)
	}
}

// title returns what stands at the left and at the right of a pane's upper
// border, the left part cut to w columns.
func (e *explorer) title(p pane, w int) (string, string) {
	switch p {
	case layersPane:
		return e.layers.title(), e.lk.outOfSight(e.layers.top, e.layers.rows-e.layers.top-e.layers.page)
	case layerPane:
		return e.layer.title(), e.lk.outOfSight(e.layer.hidden())
	case filesPane:
		return e.files.title(w), e.files.aside()
	}
	if p == previewPane {
		return e.previewTitle()
	}
	aside := e.lk.outOfSight(e.history.hidden())
	return e.history.title(w - width(aside)), aside
}

// foot returns what stands in a frame's lower border: for the files, what the
// signs mean.
func (e *explorer) foot(f frame) string {
	sg := &e.lk.sg
	if f.upper != filesPane {
		return ""
	}
	return fmt.Sprintf("%s shows  %s covered  %s removed",
		sg.strip[analyze.SignShows], sg.strip[analyze.SignCovered], sg.strip[analyze.SignRemoved])
}
