package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// typed types text, one key press per character.
func typed(m *model, text string) {
	for _, r := range text {
		send(m, tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// cursorOn returns the path under the cursor of the files.
func cursorOn(t *testing.T, m *model) string {
	t.Helper()
	n, ok := m.explorer.files.current()
	if !ok {
		return ""
	}
	return m.a.Tree.Path(n)
}

func footerOf(m *model) string {
	rows := screen(m)
	return strings.TrimSpace(rows[len(rows)-1])
}

func TestSearch(t *testing.T) {
	a := open(t, "app")
	tests := []struct {
		name   string
		keys   string // pressed before
		query  string
		after  string
		path   string
		footer string // part of the footer
	}{
		{"while typing", "g", "lib", "", "/usr/lib", "1 of 3"},
		{"from the cursor on", "g j j", "nginx", "", "/etc/nginx", "2 of 3"},
		{"enter keeps it", "g", "lib", "enter", "/usr/lib", "find"},
		{"and backspace goes back", "g", "lib", "enter backspace", "/usr", ""},
		{"esc goes back", "g", "flask", "esc", "/usr", "find"},
		{"n goes on", "g", "lib", "enter n", "/usr/lib/libc.so.6", "2 of 3"},
		{"and around", "g", "lib", "enter n n n", "/usr/lib", "1 of 3, from the top again"},
		{"N goes back", "g", "lib", "enter n N", "/usr/lib", "1 of 3"},
		{"and around", "g", "lib", "enter N", "/var/lib/apt/lists", "3 of 3, from the end again"},
		{"n after moving", "g", "lib", "enter G N", "/var/lib/apt/lists", "3 of 3"},
		{"a path", "g", "nginx/ng", "enter", "/etc/nginx/nginx.conf", ""},
		{"case", "g", "Lib", "", "/usr", "nothing matches"},
		{"nothing", "g", "zz", "enter", "/usr", "nothing matches zz"},
		{"in other layers", "g", "model.bin", "", "/usr", "in other layers: 1 (enter)"},
		{"enter goes there", "g", "model.bin", "enter", "/srv/app/model.bin", "1 of 1"},
		{"and back", "g", "model.bin", "enter backspace", "/usr", ""},
		{"fuzzy", "g", "", "", "/usr", ""},
		{"an empty one", "g", "", "enter", "/usr", "find"},
		{"n without any", "g", "", "esc n", "/usr", "no search to repeat"},
		{"the last one stays when a new one is dropped", "g", "lib", "enter / x esc n", "/usr/lib/libc.so.6", "2 of 3"},
		{"another mode", "g", "model", "enter m n", "/srv/app/model.bin", "2 of 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, 120, 40)
			press(m, "C "+tt.keys+" /")
			typed(m, tt.query)
			press(m, tt.after)
			if got := cursorOn(t, m); got != tt.path {
				t.Errorf("got cursor on %s, want %s", got, tt.path)
			}
			if got := footerOf(m); !strings.Contains(got, tt.footer) {
				t.Errorf("got footer %q, want %q in it", got, tt.footer)
			}
		})
	}
}

// TestFuzzySearch checks that a fuzzy search shows its best match, and n the next best.
func TestFuzzySearch(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g / ctrl+r")
	typed(m, "lib")
	if got := footerOf(m); !strings.HasPrefix(got, "fuzzy search: lib") || !strings.HasSuffix(got, "1 of 4") {
		t.Errorf("got footer %q", got)
	}
	press(m, "enter")
	var seen []string
	for range 5 {
		seen = append(seen, m.a.Tree.Path(m.explorer.files.anchor))
		press(m, "n")
	}
	if seen[0] != seen[4] || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != 4 {
		t.Errorf("n goes to %s", seen)
	}
}

// TestSearchClosesWhatItOpened checks that esc restores exactly the directories that were open
// before.
func TestSearchClosesWhatItOpened(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g l")
	before := screen(m)
	press(m, "/")
	typed(m, "flask")
	rowWith(t, m, "flask.py")
	typed(m, "x")
	press(m, "esc")
	if after := screen(m); !slices.Equal(before, after) {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// TestMatchesStandOut checks that matches of the typed text are highlighted in the rows until
// esc.
func TestMatchesStandOut(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g /")
	typed(m, "ib")
	press(m, "enter j")
	shown := func() bool { return strings.Contains(m.View().Content, m.lk.st.match.on+"ib") }
	if !shown() {
		t.Error("no match is highlighted")
	}
	press(m, "esc")
	if shown() {
		t.Error("matches are highlighted after esc")
	}
	press(m, "n")
	if !shown() {
		t.Error("no match is highlighted after n")
	}
}

// TestSearchOutOfOrder checks that the newest query wins in whatever order results arrive, and
// that keys typed after enter wait.
func TestSearchOutOfOrder(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g /")
	var cmds []tea.Cmd
	for _, r := range "libc" {
		_, cmd := m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		cmds = append(cmds, cmd)
	}
	for _, k := range []string{"enter", "n", "k"} {
		_, cmd := m.Update(keyOf(k))
		cmds = append(cmds, cmd)
	}
	slices.Reverse(cmds)
	settle(m, cmds...)
	if got := cursorOn(t, m); got != "/usr/lib" { // n stays on the only match, and k goes up to its directory
		t.Errorf("got cursor on %s", got)
	}
}

// TestWalk checks that n goes through the matches once each, in the order of the rows, and that
// N does the same backwards.
func TestWalk(t *testing.T) {
	for _, fixture := range []string{"app", "odd"} {
		a := open(t, fixture)
		for by := range orderCount {
			t.Run(fmt.Sprintf("%s, %s", fixture, by), func(t *testing.T) {
				view := a.Tree.View(analyze.Spec{Mode: analyze.Everything})
				found, err := a.Tree.Find(t.Context(), analyze.Query{Text: "i"})
				if err != nil {
					t.Fatal(err)
				}
				set, err := found.In(t.Context(), view)
				if err != nil {
					t.Fatal(err)
				}
				var want []analyze.NodeID
				var visit func(n analyze.NodeID)
				visit = func(n analyze.NodeID) {
					for _, k := range ordered(view, by, n) {
						if found.Has(k) {
							want = append(want, k)
						}
						visit(k)
					}
				}
				visit(analyze.Root)
				if len(want) < 2 {
					t.Fatalf("%d matches are too few", len(want))
				}
				w := walk{a.Tree, view, set, by}
				at := analyze.Root
				for i, n := range want {
					next, wrapped := w.next(at)
					if next != n || wrapped || w.position(n) != i+1 {
						t.Fatalf("match %d is %s (wrapped: %v, the %dth), want %s", i+1, a.Tree.Path(next), wrapped, w.position(n), a.Tree.Path(n))
					}
					at = next
				}
				if next, wrapped := w.next(at); next != want[0] || !wrapped {
					t.Errorf("after the last match comes %s", a.Tree.Path(next))
				}
				for i := len(want) - 2; i >= 0; i-- {
					prior, wrapped := w.prior(at)
					if prior != want[i] || wrapped {
						t.Fatalf("before %s comes %s, want %s", a.Tree.Path(at), a.Tree.Path(prior), a.Tree.Path(want[i]))
					}
					at = prior
				}
				if prior, wrapped := w.prior(at); prior != want[len(want)-1] || !wrapped {
					t.Errorf("before the first match comes %s", a.Tree.Path(prior))
				}
			})
		}
	}
}

// TestSearchWhileReading checks that a search and a filter stay active while more layers are
// read, and cover the layers read so far.
func TestSearchWhileReading(t *testing.T) {
	im, err := source.Open(t.Context(), testkit.ShapeNamed("docker-20").Write(t, testkit.Load(t, "testdata/app.image")), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	part, err := analyze.StartLower(t.Context(), im, analyze.Options{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := analyze.Start(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(t.Context(), Options{Name: "app", Environ: []string{"LANG=C.UTF-8"}})
	m.timer = nothingLater
	send(m, tea.WindowSizeMsg{Width: 120, Height: 40})
	m.shown = make(chan *analyze.Analysis)
	close(m.shown)
	send(m, m.loadedFrom()(t.Context(), part))
	press(m, "f")
	typed(m, "/**")
	press(m, "enter /")
	typed(m, "ngin")
	if got := footerOf(m); !strings.Contains(got, "nothing matches") {
		t.Errorf("one layer: got footer %q", got)
	}
	send(m, m.loadedFrom()(t.Context(), whole))
	intact(t, m)
	typed(m, "x")
	press(m, "enter")
	intact(t, m)
	if got := cursorOn(t, m); got != "/usr/sbin/nginx" {
		t.Errorf("all layers: got cursor on %s", got)
	}
	if m.explorer.files.found.Tree() != m.a.Tree {
		t.Error("matches of fewer layers are highlighted")
	}
	rowWith(t, m, "filter: /**")
}
