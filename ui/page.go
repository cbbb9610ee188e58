package ui

import tea "charm.land/bubbletea/v2"

// A body is shown between header and footer: a view of the image, or a page on top of the views
// until it is closed. Bodies are not tea.Models: the model passes keys to them and asks them for
// rows.
//
// A body that needs more has the methods of waiter, adopter, shower or closer.
type body interface {
	// arrange lays out the body on a part of the screen. It is called before every frame, and is
	// cheap if nothing has changed.
	arrange(at rect)

	// render draws row y of the screen into l.
	render(l *line, y int)

	// key handles a key, and reports whether it did. The model handles the rest: esc and q close
	// pages.
	key(k tea.KeyPressMsg) (tea.Cmd, bool)

	// mouse takes a click, the wheel, or a movement, anywhere on the screen.
	mouse(msg tea.MouseMsg) tea.Cmd

	// hints are what the footer offers, most useful first, and groups all keys
	// for the help. The model adds its own.
	hints(k *keyMap) []hint
	groups(k *keyMap) []keyGroup

	// restyle is called after a change of the styles. It recreates the texts that contain styles.
	restyle()
}

// An adopter shows data of the analysis: it accepts another one of the same image, with more
// layers or with its comparisons made.
type adopter interface{ adopt(s *snapshot) tea.Cmd }

// A shower creates its content only when it is on the screen. shown is called each time it appears.
type shower interface{ shown() tea.Cmd }

// A worker computes something once it is on the screen. It is asked after every message, and
// returns nil if there is nothing to do or the work has started.
type worker interface{ pending() tea.Cmd }

// A closer is told when it is removed, because it may have open files or running work.
type closer interface{ closed() }

// A page is a body inside one frame, which is drawn for it. Its columns and rows are relative to
// the inside of the frame.
type page interface {
	// title returns the left and right part of the upper border, together w columns wide. foot
	// returns the text of the lower border.
	title(w int) (left, right string)
	foot() string

	// resize sets the room inside the frame: w columns and h rows.
	resize(w, h int)

	render(l *line, i int)
	key(k tea.KeyPressMsg) (tea.Cmd, bool)
	mouse(msg tea.MouseMsg, x, y int) tea.Cmd // x and y are inside the frame
	hints(k *keyMap) []hint
	groups(k *keyMap) []keyGroup
	restyle()
}

// framed is a page with its frame.
type framed struct {
	page
	lk   *look
	at   rect
	line bool // the last row has the page's chips
}

func inFrame(lk *look, p page) *framed { return &framed{page: p, lk: lk} }

func (f *framed) arrange(at rect) {
	f.at = at
	in := at.inside()
	f.line = len(f.chips()) > 0 && chipsFit(in.w, in.h)
	f.resize(in.w, f.rows())
}

// rows returns the number of rows that the page itself has.
func (f *framed) rows() int {
	h := f.at.inside().h
	if f.line {
		h--
	}
	return h
}

// chips returns the page's chips.
func (f *framed) chips() []chip {
	if c, ok := f.page.(chipper); ok {
		return c.chips()
	}
	return nil
}

func (f *framed) render(l *line, y int) {
	sg := &f.lk.sg
	in := f.at.inside()
	switch i := y - in.y; {
	case i < 0:
		left, right := f.title(f.at.w - 8)
		if !f.line {
			left += f.lk.chipTitle(f.chips())
		}
		f.lk.edge(l, sg.topLeft, sg.topRight, left, right, true)
	case i >= in.h:
		f.lk.edge(l, sg.lowLeft, sg.lowRight, "", f.foot(), true)
	default:
		l.put(f.lk.st.border, sg.side)
		part(l, in.w, func(l *line) {
			if i >= f.rows() {
				f.lk.chipLine(l, f.chips())
			} else {
				f.page.render(l, i)
			}
		})
		l.put(f.lk.st.border, sg.side)
	}
}

func (f *framed) mouse(msg tea.MouseMsg) tea.Cmd {
	in, at := f.at.inside(), msg.Mouse()
	click, ok := msg.(tea.MouseClickMsg)
	pressed := ok && click.Button == tea.MouseLeft
	if t, ok := f.page.(titled); ok && pressed && at.Y == f.at.y {
		if _, right := f.title(f.at.w - 8); onAside(f.at, right, at.X) {
			t.asideClicked()
			return nil
		}
	}
	if !in.has(at.X, at.Y) {
		return nil
	}
	if at.Y-in.y >= f.rows() {
		if pressed {
			return f.lk.clickChips(f.chips(), at.X-in.x, in.w)
		}
		return nil
	}
	return f.page.mouse(msg, at.X-in.x, at.Y-in.y)
}

// A titled page has something to click at the right of its title.
type titled interface{ asideClicked() }

func (f *framed) adopt(s *snapshot) tea.Cmd {
	if p, ok := f.page.(adopter); ok {
		return p.adopt(s)
	}
	return nil
}

func (f *framed) shown() tea.Cmd {
	if p, ok := f.page.(shower); ok {
		return p.shown()
	}
	return nil
}

func (f *framed) waits() bool {
	p, ok := f.page.(waiter)
	return ok && p.waits()
}

func (f *framed) closed() {
	if p, ok := f.page.(closer); ok {
		p.closed()
	}
}
