package ui

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

const sameSize = `
-- layer --
file a 5000 mode=0644
-- layer --
file a 5000 mode=0600
`

// unsettled returns a program whose image is shown before a comparison has run, that
// comparison's command, and a function that cancels it.
func unsettled(t *testing.T) (*model, tea.Cmd, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f, err := testkit.Parse(sameSize)
	if err != nil {
		t.Fatal(err)
	}
	im, err := source.Open(t.Context(), testkit.ShapeNamed("docker-20").Write(t, f), source.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	m := newModel(ctx, Options{Name: "x", Environ: []string{"LANG=C.UTF-8"},
		Load: func(ctx context.Context, _ func(Progress), _ func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return analyze.Start(ctx, im, analyze.Options{})
		},
	})
	m.timer = nothingLater
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	msg, ok := m.loadCmd()().(loadedMsg)
	if !ok || msg.err != nil {
		t.Fatalf("loading returned %+v", msg)
	}
	_, cmd := m.Update(msg)
	if cmd == nil {
		t.Fatal("no comparison is left")
	}
	return m, cmd, cancel
}

// TestSettle checks that the screen appears before contents have been compared and says which
// figures may still change, and that it then shows the results.
func TestSettle(t *testing.T) {
	m, compare, cancel := unsettled(t)
	defer cancel()
	frame := func() string { return strings.Join(screen(m), "\n") }
	for _, want := range []string{"comparing 1 file", "modified?", "overwritten?", "not final"} {
		if !strings.Contains(frame(), want) {
			t.Errorf("before: no %q on the screen:\n%s", want, frame())
		}
	}
	settle(m, compare)
	for _, wrong := range []string{"comparing", "?  ", "overwritten", "not final"} {
		if strings.Contains(strings.ReplaceAll(frame(), "? help", ""), wrong) {
			t.Errorf("after: %q on the screen:\n%s", wrong, frame())
		}
	}
	if !strings.Contains(frame(), "metadata") {
		t.Errorf("after: no \"metadata\" on the screen:\n%s", frame())
	}
}

// TestSettleCancelled checks that quitting doesn't wait for comparisons.
func TestSettleCancelled(t *testing.T) {
	m, compare, cancel := unsettled(t)
	cancel()
	if !settle(m, compare) || !errors.Is(m.err, context.Canceled) {
		t.Errorf("the program ends with %v, want %v", m.err, context.Canceled)
	}
}
