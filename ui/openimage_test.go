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

// TestPickerOpens checks that an image that is found is opened, and that an error is shown in
// the list.
func TestPickerOpens(t *testing.T) {
	app := open(t, "app")
	tests := []struct {
		keys  string
		wants string // images that were opened, in order
		says  string // shown on the screen afterwards
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

// TestAnotherImageBeginsAnew checks that opening another image leaves nothing of the previous
// one, as if the new image had been opened first.
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

// TestLateResultsAreDropped checks that late results for an image that is no longer shown are
// dropped, and that the image is closed once nothing is running for it.
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
		t.Fatal("the previous image was closed while in use")
	case <-time.After(20 * time.Millisecond): // long enough to see that it waits
	}
	close(finish)
	<-settled
	if m.a != odd || <-closed != app {
		t.Error("the other image isn't shown, or the first one isn't closed")
	}
	send(m, <-came)
	if m.a != odd {
		t.Error("a late result replaced the image")
	}
}

// TestLeftBeforeItBegan checks that a command of an image that you left still runs, with its
// context cancelled, since it may hold a resource. Its result is released, and then the session
// ends.
func TestLeftBeforeItBegan(t *testing.T) {
	m := picking(t, &fakeShop{sources: someImages()}, 80, 24)
	_, cmd := m.Update(keyOf("enter"))
	left, ctx := m.session, m.ctx
	late := left.bind(func() tea.Msg { return heldMsg{&gate{}} })
	_, back := m.Update(keyOf("esc"))
	if ctx.Err() == nil {
		t.Error("the context of the image that was left isn't cancelled")
	}
	settle(m, cmd, back)
	select {
	case <-left.idle:
		t.Fatal("the session ended before a command ran")
	default:
	}
	msg := late()
	send(m, msg)
	if err := left.over(t.Context()); err != nil {
		t.Error(err)
	}
	if held := msg.(sessionMsg).msg.(heldMsg).g; !held.shut {
		t.Error("the resource in its message isn't released")
	}
	rowWith(t, m, "Images")
}

// heldMsg holds a gate open.
type heldMsg struct{ g *gate }

func (heldMsg) update(*model) tea.Cmd { return nil }
func (msg heldMsg) drop()             { msg.g.shut = true }

// TestPagesAreClosedWithTheirImage checks that a viewed file is closed when another image is
// opened.
func TestPagesAreClosedWithTheirImage(t *testing.T) {
	app := open(t, "app")
	s := &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{"docker://app:1": app}}
	m := picking(t, s, 120, 40)
	press(m, "enter")
	ctx, stop := context.WithCancel(t.Context())
	m.open(&viewer{stop: stop, h: m, lk: &m.lk})
	settle(m, m.session.bind(m.backToPicker(nil)))
	if ctx.Err() == nil {
		t.Error("the viewer isn't closed")
	}
}
