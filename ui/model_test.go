package ui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

// TestOpensOnTheLargestWaste checks that the screen opens on the largest waste and explains it.
func TestOpensOnTheLargestWaste(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	n, ok := m.explorer.files.current()
	if !ok {
		t.Fatal("no row is selected")
	}
	if got := m.a.Tree.Path(n); got != "/var/lib/apt/lists" {
		t.Errorf("got cursor on %s", got)
	}
	if m.explorer.layers.cursor != len(m.a.Layers)-1 {
		t.Errorf("got layer %d", m.explorer.layers.cursor)
	}
}

// TestCursorStaysOnItsPath checks that the cursor stays on its path when the layer changes. If
// the path isn't there, the cursor moves to the nearest parent, and later comes back.
func TestCursorStaysOnItsPath(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	path := func() string {
		n, _ := m.explorer.files.current()
		return m.a.Tree.Path(n)
	}
	m.explorer.files.anchor, _ = m.a.Tree.Lookup("/srv/app/model.bin")
	press(m, "E [")
	steps := []struct{ key, want string }{
		{"", "/srv/app/model.bin"},
		{"]", "/srv/app"},
		{"[", "/srv/app/model.bin"},
		{"[ [ [ [", "/"},
		{"]", "/srv/app/model.bin"},
		{"s s enter", "/srv/app/model.bin"},
		{"m", "/srv/app/model.bin"},
		{"h h", "/srv/app"},
	}
	for _, s := range steps {
		press(m, s.key)
		want := s.want
		if want == "/" { // it has no row, so use the first row
			want = m.a.Tree.Path(m.explorer.files.rows.at(0).node)
		}
		if got := path(); got != want {
			t.Fatalf("after %q, got cursor on %s, want %s", s.key, got, want)
		}
	}
}

func TestFilesKeys(t *testing.T) {
	tests := []struct {
		keys, want string
	}{
		{"g", "/usr"},
		{"g l", "/usr"},
		{"g l l", "/usr/lib"},
		{"g l l h", "/usr"},
		{"g right j left", "/usr"},
		{"g enter j j", "/usr/bin"},
		{"g enter j", "/usr/lib"},
		{"g E j j", "/usr/lib/libc.so.6"},
		{"C g j", "/srv/app"},
		{"C G k", "/tmp"},
		{"C G", "/var/lib/apt/lists"},
		{"C g pgdown", "/var/lib/apt/lists"},
		{"C g pgdown pgup", "/usr"},
		{"C s s enter g", "/srv/app"},
		{"C s s s enter g", "/bin"},
	}
	a := open(t, "app")
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			m := start(t, a, 120, 40)
			press(m, tt.keys)
			n, ok := m.explorer.files.current()
			if !ok {
				t.Fatal("no row is selected")
			}
			if got := a.Tree.Path(n); got != tt.want {
				t.Errorf("got cursor on %s, want %s", got, tt.want)
			}
		})
	}
}

// TestKeysWaitForRows checks that keys pressed while rows are computed wait for them.
func TestKeysWaitForRows(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g")
	var cmds []tea.Cmd
	for _, k := range []string{"l", "l", "j", "l", "j"} {
		_, cmd := m.Update(keyOf(k))
		cmds = append(cmds, cmd)
	}
	settle(m, cmds...)
	n, _ := m.explorer.files.current()
	// Open /usr, go into /usr/lib and down to /usr/bin, open that, and go into it.
	if got := m.a.Tree.Path(n); got != "/usr/bin/bash" {
		t.Errorf("got cursor on %s", got)
	}
}

// TestTheLastLayerWins checks that after moving through many layers quickly, the last one is
// shown.
func TestTheLastLayerWins(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "shift+tab")
	var cmds []tea.Cmd
	for range 5 {
		_, cmd := m.Update(keyOf("k"))
		cmds = append(cmds, cmd)
	}
	settle(m, cmds...)
	if m.explorer.layers.cursor != 2 || m.explorer.files.spec.At != 2 {
		t.Errorf("got layer %d, with the files after layer %d", m.explorer.layers.cursor, m.explorer.files.spec.At)
	}
}

func TestModes(t *testing.T) {
	tests := []struct {
		keys, title string
	}{
		{"", "Files after layer 7"},
		{"m", "Layer 7 alone"},
		{"m m", "Changes of layers 1 to 7"},
		{"m m m", "Everything in any layer"},
		{"m m m m", "Files after layer 7"},
		{"[ [ i", "Range after layer 5"},
		{"[ [ i ]", "Changes of layer 6"},
		{"[ [ i [ [", "Changes of layers 4 to 5"},
	}
	a := open(t, "app")
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			m := start(t, a, 120, 40)
			press(m, tt.keys)
			rowWith(t, m, tt.title)
		})
	}
}

func TestHistoryTells(t *testing.T) {
	m := start(t, open(t, "app"), 200, 60)
	press(m, "E [")
	m.explorer.files.anchor, _ = m.a.Tree.Lookup("/srv/app/model.bin")
	press(m, "s s enter")
	rowWith(t, m, " /srv/app/model.bin ")
	for _, want := range []string{
		"✕ 7  removed ", "  by RUN mv /srv/app/model.bin",
		"0600 ← 0644  1000:1000 ← 0:0",
		"wasted by 4: metadata",
		"by COPY model.bin /srv/app/",
	} {
		rowWith(t, m, want)
	}
}

