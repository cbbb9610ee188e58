package ui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A gate counts what is under way, and lets nothing more begin once it is shut.
type gate struct {
	mu   sync.Mutex
	in   int
	shut bool
	idle chan struct{} // closed when the gate is shut and nothing is under way any more
}

func newGate() *gate { return &gate{idle: make(chan struct{})} }

// expect counts something that will be under way, whether the gate is shut or not.
func (g *gate) expect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in++
}

// enter reports whether something may begin; leave is then called at its end.
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

// rest says that nothing is under way, once that is so for good.
func (g *gate) rest() {
	select {
	case <-g.idle:
	default:
		if g.shut && g.in == 0 {
			close(g.idle)
		}
	}
}

// close shuts the gate. What is under way goes on.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	g.rest()
}

// A session is the time for which one image, or the list of images, has the screen.
// The image before goes on until another one has been read, so that it can come
// back: what is asked for about it waits. Then, everything that is under way for it
// is cancelled; what that brings all the same is dropped; and it is closed once
// nothing uses it any more.
type session struct {
	*gate
	before *session // nil for the first
	cancel context.CancelFunc
}

// newSession begins a session, and returns the context of all that is done in it.
func newSession(ctx context.Context, before *session) (context.Context, *session) {
	s := &session{gate: newGate(), before: before}
	ctx, s.cancel = context.WithCancel(ctx)
	return ctx, s
}

// end cancels what is under way in the session.
func (s *session) end() {
	if s != nil {
		s.cancel()
		s.close()
	}
}

// over waits until nothing is under way any more, in this session and those before.
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

// bind makes a command one of the session, which is not over before it has run:
// what it brings is for this session alone. It runs even if the session has ended,
// with its context cancelled, since it may hold something open. A nil session has
// all commands as they are.
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

// A holder is a message that brings something open. drop lets go of it, if
// nobody takes the message any more.
type holder interface{ drop() }

// later brings a message once some time has passed, unless the context is
// cancelled before.
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
