package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestZoom checks that one key gives the focused pane the whole screen, that tab moves on to
// the next pane, and that the same key or esc restores all panes, each in its place.
func TestZoom(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 30}, {40, 10}} {
		m := start(t, open(t, "app"), size[0], size[1])
		press(m, "E j j j")
		before := strings.Join(screen(m), "\n")
		layers := m.explorer.layers.list
		for _, back := range []string{"z", "esc"} {
			press(m, "z")
			intact(t, m)
			area := m.areas.body.inside()
			if got := m.explorer.layout.panes[filesPane]; got != area || m.explorer.layout.count != 1 {
				t.Errorf("%v: the files pane takes %+v of %+v", size, got, area)
			}
			press(m, "tab")
			intact(t, m)
			if got := m.explorer.layout.panes[historyPane]; got != area {
				t.Errorf("%v: the history pane takes %+v of %+v", size, got, area)
			}
			press(m, "tab")
			intact(t, m)
			if got := m.explorer.layout.panes[layersPane]; got != area {
				t.Errorf("%v: the layers pane takes %+v of %+v", size, got, area)
			}
			press(m, "tab "+back)
			intact(t, m)
			if after := strings.Join(screen(m), "\n"); after != before {
				t.Errorf("%v: after %s:\n%s\nbefore:\n%s", size, back, after, before)
			}
			if size[0] >= twoColumns && m.explorer.layers.list != layers {
				t.Errorf("%v: the layers are at %+v, were at %+v", size, m.explorer.layers.list, layers)
			}
		}
	}
}

// TestZoomOutOfHistory checks that on a screen too small for the history, leaving its full
// screen leads to the files.
func TestZoomOutOfHistory(t *testing.T) {
	m := start(t, open(t, "app"), 40, 10)
	press(m, "z tab")
	rowWith(t, m, "added")
	press(m, "z")
	intact(t, m)
	if m.explorer.focus != filesPane {
		t.Errorf("pane %d has the focus", m.explorer.focus)
	}
	press(m, "z tab")
	send(m, tea.WindowSizeMsg{Width: 80, Height: 24})
	press(m, "z")
	if m.explorer.focus != historyPane {
		t.Errorf("pane %d has the focus although the history has room", m.explorer.focus)
	}
}

func TestZoomMap(t *testing.T) {
	for _, size := range mapSizes {
		m := start(t, open(t, "app"), size[0], size[1])
		press(m, "4")
		before := strings.Join(screen(m), "\n")
		press(m, "z")
		intact(t, m)
		if all := strings.Join(screen(m), "\n"); strings.Contains(all, "in the end") {
			t.Errorf("%v: the detail is shown:\n%s", size, all)
		}
		press(m, "esc")
		if after := strings.Join(screen(m), "\n"); after != before {
			t.Errorf("%v: after:\n%s\nbefore:\n%s", size, after, before)
		}
	}
}
