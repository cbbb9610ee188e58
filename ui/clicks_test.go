package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/peelhq/peel/analyze"
)

// clickOn clicks on the first occurrence of a text in a row of the screen.
func clickOn(t *testing.T, m *model, y int, text string) {
	t.Helper()
	row := screen(m)[y]
	i := strings.Index(row, text)
	if i < 0 {
		t.Fatalf("no %q in row %d: %q", text, y, row)
	}
	send(m, tea.MouseClickMsg{Button: tea.MouseLeft, X: width(row[:i]), Y: y})
}

// TestClicks checks that everything that looks clickable is: the footer's hints, the names of
// columns, the name of the view.
func TestClicks(t *testing.T) {
	tests := []struct {
		name, text string
		row        int // counted from the end if negative
		want       func(*model) bool
	}{
		{"a view of the footer", "2 fix", -1, func(m *model) bool { return m.view == 1 }},
		{"help", "? help", -1, func(m *model) bool { return len(m.over) == 1 }},
		{"the first of two keys", "[ ] layer", -1, func(m *model) bool { return m.explorer.layers.cursor == 6 }},
		{"the name of the view", "Files ", 0, func(m *model) bool { return m.view == 1 }},
		{"wasted", "wasted   name", 2, func(m *model) bool { return m.explorer.files.by == byWaste }},
		{"name", "name  ", 2, func(m *model) bool { return m.explorer.files.by == byName }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, open(t, "app"), 120, 40)
			clickOn(t, m, (tt.row+m.h)%m.h, tt.text)
			if !tt.want(m) {
				t.Errorf("the click had no effect:\n%s", strings.Join(screen(m), "\n"))
			}
			intact(t, m)
		})
	}
	t.Run("the picker's columns", func(t *testing.T) {
		m := picking(t, &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{}}, 120, 24)
		clickOn(t, m, 2, "size")
		if m.picker.order != byImageSize {
			t.Error("not sorted by size")
		}
		clickOn(t, m, 2, "name")
		if m.picker.order != byImageName {
			t.Error("not sorted by name")
		}
	})
}

// TestKeyPress checks that a key's simulated press matches its binding.
func TestKeyPress(t *testing.T) {
	newKeyMap(false).each(func(b *binding) {
		for _, name := range b.Keys() {
			if !b.matches(keyPress(name)) {
				t.Errorf("%s: pressing %q doesn't match", b.name, name)
			}
		}
	})
}

// TestMeterIsEven checks that a bar has the same brightness from end to end in every theme: the
// last cell of the wasted part is no brighter than the others.
func TestMeterIsEven(t *testing.T) {
	unicode, ascii := &look{sg: unicodeSigns}, &look{sg: asciiSigns, cleaner: cleaner{ascii: true}}
	coloured := &look{sg: unicodeSigns, st: newStyles(dark, nil)}
	for _, tt := range []struct {
		name        string
		lk          *look
		part, waste int64
		want        string
	}{
		{"no colour, waste", unicode, 270, 270, " ▒▒"},
		{"no colour, waste of half a cell more", unicode, 310, 310, " ▒▒░"},
		{"no colour, both", unicode, 440, 300, " █▒▒░"},
		{"no colour, next to nothing", unicode, 10, 10, ""},
		{"ASCII, waste", ascii, 290, 290, " %%"},
		{"ASCII, waste of half a cell more", ascii, 320, 320, " %%%"},
		{"colours, waste", coloured, 310, 310, " ██▌"},
		{"colours, both in one cell", coloured, 500, 300, " █▋██"},
	} {
		var b strings.Builder
		l := line{b: &b, left: 40}
		newMeter(20).draw(&l, tt.lk, tt.part, tt.waste, 1000)
		got := strings.TrimRight(ansi.Strip(b.String())[:strings.LastIndexByte(ansi.Strip(b.String()), '%')-3], " ")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestMeter checks that bars are proportional: zero is blank, and the whole takes all columns.
func TestMeter(t *testing.T) {
	lk := &look{sg: unicodeSigns}
	tests := []struct {
		part, waste, whole int64
		wide, narrow       string
	}{
		{0, 0, 1000, "              ", " "},
		{885, 0, 713_000_000, "           <1%", " "},
		{67_100_000, 0, 713_000_000, " ▊          9%", "▁"},
		{500, 0, 1000, " ████      50%", "▄"},
		{500, 250, 1000, " ██▒▒      50%", "▄"},
		{1000, 1000, 1000, " ▒▒▒▒▒▒▒▒ 100%", "█"},
		{1000, 0, 1000, " ████████ 100%", "█"},
	}
	for _, tt := range tests {
		for _, m := range []struct {
			meter
			want string
		}{{newMeter(20), tt.wide + " "}, {newMeter(3), tt.narrow}} {
			var b strings.Builder
			l := line{b: &b, left: 40}
			m.draw(&l, lk, tt.part, tt.waste, tt.whole)
			if b.String() != m.want || 40-l.left != m.width() {
				t.Errorf("%d of %d: %q, want %q", tt.part, tt.whole, b.String(), m.want)
			}
		}
	}
}
