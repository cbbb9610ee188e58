package ui

import (
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// rereading is the progress of reading an image a second time. An image that came as a stream
// must be read again before one of its files can be opened.
type rereading struct {
	newest *atomic.Pointer[Progress]
	before *Progress // last progress of the first read
}

func (m *model) reread() rereading {
	return rereading{newest: &m.loading.newest, before: m.loading.newest.Load()}
}

// says adds the progress to what is being done, if it involves reading the image again.
func (r rereading) says(what string, lk *look) string {
	if r.newest == nil {
		return what + lk.sg.tail
	}
	p := r.newest.Load()
	if p == nil || p == r.before {
		return what + lk.sg.tail
	}
	text := what + ": " + lk.line(p.What) + " again, " + human.Size(p.Bytes)
	if p.TotalBytes > 0 {
		text += " of " + human.Size(p.TotalBytes)
	}
	return text
}

// reader is a page that may have to wait until an image has been read again.
type reader interface{ rereads() bool }

// redrawMsg redraws the screen while a page waits.
type redrawMsg struct {
	h host
	p reader
}

func (msg redrawMsg) update() tea.Cmd {
	if !msg.p.rereads() {
		return nil
	}
	return msg.h.after(tickEvery, msg)
}

// redrawCmd redraws the screen at intervals while a page waits.
func redrawCmd(h host, p reader) tea.Cmd { return h.after(tickEvery, redrawMsg{h, p}) }
