package ui

import "testing"

func TestList(t *testing.T) {
	tests := []struct {
		name        string
		do          func(*list)
		cursor, top int
	}{
		{"at first", func(*list) {}, 0, 0},
		{"down a row", func(l *list) { l.move(1) }, 1, 0},
		{"past the shown rows", func(l *list) { l.move(5) }, 5, 1},
		{"past the end", func(l *list) { l.move(99) }, 19, 15},
		{"before the beginning", func(l *list) { l.move(-3) }, 0, 0},
		{"scrolling leaves the cursor", func(l *list) { l.to(4); l.scroll(2) }, 4, 2},
		{"scrolling takes the cursor along", func(l *list) { l.scroll(3) }, 3, 3},
		{"scrolling up takes it along too", func(l *list) { l.to(19); l.scroll(-4) }, 15, 11},
		{"scrolling ends at the end", func(l *list) { l.scroll(99) }, 15, 15},
		{"fewer rows", func(l *list) { l.to(19); l.resize(3, 5) }, 2, 0},
		{"no rows", func(l *list) { l.to(19); l.resize(0, 5) }, 0, 0},
		{"a lower pane", func(l *list) { l.to(19); l.resize(20, 2) }, 19, 18},
		{"a higher pane", func(l *list) { l.to(19); l.resize(20, 8) }, 19, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l list
			l.resize(20, 5)
			tt.do(&l)
			if l.cursor != tt.cursor || l.top != tt.top {
				t.Errorf("got cursor %d, top %d; want %d, %d", l.cursor, l.top, tt.cursor, tt.top)
			}
		})
	}
}
