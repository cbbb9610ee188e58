package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/peelhq/peel/analyze"
)

func TestStrip(t *testing.T) {
	tests := []struct {
		name                   string
		layers, selected, room int
		head, row              string
	}{
		{"one layer", 1, 0, 20, " 0 ", "A"},
		{"all", 12, 8, 20, " 0       8 11 ", "ABCDEFGHIJKL"},
		{"the first and the last are named", 12, 4, 20, " 0   4     11 ", "ABCDEFGHIJKL"},
		{"the first is selected", 12, 0, 20, " 0         11 ", "ABCDEFGHIJKL"},
		{"the last is selected", 12, 11, 20, " 0         11 ", "ABCDEFGHIJKL"},
		{"no room for all: in the middle", 26, 13, 8, "‹9  13 16›", "JKLMNOPQ"},
		{"no room for all: at the left", 26, 1, 8, "  1     7›", "ABCDEFGH"},
		{"no room for all: at the right", 26, 25, 8, "‹18    25 ", "STUVWXYZ"},
		{"no room at all", 26, 13, -5, "‹ 13 ›", "LMNO"},
	}
	lk := &look{sg: unicodeSigns}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStrip(tt.layers, tt.selected, tt.room)
			var b strings.Builder
			l := line{b: &b, left: 99}
			s.head(&l, lk)
			if got := ansi.Strip(b.String()); got != tt.head {
				t.Errorf("head %q, want %q", got, tt.head)
			}
			// Show each layer as a letter, to see which ones are drawn.
			var got strings.Builder
			for i := range s.n {
				k, ok := s.layer(i)
				if !ok {
					t.Fatalf("no layer in column %d", i)
				}
				got.WriteByte(byte('A' + k))
			}
			if got.String() != tt.row {
				t.Errorf("got layers %q, want %q", got.String(), tt.row)
			}
			if s.selected < s.first || s.selected >= s.first+s.n {
				t.Errorf("the selected layer is out of sight")
			}
			b.Reset()
			l = line{b: &b, left: 99}
			s.row(&l, lk, []analyze.Sign{analyze.SignShows})
			if w := ansi.StringWidth(b.String()); w != s.n {
				t.Errorf("a row takes %d columns, want %d", w, s.n)
			}
		})
	}
}
