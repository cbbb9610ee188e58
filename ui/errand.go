package ui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// An errand is an act that is under way: the footer tells how far it is, and esc
// stops it. There is one at a time.
type errand struct {
	what   string // "writing", clean
	stop   context.CancelFunc
	newest atomic.Pointer[[2]int64] // bytes done, of how many
}

// report takes how far the errand is. It may be called by any goroutine.
func (e *errand) report(done, total int64) { e.newest.Store(&[2]int64{done, total}) }

// render draws the errand in place of the footer.
func (e *errand) render(l *line, lk *look, k *keyMap) {
	l.skip(1)
	l.put(lk.st.text, e.what+lk.sg.tail)
	if p := e.newest.Load(); p != nil {
		text := "  " + human.Size(p[0])
		if p[1] > 0 {
			text += fmt.Sprintf(" of %s  %3.0f %%", human.Size(p[1]), 100*min(float64(p[0])/float64(p[1]), 1))
		}
		l.put(lk.st.strong, text)
	}
	l.put(lk.st.key, "  "+k.back.first())
	l.put(lk.st.dim, " stops")
	l.fill()
}

// send runs an act, unless one is under way.
func (m *model) send(what string, act func(ctx context.Context, progress func(done, total int64)) (string, error)) tea.Cmd {
	if m.errand != nil {
		return m.say("one thing at a time: " + m.errand.what + " is not done yet")
	}
	ctx, stop := context.WithCancel(m.ctx)
	e := &errand{what: what, stop: stop}
	m.errand = e
	m.errands.Add(1)
	run := func() tea.Msg {
		defer m.errands.Done()
		defer stop()
		said, err := act(ctx, e.report)
		return errandMsg{e, said, err}
	}
	return tea.Batch(run, m.after(tickEvery, errandTickMsg{e}))
}

// errandTickMsg has the footer drawn anew while an errand is under way.
type errandTickMsg struct{ e *errand }

func (msg errandTickMsg) do(m *model) tea.Cmd {
	if m.errand != msg.e {
		return nil
	}
	return m.after(tickEvery, msg)
}

// errandMsg brings what an errand has come to.
type errandMsg struct {
	e    *errand
	said string
	err  error
}

func (msg errandMsg) do(m *model) tea.Cmd {
	m.errand = nil
	switch {
	case errors.Is(msg.err, context.Canceled):
		return m.say(msg.e.what + " was stopped")
	case msg.err != nil:
		return m.fail(msg.err)
	}
	return m.say(m.look.line(msg.said))
}

// errands counts those under way, so that the program does not end in the middle
// of one.
type errands struct{ sync.WaitGroup }

// end waits for them, whose contexts are cancelled, for as long as loadGrace.
func (e *errands) end() {
	done := make(chan struct{})
	go func() {
		e.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(loadGrace):
	}
}
