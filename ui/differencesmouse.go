package ui

import tea "charm.land/bubbletea/v2"

func (p *differences) mouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	x, ok := p.layout.at(at.X, at.Y)
	switch msg.(type) {
	case tea.MouseMotionMsg:
		if p.divided {
			p.moveDivider(at.X)
		}
	case tea.MouseReleaseMsg:
		p.divided = false
	case tea.MouseWheelMsg:
		if ok {
			p.wheel(x, wheel(at.Button))
		}
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft && p.line.has(at.X, at.Y) {
			return p.lk.clickChips(p.chips(), at.X-p.line.x, p.line.w)
		}
		if d := p.layout.divider; at.Button == tea.MouseLeft && d > 0 && (at.X == d || at.X == d-1) && p.layout.area.hasRow(at.Y) {
			p.divided = true
			return nil
		}
		if ok && at.Button == tea.MouseLeft {
			in := p.layout.panes[x]
			return p.click(x, at.X-in.x, at.Y-in.y, p.h.doubleClick(at.X, at.Y))
		}
	}
	return nil
}

func (p *differences) wheel(x pane, n int) {
	switch x {
	case layersPane:
		p.layers.scroll(n)
	case filesPane:
		p.tree.scroll(n)
		p.follow()
	case layerPane:
		p.layerDetail.scrollBy(n)
	case historyPane:
		p.pathDetail.scrollBy(n)
	}
}

// click selects the item at column x and row y of a pane. A click on the selected directory opens
// or closes it. A double click on a file works like enter.
func (p *differences) click(in pane, x, y int, twice bool) tea.Cmd {
	switch in {
	case layersPane, layerPane:
		p.focus = layersPane
		if i := p.layers.top + y - 1; in == layersPane && y > 0 && i < p.layers.rows {
			p.layers.to(i)
		}
		return nil
	case historyPane:
		p.focus = filesPane
		return nil
	}
	p.focus = filesPane
	if y == 0 {
		by, ok := p.columns(p.layout.panes[filesPane].w).at(x)
		if !ok {
			return nil
		}
		if by == p.request.order {
			by ^= diffReversed
		}
		return p.orderBy(by)
	}
	i := p.tree.top + y - 1
	if i >= len(p.rows.rows) {
		return nil
	}
	was := p.tree.cursor
	p.tree.to(i)
	p.follow()
	switch r := p.rows.rows[i]; {
	case r.kids && was == i:
		return p.flip(r)
	case !r.kids && twice:
		cmd, _ := p.fileKey(keyPress(p.h.keys().toggle.Keys()[0]))
		return cmd
	}
	return nil
}
