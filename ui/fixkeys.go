package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"
)

func (p *fix) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if w := p.grouped(); w != nil {
		return w.key(k)
	}
	for _, group := range []func(tea.KeyPressMsg) (tea.Cmd, bool){p.paneKey, p.listKey, p.rowKey} {
		if cmd, ok := group(k); ok {
			return cmd, true
		}
	}
	return nil, false
}

// paneKey handles the keys that move between panes, and shape them.
func (p *fix) paneKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.nextPane.matches(k):
		p.turn(1)
	case keys.priorPane.matches(k):
		p.turn(-1)
	case keys.open.matches(k):
		p.focus = foundPane
	case keys.close.matches(k) && p.focus == foundPane:
		p.focus = buildPane
	case keys.close.matches(k) && p.focus == aboutPane:
		p.focus = foundPane
	case keys.scrollDown.matches(k):
		p.detail.scrollBy(1)
	case keys.scrollUp.matches(k):
		p.detail.scrollBy(-1)
	case keys.zoom.matches(k), p.zoomed && keys.back.matches(k):
		p.zoomed = !p.zoomed
	case keys.narrower.matches(k):
		p.moveDivider(p.layout.beside - dividerStep)
	case keys.wider.matches(k):
		p.moveDivider(p.layout.beside + dividerStep)
	default:
		return nil, false
	}
	return nil, true
}

// turn moves the focus to the next pane, or to the previous one. The details of a finding can have
// it if they have a pane of their own.
func (p *fix) turn(n int) {
	panes := []fixPane{buildPane, foundPane}
	if p.layout.alone {
		panes = append(panes, aboutPane)
	}
	i := slices.Index(panes, p.focus)
	p.focus = panes[(i+n+len(panes))%len(panes)]
}

func (p *fix) moveDivider(x int) {
	if p.layout.beside > 0 {
		p.divide = min(max(x-p.layout.area.x, leastFrame), p.layout.area.w-leastFrame)
	}
}

// listKey handles the keys that move the cursor, and those that choose what to list.
func (p *fix) listKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.group.matches(k):
		p.openOrders()
	case keys.reverse.matches(k):
		p.back = !p.back
		return p.show(p.order), true
	case keys.narrow.matches(k):
		p.narrow.ask(p.h, p.refill)
	case keys.back.matches(k) && p.narrow.on():
		p.narrow.drop()
		return p.refill(), true
	case p.focus == buildPane:
		return nil, p.build.key(keys, k)
	case p.focus == aboutPane:
		return nil, p.detail.key(keys, k)
	default:
		return nil, p.found.key(keys, k)
	}
	return nil, true
}

// refill lists the findings again, for another filter text.
func (p *fix) refill() tea.Cmd {
	p.fill()
	p.found.to(p.rowOf(""))
	return nil
}

// rowKey handles the keys about the selected finding, and about the chosen fixes.
func (p *fix) rowKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	if p.work == nil {
		return nil, false
	}
	switch {
	case keys.chooseFix.matches(k):
		return p.choose(), true
	case keys.chooseAll.matches(k):
		return p.chooseAll(), true
	case keys.toggle.matches(k):
		return p.goTo(), true
	case keys.view.matches(k):
		return p.view(), true
	case keys.extract.matches(k):
		return p.askExtract(), true
	case keys.copyPath.matches(k):
		return p.copy(), true
	case keys.export.matches(k):
		return p.askPatch(), true
	}
	return nil, false
}

// mouse selects rows, and chooses the fix whose box is clicked. A double click works like enter.
func (p *fix) mouse(msg tea.MouseMsg) tea.Cmd {
	if w := p.grouped(); w != nil {
		return w.mouse(msg)
	}
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		pane, _ := p.layout.at(at.X, at.Y)
		switch n := wheel(at.Button); pane {
		case buildPane:
			p.build.scroll(n)
		case foundPane:
			p.found.scroll(n)
		default:
			p.detail.scrollBy(n)
		}
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft {
			return p.pressed(at.X, at.Y)
		}
	case tea.MouseMotionMsg:
		if p.divided {
			p.moveDivider(at.X)
		}
	case tea.MouseReleaseMsg:
		p.divided = false
	}
	return nil
}

// pressed handles a press of the left button.
func (p *fix) pressed(x, y int) tea.Cmd {
	if d := p.layout.beside; d > 0 && (x == d || x == d-1) && p.layout.area.hasRow(y) {
		p.divided = true
		return nil
	}
	if f := p.layout.frames[1]; !p.layout.panes[foundPane].empty() && y == f.y {
		if _, right := p.titleOf(foundPane); onAside(f, right, x) {
			p.openOrders()
		}
		return nil
	}
	pane, ok := p.layout.at(x, y)
	if !ok || p.work == nil {
		return nil
	}
	in := p.layout.panes[pane]
	if pane == foundPane && p.chipped && y == in.y+in.h-1 {
		return p.lk.clickChips(p.chips(), x-in.x, in.w)
	}
	twice := p.h.doubleClick(x, y)
	row := y - in.y - 1
	switch pane {
	case buildPane:
		p.focus = buildPane
		if i := p.build.top + row; row >= 0 && i < p.build.rows {
			p.build.to(i)
			if twice {
				return p.goTo()
			}
		}
	case foundPane:
		p.focus = foundPane
		i := p.found.top + row
		if row < 0 || i >= len(p.rows) {
			return nil
		}
		p.found.to(i)
		switch box := x - in.x - 1; {
		case box >= 0 && box < boxWidth && p.rows[i].finding >= 0:
			return p.choose()
		case twice && p.rows[i].finding >= 0:
			return p.goTo()
		}
	}
	return nil
}
