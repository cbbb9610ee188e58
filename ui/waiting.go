package ui

import (
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// waiting tells how far an image has come that is read a second time: what came
// as a stream has to be, before a file of it can be opened.
type waiting struct {
	newest *atomic.Pointer[Progress]
	before *Progress // the last of the first reading
}

// waitFor begins to wait.
func (m *model) waitFor() waiting {
	return waiting{newest: &m.loading.newest, before: m.loading.newest.Load()}
}

// says adds to what is being done how far that has come, if it takes reading the
// image again.
func (w waiting) says(what string, lk *look) string {
	if w.newest == nil {
		return what + lk.sg.tail
	}
	p := w.newest.Load()
	if p == nil || p == w.before {
		return what + lk.sg.tail
	}
	text := what + ": " + lk.line(p.What) + " again, " + human.Size(p.Bytes)
	if p.TotalBytes > 0 {
		text += " of " + human.Size(p.TotalBytes)
	}
	return text
}

// A waiter is a page that waits for something.
type waiter interface{ waits() bool }

// redrawMsg has the screen drawn anew while a page waits.
type redrawMsg struct{ p waiter }

func (msg redrawMsg) do(m *model) tea.Cmd {
	if !msg.p.waits() {
		return nil
	}
	return m.after(tickEvery, msg)
}

func (m *model) redrawCmd(p waiter) tea.Cmd { return m.after(tickEvery, redrawMsg{p}) }
