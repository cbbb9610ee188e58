package ui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// A taskFunc runs a task on its own goroutine, and returns a sentence that says what was done.
// It may report its progress.
type taskFunc func(ctx context.Context, progress func(done, total int64)) (string, error)

// A thenFunc is a taskFunc that returns a function to call afterwards on the event loop.
type thenFunc func(ctx context.Context, progress func(done, total int64)) (then func() tea.Cmd, err error)

// A task is a running action: the footer shows its progress, and esc cancels it. Only one runs
// at a time.
type task struct {
	what   string // "writing", clean
	stop   context.CancelFunc
	newest atomic.Pointer[[2]int64] // bytes done, and their total
}

// report records the task's progress. It may be called on any goroutine.
func (t *task) report(done, total int64) { t.newest.Store(&[2]int64{done, total}) }

// render draws the task in place of the footer.
func (t *task) render(l *line, lk *look, k *keyMap) {
	l.skip(1)
	l.put(lk.st.text, t.what+lk.sg.tail)
	if p := t.newest.Load(); p != nil {
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

// busyWith says that a task must end before another can begin.
func (m *model) busyWith(t *task) tea.Cmd {
	return m.say("one thing at a time: " + t.what + " is not done yet")
}

func (m *model) start(what string, run taskFunc) tea.Cmd {
	return m.startThen(what, func(ctx context.Context, progress func(done, total int64)) (func() tea.Cmd, error) {
		said, err := run(ctx, progress)
		return func() tea.Cmd { return m.say(m.lk.line(said)) }, err
	})
}

func (m *model) startThen(what string, run thenFunc) tea.Cmd {
	if m.task != nil {
		return m.busyWith(m.task)
	}
	ctx, stop := context.WithCancel(m.ctx)
	t := &task{what: what, stop: stop}
	m.task = t
	m.tasks.Add(1)
	cmd := func() tea.Msg {
		defer m.tasks.Done()
		defer stop()
		then, err := run(ctx, t.report)
		return taskMsg{t, then, err}
	}
	return tea.Batch(cmd, m.after(tickEvery, taskTickMsg{t}))
}

// taskTickMsg redraws the footer while a task is running.
type taskTickMsg struct{ t *task }

func (msg taskTickMsg) update(m *model) tea.Cmd {
	if m.task != msg.t {
		return nil
	}
	return m.after(tickEvery, msg)
}

// taskMsg delivers the result of a task.
type taskMsg struct {
	t    *task
	then func() tea.Cmd // called next; nil for nothing
	err  error
}

func (msg taskMsg) update(m *model) tea.Cmd {
	m.task = nil
	if asks, ok := errors.AsType[*askError](msg.err); ok && m.prompt == nil {
		return asks.ask()
	}
	switch {
	case errors.Is(msg.err, context.Canceled):
		return m.say(msg.t.what + " was stopped")
	case msg.err != nil:
		return m.fail(msg.err)
	case msg.then == nil:
		return nil
	}
	return msg.then()
}

// A taskGroup counts the running tasks, so that the program doesn't end during one.
type taskGroup struct{ sync.WaitGroup }

// idle returns a channel that is closed once no task is running. No task may begin after this
// call.
func (g *taskGroup) idle() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	return done
}
