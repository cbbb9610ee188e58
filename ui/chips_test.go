package ui

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestChips checks that filters and orders of a list appear as chips. A chip is removed by a
// click, by the key that removes the last one, or by backspace in an empty prompt.
func TestChips(t *testing.T) {
	tests := []struct {
		name, keys, filter string
		chips              []string // last one first
	}{
		{"a filter", "f", "*.conf", []string{"filter: *.conf"}},
		{"an order", "s s s enter", "", []string{"by name"}},
		{"a reversed order", "S", "", []string{"by size ▴"}},
		{"a mode", "m", "", []string{"alone"}},
		{"marks", "space", "", []string{"1 marked"}},
		{"all of it", "m m m S space f", "e", []string{"1 marked", "filter: e", "by size ▴", "everything"}},
		{"a narrowed image", "3 /", "env", []string{"with env"}},
		{"a narrowed help", "? /", "layer", []string{"with layer"}},
	}
	a := open(t, "app")
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 10}} {
		for _, tt := range tests {
			for _, how := range []string{"key", "click", "backspace"} {
				t.Run(tt.name+", "+how, func(t *testing.T) {
					m := start(t, a, size[0], size[1])
					press(m, "C g "+tt.keys)
					typed(m, tt.filter)
					if tt.filter != "" {
						press(m, "enter")
					}
					intact(t, m)
					narrow := size[0] < 60
					for _, c := range tt.chips {
						if narrow || tt.filter != "" && how == "backspace" {
							continue
						}
						shown := "[" + c
						if size[0] == 80 && len(tt.chips) > 2 {
							shown = "[" + c[:3] // they are cut short
						}
						rowWith(t, m, shown)
						switch how {
						case "key":
							press(m, "X")
						case "click":
							clickOn(t, m, chipRow(t, m), shown)
						case "backspace":
							press(m, "f backspace enter")
						}
						intact(t, m)
						if all := strings.Join(screen(m), "\n"); strings.Contains(all, shown) {
							t.Fatalf("%s is still shown:\n%s", c, all)
						}
					}
					if top := m.top().(chipper); !narrow && len(top.chips()) > 0 && how != "backspace" {
						t.Errorf("chip %q is left", top.chips()[0].text)
					}
				})
			}
		}
	}
}

// chipRow returns the screen's row with the chips.
func chipRow(t *testing.T, m *model) int {
	t.Helper()
	for i, row := range screen(m) {
		if strings.Contains(row, "×]") {
			return i
		}
	}
	t.Fatal("no chips")
	return 0
}

// TestChipsInTitle checks that a small screen shows the chips in the title instead of a line of
// their own.
func TestChipsInTitle(t *testing.T) {
	m := start(t, open(t, "app"), 40, 10)
	press(m, "f")
	typed(m, "*.conf")
	press(m, "enter")
	rowWith(t, m, "filter: *.conf · 1 of 28")
	press(m, "3 /")
	typed(m, "env")
	rowWith(t, m, "Image · with env")
	press(m, "enter X")
	if all := strings.Join(screen(m), "\n"); strings.Contains(all, "with env") {
		t.Errorf("still narrowed:\n%s", all)
	}
	press(m, "X")
	rowWith(t, m, "no filter or order")
}

// TestChipsMoveNothing checks that the line of chips is the last, so it moves no row.
func TestChipsMoveNothing(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g")
	before := screen(m)[3:6]
	press(m, "S S space k")
	after := screen(m)[3:6]
	if before[0][:20] != after[0][:20] || strings.Contains(after[0], "×") {
		t.Errorf("the rows moved, or chips are left:\n%s\nbefore:\n%s", after, before)
	}
}

// TestFitChips checks that long chips are cut short, and that those that don't fit are counted.
func TestFitChips(t *testing.T) {
	lk := &look{sg: unicodeSigns}
	long := chip{text: strings.Repeat("x", 100)}
	for _, tt := range []struct {
		w, n        int
		shown, more int
	}{{100, 1, 1, 0}, {40, 2, 2, 0}, {36, 8, 3, 5}, {200, 5, 5, 0}} {
		chips := make([]chip, tt.n)
		for i := range chips {
			chips[i] = long
		}
		shown, more := lk.fitChips(chips, tt.w)
		if len(shown)+more != tt.n {
			t.Errorf("%d chips on %d columns: got %d shown and %d more", tt.n, tt.w, len(shown), more)
		}
		for i, c := range shown {
			if c.at+c.w > tt.w || i > 0 && c.at <= shown[i-1].at+shown[i-1].w-1 {
				t.Errorf("chip %d is at %d with width %d, of %d", i, c.at, c.w, tt.w)
			}
		}
		if len(shown) < tt.shown {
			t.Errorf("%d chips on %d columns: got %d shown, want at least %d", tt.n, tt.w, len(shown), tt.shown)
		}
	}
}

// TestTitleClicks checks clicks on the parts of the files' title: the order opens its menu, the
// rest switches to the next mode.
func TestTitleClicks(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	clickOn(t, m, 1, "by size")
	rowWith(t, m, "Order by")
	press(m, "esc")
	clickOn(t, m, 1, "Files after")
	if m.explorer.mode != analyze.Alone {
		t.Errorf("got mode %d, want %d", m.explorer.mode, analyze.Alone)
	}
	p := picking(t, &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{}}, 80, 24)
	clickOn(t, p, 1, "by age")
	rowWith(t, p, "Order by")
	press(p, "s enter")
	if p.picker.order != byImageName {
		t.Error("not sorted by name")
	}
	press(p, "S")
	rowWith(t, p, "[by name ▴ ×]")
	if got := names(p); !strings.HasPrefix(got, "web") && strings.HasPrefix(got, "app") {
		t.Errorf("not reversed: %s", got)
	}
}
