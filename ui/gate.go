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
	if g.shut && g.in == 0 {
		close(g.idle)
	}
}

// close shuts the gate. What is under way goes on.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut && g.in == 0 {
		close(g.idle)
	}
	g.shut = true
}

// A stay is the time for which one image, or the list of images, has the screen.
// When another image is opened, everything that was asked for about the one
// before is cancelled; what it brings all the same is dropped; and the next one
// is read once nothing uses the one before any more, so that it can be closed.
type stay struct {
	*gate
	before *stay // nil for the first
	cancel context.CancelFunc
}

// newStay begins a stay, and returns the context of all that is done in it.
func newStay(ctx context.Context, before *stay) (context.Context, *stay) {
	s := &stay{gate: newGate(), before: before}
	ctx, s.cancel = context.WithCancel(ctx)
	return ctx, s
}

// end cancels what is under way in the stay.
func (s *stay) end() {
	if s != nil {
		s.cancel()
		s.close()
	}
}

// over waits until nothing is under way any more, in this stay and those before.
func (s *stay) over(ctx context.Context) error {
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

// bind makes a command one of the stay: it does not begin once that has ended,
// and what it brings is for this stay alone. A nil stay has all commands as they
// are.
func (s *stay) bind(cmd tea.Cmd) tea.Cmd {
	if s == nil || cmd == nil {
		return cmd
	}
	return func() tea.Msg {
		if !s.enter() {
			return nil
		}
		defer s.leave()
		switch msg := cmd().(type) {
		case tea.BatchMsg:
			bound := make(tea.BatchMsg, len(msg))
			for i, cmd := range msg {
				bound[i] = s.bind(cmd)
			}
			return bound
		case deed:
			return stayMsg{s, msg}
		default:
			return msg
		}
	}
}

// stayMsg is a message of a stay.
type stayMsg struct {
	of   *stay
	deed deed
}

func (msg stayMsg) do(m *model) tea.Cmd {
	if m.stay != msg.of {
		return nil
	}
	return msg.deed.do(m)
}

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
