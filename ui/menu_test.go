package ui

import (
	"strings"
	"testing"
)

// TestOrderMenu checks that the menu of orders marks the current one. The key that opened it
// moves on, enter selects an order, esc none, and S reverses the order.
func TestOrderMenu(t *testing.T) {
	tests := []struct {
		keys string
		want string // in the title
		rows string // the first row
	}{
		{"C", "by size ▾", "/usr"},
		{"C s s enter", "by wasted ▾", "/srv/app"},
		{"C s j enter", "by wasted ▾", "/srv/app"},
		{"C s s s enter", "by name ▾", "/bin"},
		{"C s s s s enter", "by size ▾", "/usr"},
		{"C s j esc", "by size ▾", "/usr"},
		{"C s s s enter S", "by name ▴", "/var/lib/apt/lists"},
		{"C S S", "by size ▾", "/usr"},
		{"C S", "by size ▴", "/bin"},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			m := start(t, open(t, "app"), 120, 40)
			press(m, tt.keys)
			intact(t, m)
			rowWith(t, m, tt.want)
			if got := m.a.Tree.Path(m.explorer.files.rows.at(0).node); got != tt.rows {
				t.Errorf("got first row %s, want %s", got, tt.rows)
			}
		})
	}
	m := start(t, open(t, "app"), 80, 24)
	press(m, "s s enter s")
	rowWith(t, m, "● wasted bytes, most first")
}

// TestPalette checks that the palette finds actions as you type, those on the selected row
// first, and does what their keys do. A number selects a layer.
func TestPalette(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		m := start(t, open(t, "app"), size[0], size[1])
		press(m, ":")
		intact(t, m)
		if row := screen(m)[2]; !strings.Contains(row, "view the file") {
			t.Errorf("got first row %q", row)
		}
		typed(m, "config, hist")
		press(m, "enter")
		if m.view != 2 {
			t.Errorf("got view %d", m.view)
		}
		press(m, ":")
		typed(m, "5")
		press(m, "enter")
		rowWith(t, m, "Files after layer 5")
		press(m, ":")
		typed(m, "50")
		press(m, "enter")
		rowWith(t, m, "no layer 50: they are 0 to 7")
		press(m, "backspace")
		if m.view != 2 {
			t.Errorf("back leads to view %d", m.view)
		}
		press(m, ":")
		typed(m, "zzzz")
		rowWith(t, m, "no action matches")
		press(m, "esc")
		if len(m.over) > 0 || m.prompt != nil {
			t.Error("the palette is still open")
		}
	}
}

func TestModesBackwards(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "M")
	rowWith(t, m, "Everything in any layer")
	press(m, "M")
	rowWith(t, m, "Changes of layers 1 to 7")
}

// TestHalfPages checks that half pages are half as long as whole ones in every list.
func TestHalfPages(t *testing.T) {
	l := list{}
	l.resize(100, 20)
	k := newKeyMap(false)
	for _, step := range []struct {
		key  string
		want int
	}{{"ctrl+d", 10}, {"pgdown", 29}, {"ctrl+u", 19}, {"pgup", 0}} {
		if !l.key(k, keyPress(step.key)) || l.cursor != step.want {
			t.Errorf("after %s, got %d, want %d", step.key, l.cursor, step.want)
		}
	}
}

// TestPaletteFindsViews checks that the palette also finds an action by the footer's word for
// it, such as a view by its name.
func TestPaletteFindsViews(t *testing.T) {
	m := start(t, open(t, "app"), 80, 24)
	for v := range views {
		m.Update(keyOf(":"))
		for _, r := range views[v].short {
			m.Update(keyOf(string(r)))
		}
		press(m, "enter")
		if int(m.view) != v {
			t.Errorf("%s leads to view %d, want %d", views[v].short, m.view, v)
		}
	}
}

// TestPaletteRanks checks that actions with a name that begins with what is typed come first, and
// that letters scattered over an action's text don't find it.
func TestPaletteRanks(t *testing.T) {
	for _, c := range []struct{ typed, first, not string }{
		{"ext", "write files to a directory", ""},
		{"copy", "copy the path", ""},
		{"dir", "write files to a directory", ""},
		{"own", "show or hide mode and owner", ""},
		{"revto", "reverse the order", "mouse"},
		{"rvrs", "no action matches", "reverse"},
		{"the versn", "no action matches", "version"},
	} {
		m := start(t, open(t, "app"), 80, 24)
		press(m, ":")
		typed(m, c.typed)
		if row := screen(m)[2]; !strings.Contains(row, c.first) {
			t.Errorf("%q: got first row %q, want %q", c.typed, row, c.first)
		}
		if all := strings.Join(screen(m)[:22], "\n"); c.not != "" && strings.Contains(all, c.not) {
			t.Errorf("%q finds %q:\n%s", c.typed, c.not, all)
		}
	}
}
