package ui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A gate counts running operations, and lets no more begin once it is closed.
type gate struct {
	mu   sync.Mutex
	in   int
	shut bool
	idle chan struct{} // closed when the gate is closed and nothing is running
}

func newGate() *gate { return &gate{idle: make(chan struct{})} }

// expect counts an operation that will run, whether or not the gate is closed.
func (g *gate) expect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in++
}

// enter reports whether an operation may begin; if so, call leave at its end.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.in++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	g.rest()
}

// rest closes idle once nothing runs and nothing can begin.
func (g *gate) rest() {
	select {
	case <-g.idle:
	default:
		if g.shut && g.in == 0 {
			close(g.idle)
		}
	}
}

// close closes the gate. Running operations go on.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	g.rest()
}

// A session is the time during which one image, or the list of images, has the screen. The
// previous image's session lasts until another image has been read, so that it can return; its
// messages wait meanwhile. Then all its operations are cancelled, late results are dropped, and
// the image is closed once nothing uses it any more.
type session struct {
	*gate
	before *session // nil for the first
	cancel context.CancelFunc
}

// newSession begins a session, and returns the context of its operations.
func newSession(ctx context.Context, before *session) (context.Context, *session) {
	s := &session{gate: newGate(), before: before}
	ctx, s.cancel = context.WithCancel(ctx)
	return ctx, s
}

// end cancels the session's operations.
func (s *session) end() {
	if s != nil {
		s.cancel()
		s.close()
	}
}

// over waits until no operation is running, in this session and earlier ones.
func (s *session) over(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if err := s.before.over(ctx); err != nil {
		return err
	}
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bind makes a command part of the session: its result goes only to this session, which isn't
// over until the command has run. The command runs even if the session has ended, with its
// context cancelled, since it may hold a resource. A nil session returns commands unchanged.
func (s *session) bind(cmd tea.Cmd) tea.Cmd {
	if s == nil || cmd == nil {
		return cmd
	}
	s.expect()
	return func() tea.Msg {
		defer s.leave()
		switch msg := cmd().(type) {
		case tea.BatchMsg:
			bound := make(tea.BatchMsg, len(msg))
			for i, cmd := range msg {
				bound[i] = s.bind(cmd)
			}
			return bound
		case modelMsg, pageMsg:
			return sessionMsg{s, msg}
		default:
			return msg
		}
	}
}

// sessionMsg is a message of a session.
type sessionMsg struct {
	of  *session
	msg tea.Msg // a modelMsg or a pageMsg
}

func (msg sessionMsg) update(m *model) tea.Cmd {
	if m.session == msg.of {
		return m.receive(msg.msg)
	}
	if p := m.parked; p != nil && p.session == msg.of {
		p.waiting = append(p.waiting, msg.msg)
		return nil
	}
	if h, ok := msg.msg.(holder); ok {
		h.drop()
	}
	return nil
}

// A holder is a message with an open resource. drop releases it if nobody receives the message.
type holder interface{ drop() }

// later delivers a message after some time, unless the context is cancelled first.
func later(ctx context.Context, d time.Duration, msg tea.Msg) tea.Cmd {
	return func() tea.Msg {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return msg
		case <-ctx.Done():
			return nil
		}
	}
}
