package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// restless makes the cursor count as resting immediately, wherever it goes.
func restless(m *model) {
	m.timer = func(_ context.Context, _ time.Duration, msg tea.Msg) tea.Cmd {
		if _, ok := msg.(previewMsg); !ok {
			return nil
		}
		return func() tea.Msg { return msg }
	}
}

// previewText returns the text of the preview.
func previewText(m *model) string {
	in := m.explorer.layout.panes[previewPane]
	var out []string
	for y, row := range screen(m) {
		if in.hasRow(y) {
			out = append(out, strings.TrimSpace(string([]rune(row)[in.x:in.x+in.w])))
		}
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// TestPreview checks that the preview shows the beginning of the file under the cursor, to the
// right of the files or in place of the history, and follows the cursor.
func TestPreview(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}, {60, 30}} {
		m := start(t, open(t, "view"), size[0], size[1])
		restless(m)
		press(m, "L s s s enter g p") // sorted by name
		intact(t, m)
		for i := range m.explorer.files.rows.len() {
			v, _ := m.explorer.chosen()
			got, path := previewText(m), m.a.Tree.Path(v.Node())
			switch {
			case v.Kind() != analyze.TypeFile:
				if got == "" || strings.Contains(got, "reading") {
					t.Errorf("%v: %s: %q", size, path, got)
				}
			case v.Size() == 0:
				if got != "an empty file" {
					t.Errorf("%v: %s: %q", size, path, got)
				}
			default:
				if got == "" || strings.Contains(got, "reading") || strings.Contains(got, "cannot") {
					t.Errorf("%v: %s: %q", size, path, got)
				}
			}
			intact(t, m)
			if i == 0 {
				first := got
				press(m, "down up")
				if now := previewText(m); now != first {
					t.Errorf("%v: down and up: got %q, before %q", size, now, first)
				}
			}
			press(m, "down")
		}
		press(m, "p")
		if !m.explorer.layout.panes[previewPane].empty() {
			t.Errorf("%v: the preview is still shown", size)
		}
		intact(t, m)
	}
}

// TestPreviewIsGivenUp checks that content for an earlier cursor is dropped, and that nothing
// is read before the cursor rests.
func TestPreviewIsGivenUp(t *testing.T) {
	m := start(t, open(t, "view"), 120, 40)
	var rests []tea.Msg
	m.timer = func(_ context.Context, _ time.Duration, msg tea.Msg) tea.Cmd {
		if _, ok := msg.(previewMsg); ok {
			rests = append(rests, msg)
		}
		return nil
	}
	press(m, "L p down down down down")
	if len(rests) < 2 {
		t.Fatalf("the cursor rested %d times, want at least 2", len(rests))
	}
	send(m, rests[0])
	if p := &m.explorer.preview; len(p.rows) > 0 || p.stop != nil {
		t.Error("a file is read although the cursor has left it")
	}
	last := rests[len(rests)-1]
	_, cmd := m.Update(last)
	press(m, "up") // during the read
	settle(m, cmd)
	if p := &m.explorer.preview; len(p.rows) > 0 || p.about != "" {
		t.Error("the preview shows another file")
	}
}

// TestPreviewReadsNothingAgain checks that a file isn't previewed if its image would have to be
// read again.
func TestPreviewReadsNothingAgain(t *testing.T) {
	im, err := source.Open(t.Context(), "../testdata/whole.tar.xz", source.Options{ContentOnDemand: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, a, 120, 40)
	restless(m)
	press(m, "L p")
	if got := previewText(m); !strings.Contains(got, "no preview: it needs") {
		t.Errorf("the preview shows %q", got)
	}
}

func TestPreviewHasNoRoom(t *testing.T) {
	m := start(t, open(t, "app"), 40, 10)
	press(m, "p")
	rowWith(t, m, "no room for a preview")
	intact(t, m)
}

func TestPreviewFrames(t *testing.T) {
	tests := []struct {
		name string
		size [2]int
		env  string
	}{
		{"preview-80x24", [2]int{80, 24}, ""},
		{"preview-120x40", [2]int{120, 40}, ""},
		{"preview-200x60", [2]int{200, 60}, ""},
		{"preview-40x10", [2]int{40, 10}, ""},
		{"preview-20x5", [2]int{20, 5}, ""},
		{"preview-ascii-80x24", [2]int{80, 24}, "LANG=C"},
		{"preview-no-color-200x60", [2]int{200, 60}, "NO_COLOR=1"},
	}
	a := open(t, "view")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, tt.size[0], tt.size[1], tt.env)
			restless(m)
			press(m, "E / a p p . enter p")
			intact(t, m)
			golden(t, tt.name, screen(m))
		})
	}
}
