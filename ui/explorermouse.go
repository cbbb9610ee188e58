package ui

import tea "charm.land/bubbletea/v2"

func (e *explorer) mouse(msg tea.MouseMsg) tea.Cmd {
	return tea.Batch(e.ownMouse(msg), e.followPreview())
}

func (e *explorer) ownMouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		if p, ok := e.layout.at(at.X, at.Y); ok {
			return e.wheel(p, wheel(at.Button))
		}
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft {
			return e.pressed(at.X, at.Y)
		}
	case tea.MouseMotionMsg:
		if e.divided {
			e.moveDivider(at.X)
		}
	case tea.MouseReleaseMsg:
		e.divided = false
	}
	return nil
}

// pressed handles a press of the left button: on the border between the frames it starts a drag.
func (e *explorer) pressed(x, y int) tea.Cmd {
	if d := e.layout.divider; d > 0 && (x == d || x == d-1) && e.layout.area.hasRow(y) {
		e.divided = true
		return nil
	}
	if e.line.has(x, y) {
		return e.lk.clickChips(e.chips(), x-e.line.x, e.line.w)
	}
	p, ok := e.layout.at(x, y)
	if !ok {
		return e.clickBorder(x, y)
	}
	in := e.layout.panes[p]
	return e.click(p, x-in.x, y-in.y, e.h.doubleClick(x, y))
}

// clickBorder handles a click on a frame: in the title of the files, the order opens the menu of
// orders, and the rest leads to the next mode.
func (e *explorer) clickBorder(x, y int) tea.Cmd {
	for _, f := range e.layout.frames[:e.layout.count] {
		if f.upper != filesPane || y != f.y || x <= f.x || x >= f.x+f.w-1 {
			continue
		}
		e.focus = filesPane
		title, aside := e.title(filesPane, f.w-8)
		switch {
		case onAside(f.rect, aside, x):
			e.openOrders()
		case x-f.x-2 < width(title):
			e.nextMode(1)
			return e.follow()
		}
	}
	return nil
}

func (e *explorer) wheel(p pane, n int) tea.Cmd {
	switch p {
	case layersPane:
		e.layers.scroll(n)
		return e.follow()
	case filesPane:
		e.files.scroll(n)
		e.files.keep()
	case layerPane:
		e.layer.scrollBy(n)
	case historyPane:
		e.history.scrollBy(n)
	}
	return nil
}

// click selects the item at column x and row y of pane p: a layer, a file, a version, the layer of
// a strip's column, or the order of a column's title. A click on the selected directory opens or
// closes it; a click on its sign does so at once. A double click works like enter.
func (e *explorer) click(p pane, x, y int, twice bool) tea.Cmd {
	switch p {
	case layerPane:
		e.focus = layersPane
	case previewPane:
		if twice {
			return e.openViewer()
		}
		return nil
	default:
		e.focus = p
	}
	switch p {
	case historyPane:
		e.history.click(y)
		if twice {
			return e.jumpToItem()
		}
	case layersPane:
		if i := e.layers.top + y - 1; y > 0 && i < e.layers.rows {
			e.layers.to(i)
			return e.follow()
		}
	case filesPane:
		return e.clickFiles(x, y, twice)
	}
	return nil
}

func (e *explorer) clickFiles(x, y int, twice bool) tea.Cmd {
	w := e.layout.panes[filesPane].w
	s := e.files.strip(w, e.layers.cursor)
	i := e.files.top + y - 1
	if k, ok := s.layer(x - 1); ok {
		e.layers.to(k)
		if y > 0 && i < e.files.rows.len() {
			e.files.choose(i)
		}
		return e.follow()
	}
	if y == 0 {
		if by, ok := e.files.headAt(x, w); ok {
			if by == e.files.request.order { // a second click reverses the order
				by ^= reversed
			}
			return e.orderBy(by)
		}
		return nil
	}
	cmd := e.files.click(x, i, w, s)
	if twice && i < e.files.rows.len() && e.onFile() {
		return e.openViewer()
	}
	return cmd
}
