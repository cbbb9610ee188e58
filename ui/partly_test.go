package ui

import (
	"context"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestWhatIsReadIsShown checks that the lower layers can be viewed while the others are being
// read, and that your place stays the same when more arrive.
func TestWhatIsReadIsShown(t *testing.T) {
	im, err := source.Open(t.Context(), testkit.ShapeNamed("docker-20").Write(t, testkit.Load(t, "testdata/app.image")), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	lower := func(n int) *analyze.Analysis {
		a, err := analyze.StartLower(t.Context(), im, analyze.Options{}, n)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	whole, err := analyze.Start(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(t.Context(), Options{Name: "app", Environ: []string{"LANG=C.UTF-8"}})
	m.timer = nothingLater
	send(m, tea.WindowSizeMsg{Width: 120, Height: 40})
	m.loading.p = Progress{Bytes: 25, TotalBytes: 100, Layers: 2, TotalLayer: 8}

	// Nothing arrives for shownCmd, so only immediate effects count.
	m.shown = make(chan *analyze.Analysis)
	close(m.shown)
	send(m, m.loadedFrom()(t.Context(), lower(2)))
	intact(t, m)
	rowWith(t, m, "reading 2 of 8 layers, 25 %")
	rowWith(t, m, "7 reading")
	rowWith(t, m, "Files after layer 1")
	golden(t, "partly-120x40", screen(m))

	m.touched = true
	n, _ := m.a.Tree.Lookup("/usr/bin")
	settle(m, m.explorer.reveal(n))
	send(m, m.loadedFrom()(t.Context(), lower(5)))
	intact(t, m)
	rowWith(t, m, "Files after layer 4") // a cursor at the top follows
	if at, _ := m.explorer.files.current(); m.a.Tree.Path(at) != "/usr/bin" {
		t.Errorf("got cursor on %s", m.a.Tree.Path(at))
	}
	press(m, "[ [")
	send(m, m.loadedFrom()(t.Context(), whole))
	rowWith(t, m, "Files after layer 2") // a cursor elsewhere stays
	if m.reading() || m.explorer.layers.cursor != 2 {
		t.Errorf("still reading, or at layer %d", m.explorer.layers.cursor)
	}
	send(m, m.loadedFrom()(t.Context(), lower(3))) // too late
	if !m.a.Whole() {
		t.Error("an analysis of fewer layers replaced the complete one")
	}
	press(m, "2 3 1 ] ] ] ] ]")
	intact(t, m)
	rowWith(t, m, "Files after layer 7")
}

// TestLoaderShows tests Load's own sequence: show, then the end.
func TestLoaderShows(t *testing.T) {
	a := open(t, "app")
	m := newModel(t.Context(), Options{Environ: []string{"LANG=C.UTF-8"}, Load: func(_ context.Context, _ func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
		show(a)
		show(a) // the first one hasn't been taken yet
		return a, nil
	}})
	m.timer = nothingLater
	settle(m, m.Init())
	if m.a != a {
		t.Errorf("the analysis isn't shown: %v, %v", m.a, m.err)
	}
}
