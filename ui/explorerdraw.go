package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
)

// render draws screen row y of the explorer.
func (e *explorer) render(l *line, y int) { e.lk.frames(l, y, e, &e.layout, e.focus, e.line) }

// paneRow draws row i of a pane.
func (e *explorer) paneRow(l *line, p pane, i int) {
	focused := p == e.focus
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
		e.history.render(l, i, focused, selected)
	}
}

// title returns the left and right part of a pane's upper border. The left part is cut to w
// columns.
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

// foot returns the text of a frame's lower border: for the files, the meaning of the signs.
func (e *explorer) foot(f frame) string {
	sg := &e.lk.sg
	if f.upper != filesPane {
		return ""
	}
	return fmt.Sprintf("%s shows  %s covered  %s removed",
		sg.strip[analyze.SignShows], sg.strip[analyze.SignCovered], sg.strip[analyze.SignRemoved])
}
