package ui

import (
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// rereading tells how far an image has come that is read a second time: what came
// as a stream has to be, before a file of it can be opened.
type rereading struct {
	newest *atomic.Pointer[Progress]
	before *Progress // the last of the first reading
}

func (m *model) reread() rereading {
	return rereading{newest: &m.loading.newest, before: m.loading.newest.Load()}
}

// says adds to what is being done how far that has come, if it takes reading the
// image again.
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

// A reader is a page that may have to wait until an image has been read again.
type reader interface{ rereads() bool }

// redrawMsg has the screen drawn anew while a page waits.
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

// redrawCmd has the screen drawn now and then while a page waits.
func redrawCmd(h host, p reader) tea.Cmd { return h.after(tickEvery, redrawMsg{h, p}) }
