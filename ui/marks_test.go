package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// markSizes are the terminal sizes on which marks are tested.
var markSizes = [][2]int{{80, 24}, {120, 40}}

// TestMarks checks that marked paths are shown and counted at every size, and that esc removes
// the marks before it does anything else.
func TestMarks(t *testing.T) {
	a := open(t, "app")
	for _, size := range append(markSizes, [2]int{40, 10}, [2]int{200, 60}) {
		m := start(t, a, size[0], size[1])
		press(m, "C g space space")
		rowWith(t, m, "2 marked")
		rowWith(t, m, "◆usr")
		rowWith(t, m, "◆srv/app")
		intact(t, m)
		if m.explorer.files.cursor != 2 {
			t.Errorf("got cursor on row %d", m.explorer.files.cursor)
		}
		press(m, "k space")
		rowWith(t, m, "1 marked")
		press(m, "2 1 [ m") // the marks stay
		rowWith(t, m, "1 marked")
		press(m, "esc")
		if all := strings.Join(screen(m), "\n"); strings.Contains(all, " marked") || strings.Contains(all, "◆") {
			t.Errorf("marks are left after esc:\n%s", all)
		}
	}
	m := start(t, a, 80, 24, "LANG=C")
	press(m, "C g space")
	rowWith(t, m, "+@usr")
}

// TestExtractMarked checks that one task extracts all marked paths, each as the pane shows it.
func TestExtractMarked(t *testing.T) {
	a := open(t, "app")
	node := func(path string) analyze.NodeID {
		n, ok := a.Tree.Lookup(path)
		if !ok {
			t.Fatal("no path", path)
		}
		return n
	}
	tests := []struct {
		name, keys, asks string
		want             []Taken
	}{
		{"after the top layer", "C g space space x enter", "extract 2 paths after layer 7 to:", []Taken{{node("/srv/app"), 7, false}, {node("/usr"), 7, false}}},
		{"of one layer", "C g space m [ [ [ x enter", "extract /usr of layer 4 to:", []Taken{{node("/usr"), 4, true}}},
		{"with the history in focus, its version alone", "C g j space tab x enter", "extract /etc", nil},
	}
	for _, size := range markSizes {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				m := start(t, a, size[0], size[1])
				var r recorder
				m.options.Actions = r.actions()
				press(m, strings.TrimSuffix(tt.keys, " enter"))
				rowWith(t, m, tt.asks)
				press(m, "enter")
				if tt.want == nil {
					if len(r.x.Taken) != 1 || !r.x.Taken[0].Alone {
						t.Errorf("asked for %+v", r.x)
					}
					return
				}
				got := map[Taken]bool{}
				for _, x := range r.x.Taken {
					got[x] = true
				}
				for _, w := range tt.want {
					if !got[w] || len(got) != len(tt.want) {
						t.Errorf("got %+v, want %+v", r.x.Taken, tt.want)
					}
				}
			})
		}
	}
}

// TestExtractMarkedAsksOnce checks that a conflict of several paths is one question, and that
// all of them are written again.
func TestExtractMarkedAsksOnce(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	var asked []Extraction
	m.options.Actions.Extract = func(_ context.Context, _ *analyze.Analysis, x Extraction, _ func(done, total int64)) (string, error) {
		if asked = append(asked, x); !x.Force {
			return "", &ExistsError{"2 files are there already"}
		}
		return "all written", nil
	}
	press(m, "C g space space x enter")
	rowWith(t, m, "replace them (y)")
	press(m, "y enter")
	rowWith(t, m, "all written")
	if len(asked) != 2 || len(asked[1].Taken) != 2 || !asked[1].Force {
		t.Errorf("asked for %+v", asked)
	}
}

// TestCopyMarked checks that marked paths are copied one per line.
func TestCopyMarked(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g space space")
	_, cmd := m.Update(keyOf("y"))
	rowWith(t, m, "2 paths copied")
	if got := clipped(cmd); got != "/srv/app\n/usr\n" {
		t.Errorf("%q was copied", got)
	}
}

// clipped returns the text that a command copies to the clipboard.
func clipped(cmd tea.Cmd) string {
	if cmd == nil {
		return ""
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			if s := clipped(c); s != "" {
				return s
			}
		}
	default:
		if fmt.Sprintf("%T", msg) == "tea.setClipboardMsg" {
			return fmt.Sprint(msg)
		}
	}
	return ""
}
