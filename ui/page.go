package ui

import tea "charm.land/bubbletea/v2"

// A page fills the body of the screen inside of one frame: a view of the image,
// or what lies over the views until it is closed, as the help or a file. Pages
// are no tea.Models: the model hands them keys, and asks them for rows.
type page interface {
	// title returns what stands at the left and at the right of the upper
	// border, on w columns together, and foot what stands in the lower one.
	title(w int) (left, right string)
	foot() string

	// resize says how much room there is: w columns and h rows. It is called
	// before every frame, and cheap if nothing has changed.
	resize(w, h int)

	// render draws row i into l.
	render(l *line, i int)

	// key takes a key, and reports whether it was one of the page's own; what
	// is not, the model takes: esc and q close a page that lies over others.
	key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool)

	// mouse takes a click, the wheel, or a movement, at column x and row y.
	mouse(m *model, msg tea.MouseMsg, x, y int) tea.Cmd

	// hints are what the footer offers, most useful first, and groups all keys
	// for the help. The model adds its own.
	hints(k *keyMap) []hint
	groups(k *keyMap) []keyGroup

	// renew is called when the styles or the analysis are no longer those that
	// the page has seen: texts that it keeps are to be made anew.
	renew(m *model)
}

// A viewID is one of the views of an image, which the number keys choose.
type viewID uint8

const (
	filesView viewID = iota // the explorer: it has panes, and is no page
	wasteView
	imageView
	viewCount
)

// top returns the page that has the screen, nil if that is the explorer.
func (m *model) top() page {
	if n := len(m.over); n > 0 {
		return m.over[n-1]
	}
	return m.views[m.view]
}

// pages returns every page there is.
func (m *model) pages() []page {
	var all []page
	for _, p := range m.views {
		if p != nil {
			all = append(all, p)
		}
	}
	return append(all, m.over...)
}

// open lays a page over what is shown.
func (m *model) open(p page) {
	m.over = append(m.over, p)
	m.arrange()
}

// A closer is a page that wants to know when it is taken away: it may have
// something open, or under way.
type closer interface{ closed() }

// closePages takes all pages away that lie over the views.
func (m *model) closePages() {
	for len(m.over) > 0 {
		m.closePage()
	}
}

// closePage takes the uppermost page away, if one lies over the views.
func (m *model) closePage() {
	if n := len(m.over); n > 0 {
		if c, ok := m.over[n-1].(closer); ok {
			c.closed()
		}
		m.over[n-1] = nil
		m.over = m.over[:n-1]
	}
	m.arrange()
}

// pageRoom is where a page's rows are: the body without its border.
func (m *model) pageRoom() rect {
	return rect{0, m.layout.header.h, m.w, m.h - m.layout.header.h - m.layout.footer.h}.inset(1, 1)
}

// pageRow draws screen row y of a page.
func (m *model) pageRow(l *line, p page, y int) {
	sg := &m.look.sg
	in := m.pageRoom()
	switch i := y - in.y; {
	case i < 0:
		left, right := p.title(m.w - 8)
		m.edge(l, sg.topLeft, sg.topRight, left, right, true)
	case i >= in.h:
		m.edge(l, sg.lowLeft, sg.lowRight, "", p.foot(), true)
	default:
		l.put(m.look.st.border, sg.side)
		part(l, in.w, func(l *line) { p.render(l, i) })
		l.put(m.look.st.border, sg.side)
	}
}

// pageKey hands a key to a page, and takes what the page does not want.
func (m *model) pageKey(p page, k tea.KeyPressMsg) tea.Cmd {
	cmd, ok := p.key(m, k)
	if ok {
		return cmd
	}
	if len(m.over) > 0 {
		switch {
		case m.keys.help.matches(k):
			m.openHelp()
		case m.keys.back.matches(k), m.keys.quit.matches(k):
			m.closePage()
		}
		return nil
	}
	return m.globalKey(k)
}

// globalKey takes a key that means the same in every view.
func (m *model) globalKey(k tea.KeyPressMsg) tea.Cmd {
	keys := m.keys
	switch {
	case keys.quit.matches(k):
		return tea.Quit
	case keys.help.matches(k):
		m.openHelp()
	case keys.pick.matches(k):
		return m.openPicker()
	case keys.undo.matches(k):
		return m.goBack()
	case keys.viewFiles.matches(k):
		m.show(filesView)
	case keys.viewWaste.matches(k):
		m.show(wasteView)
	case keys.viewImage.matches(k):
		m.show(imageView)
	case keys.back.matches(k):
		m.show(filesView)
	}
	return nil
}

// show changes the view.
func (m *model) show(v viewID) {
	if v == m.view || v != filesView && m.views[v] == nil {
		return
	}
	m.remember()
	m.view = v
	m.arrange()
}