func TestMouse(t *testing.T) {
	a := open(t, "app")
	at := func(p pane, x, y int) func(*model) tea.Mouse {
		return func(m *model) tea.Mouse {
			in := m.explorer.layout.panes[p]
			return tea.Mouse{X: in.x + x, Y: in.y + y, Button: tea.MouseLeft}
		}
	}
	tests := []struct {
		name  string
		click func(*model) tea.Mouse
		want  func(*model) bool
	}{
		{"a layer", at(layersPane, 5, 3), func(m *model) bool {
			return m.explorer.layers.cursor == 2 && m.explorer.files.spec.At == 2 && m.explorer.focus == layersPane
		}},
		{"a path", at(filesPane, 50, 2), func(m *model) bool { return m.explorer.files.cursor == 1 && m.explorer.focus == filesPane }},
		{"a column of the strip", at(filesPane, 1+3, 1), func(m *model) bool { return m.explorer.layers.cursor == 3 }},
		{"below the last row", at(filesPane, 50, 15), func(m *model) bool { return m.explorer.files.cursor == 0 }},
		{"the names of the columns", at(layersPane, 5, 0), func(m *model) bool { return m.explorer.layers.cursor == 7 }},
		{"a directory's sign", func(m *model) tea.Mouse {
			return at(filesPane, m.explorer.files.fixed(m.explorer.layout.panes[filesPane].w)+8, 1)(m)
		}, func(m *model) bool {
			return m.a.Tree.Path(m.explorer.files.rows.at(1).node) == "/usr/lib"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, 120, 40)
			press(m, "C g")
			send(m, tea.MouseClickMsg(tt.click(m)))
			if !tt.want(m) {
				t.Errorf("got layer %d, row %d, pane %d", m.explorer.layers.cursor, m.explorer.files.cursor, m.explorer.focus)
			}
			intact(t, m)
		})
	}
	t.Run("the wheel", func(t *testing.T) {
		m := start(t, a, 80, 12)
		press(m, "E g")
		mouse := at(filesPane, 5, 5)(m)
		mouse.Button = tea.MouseWheelDown
		send(m, tea.MouseWheelMsg(mouse))
		if m.explorer.files.top != wheelRows {
			t.Errorf("got first row %d", m.explorer.files.top)
		}
		intact(t, m)
	})
}

// TestThemes checks that the selected layer's column is visible as such, with and without
// colours.
func TestThemes(t *testing.T) {
	tests := []struct {
		name    string
		msg     tea.Msg
		env     string
		content []string
		not     []string
	}{
		{"dark", tea.BackgroundColorMsg{Color: darkPalette.column}, "", []string{"48;2;61;74;99"}, nil},
		{"light", tea.BackgroundColorMsg{Color: lightPalette.selected}, "", []string{"48;2;213;220;230"}, nil},
		{"256 colours", tea.ColorProfileMsg{Profile: colorprofile.ANSI256}, "", []string{"48;5;240"}, nil},
		{"16 colours", tea.ColorProfileMsg{Profile: colorprofile.ANSI}, "", []string{"\x1b[7m", "1;4;32;4m"}, []string{"38;2", "48;2"}},
		{"none", tea.ColorProfileMsg{Profile: colorprofile.ASCII}, "", []string{"\x1b[7m", "1;4;4m"}, []string{"38;2", "[3", "48;2"}},
		{"NO_COLOR", nil, "NO_COLOR=yes", []string{"\x1b[7m", "1;4;4m"}, []string{"38;2", "[3", "48;2"}},
	}
	a := open(t, "app")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, 120, 40, tt.env)
			send(m, tt.msg)
			intact(t, m)
			content := m.View().Content
			for _, s := range tt.content {
				if !strings.Contains(content, s) {
					t.Errorf("no %q on the screen", s)
				}
			}
			for _, s := range tt.not {
				if strings.Contains(content, s) {
					t.Errorf("the screen contains %q", s)
				}
			}
		})
	}
}

// loadFunc is the type of Options.Load.
type loadFunc = func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error)

func TestRun(t *testing.T) {
	failure := errors.New("no such image")
	a := open(t, "app")
	stuck := func(ctx context.Context, _ func(Progress), _ func(*analyze.Analysis)) (*analyze.Analysis, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	tests := []struct {
		name string
		load loadFunc
		keys string
		want error
	}{
		{"loading fails", func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return nil, failure
		}, "", failure},
		{"no analysis and no error", func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return nil, nil
		}, "", errNothing},
		{"q while loading", stuck, "q", nil},
		{"esc while loading doesn't end the program", stuck, "\x1b[Zq", nil},
		{"ctrl+c while loading", stuck, "\x03", ErrInterrupted},
		{"q later", func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		}, "q", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, keys := io.Pipe()
			defer func() { _ = keys.Close() }()
			out := newScreenUp(altScreenOn)
			if tt.keys != "" {
				out.types(keys, tt.keys)
			}
			var ended error
			got := Run(t.Context(), Options{
				Name: "app", Input: in, Output: out, Environ: []string{"TERM=xterm", "LANG=C.UTF-8"},
				Load: func(ctx context.Context, p func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
					a, err := tt.load(ctx, p, show)
					ended = err
					return a, err
				},
			})
			if !errors.Is(got, tt.want) || tt.want == nil && got != nil {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if tt.want == nil && tt.keys == "\x03" && !errors.Is(ended, context.Canceled) {
				t.Errorf("loading ended with %v", ended)
			}
		})
	}
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in, keys := io.Pipe()
		defer func() { _ = keys.Close() }()
		out := newScreenUp(altScreenOn)
		go func() {
			<-out.up
			cancel()
		}()
		err := Run(ctx, Options{Input: in, Output: out, Environ: []string{}, Load: stuck})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
