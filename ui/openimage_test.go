package ui

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// What is found is opened at once; what cannot be is said, in the list.
func TestPickerOpens(t *testing.T) {
	app := open(t, "app")
	tests := []struct {
		keys  string
		wants string // what was opened, in turn
		says  string // on the screen then
	}{
		{"enter", "docker://app:1", "Layers"},
		{"/ l o c a l h o s t enter", "podman://localhost/app:1", "cannot open podman://localhost/app:1: the disk \\x1b[2J is gone"},
		{"/ l o c a l h o s t enter esc g enter", "podman://localhost/app:1 docker://app:1", "Layers"},
		{"/ a p p down enter", "podman://localhost/app:1", "cannot open"},
		{"enter ctrl+p", "docker://app:1", "esc closes"},
		{"enter ctrl+p esc", "docker://app:1", "Layers"},
		{"enter 2 ctrl+p q", "docker://app:1", "Waste"},
		{"enter ctrl+p enter", "docker://app:1 docker://app:1", "Layers"},
		{"enter ctrl+p j enter", "docker://app:1 podman://localhost/app:1", "cannot open"},
		{"/ a p p enter ctrl+p / l o c a l enter", "docker://app:1 podman://localhost/app:1", "[search: local ×]"},
		{"/ q q enter", "", "no image matches: qq"},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			s := &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{"docker://app:1": app}}
			m := picking(t, s, 120, 24)
			press(m, tt.keys)
			intact(t, m)
			if got := strings.Join(s.opened, " "); got != tt.wants {
				t.Errorf("opened %s, want %s", got, tt.wants)
			}
			rowWith(t, m, tt.says)
			if m.err != nil {
				t.Error(m.err)
			}
		})
	}
}

// Nothing of one image is left when another is opened: it is as if that had
// been opened first.
func TestAnotherImageBeginsAnew(t *testing.T) {
	app, odd := open(t, "app"), open(t, "odd")
	s := &fakeShop{
		sources: []Source{answers("docker", localImage("docker", "app", 1, 1, 1), localImage("docker", "odd", 1, 2, 1))},
		images:  map[string]*analyze.Analysis{"docker://app": app, "docker://odd": odd},
	}
	m := picking(t, s, 120, 40)
	press(m, "enter shift+tab k i m s s enter E 2 j j 3 j ctrl+p j enter")
	want := picking(t, s, 120, 40)
	press(want, "j enter")
	if got, want := screen(m), screen(want); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(m.trail) != 0 || m.explorer.from != want.explorer.from || m.explorer.mode != want.explorer.mode {
		t.Error("something is left")
	}
}

// What comes late about an image that is not shown any more is dropped, and that is
// closed once nothing is under way for it.
func TestLateResultsAreDropped(t *testing.T) {
	app, odd := open(t, "app"), open(t, "odd")
	s := &fakeShop{
		sources: []Source{answers("docker", localImage("docker", "app", 1, 1, 1), localImage("docker", "odd", 1, 2, 1))},
		images:  map[string]*analyze.Analysis{"docker://app": app, "docker://odd": odd},
	}
	m := picking(t, s, 120, 40)
	closed := make(chan *analyze.Analysis, 1)
	m.options.Close = func(a *analyze.Analysis) { closed <- a }
	press(m, "enter")
	begun, finish := make(chan struct{}), make(chan struct{})
	late := m.session.bind(func() tea.Msg {
		close(begun)
		<-finish
		return m.loadedFrom()(t.Context(), app)
	})
	came := make(chan tea.Msg, 1)
	go func() { came <- late() }()
	<-begun
	press(m, "ctrl+p j")
	_, cmd := m.Update(keyOf("enter"))
	settled := make(chan struct{})
	go func() {
		settle(m, cmd)
		close(settled)
	}()
	select {
	case <-closed:
		t.Fatal("the image before is closed while it is in use")
	case <-time.After(20 * time.Millisecond): // as long as it takes to see that it waits
	}
	close(finish)
	<-settled
	if m.a != odd || <-closed != app {
		t.Error("the other image is not shown, or the first one not closed")
	}
	send(m, <-came)
	if m.a != odd {
		t.Error("a late result has taken its place")
	}
}

// A command of an image that has been left runs all the same, with its context
// cancelled: it may hold something open. What it brings is let go of, and then
// the session is over.
func TestLeftBeforeItBegan(t *testing.T) {
	m := picking(t, &fakeShop{sources: someImages()}, 80, 24)
	_, cmd := m.Update(keyOf("enter"))
	left, ctx := m.session, m.ctx
	late := left.bind(func() tea.Msg { return heldMsg{&gate{}} })
	_, back := m.Update(keyOf("esc"))
	if ctx.Err() == nil {
		t.Error("its context is not cancelled")
	}
	settle(m, cmd, back)
	select {
	case <-left.idle:
		t.Fatal("it is over, and a command has not run")
	default:
	}
	msg := late()
	send(m, msg)
	if err := left.over(t.Context()); err != nil {
		t.Error(err)
	}
	if held := msg.(sessionMsg).msg.(heldMsg).g; !held.shut {
		t.Error("what it has onRows is not let go of")
	}
	rowWith(t, m, "Images")
}

// heldMsg holds a gate open.
type heldMsg struct{ g *gate }

func (heldMsg) update(*model) tea.Cmd { return nil }
func (msg heldMsg) drop()             { msg.g.shut = true }

// A file that is viewed is closed when another image is opened.
func TestPagesAreClosedWithTheirImage(t *testing.T) {
	app := open(t, "app")
	s := &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{"docker://app:1": app}}
	m := picking(t, s, 120, 40)
	press(m, "enter")
	ctx, stop := context.WithCancel(t.Context())
	m.open(&viewer{stop: stop, h: m, lk: &m.lk})
	settle(m, m.session.bind(m.backToPicker(nil)))
	if ctx.Err() == nil {
		t.Error("the viewer does not know that it is closed")
	}
}
