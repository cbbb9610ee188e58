package ui

import (
	"strings"
	"testing"
)

// drawLayout draws the positions of the panes: L for the layers, l for one layer, F for the
// files, h for the history, - for the header and the footer, # for borders.
func drawLayout(w, h int, focus pane) string {
	screen := divideScreen(w, h)
	l := arrange(screen.body, 0, focus)
	if screen.tooSmall {
		l = layout{}
	}
	var b strings.Builder
	for y := range h {
		for x := range w {
			c := byte('.')
			for _, f := range l.frames[:l.count] {
				if f.has(x, y) {
					c = '#'
				}
			}
			if screen.header.has(x, y) || screen.footer.has(x, y) {
				c = '-'
			}
			if p, ok := l.at(x, y); ok {
				c = "LFlh"[p]
			}
			b.WriteByte(c)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestArrange(t *testing.T) {
	// Every fourth column and every row is drawn.
	tests := []struct {
		name  string
		w, h  int
		focus pane
		want  string
	}{
		{"two columns, with details", 80, 24, layersPane, ""},
		{"too small", 20, 3, filesPane, `
.....
.....
.....
`},
		{"one column, low: the files", 40, 10, filesPane, `
----------
##########
#FFFFFFFFF
#FFFFFFFFF
#FFFFFFFFF
#FFFFFFFFF
#FFFFFFFFF
#FFFFFFFFF
##########
----------
`},
		{"one column, low: the layers", 40, 10, layersPane, `
----------
##########
#LLLLLLLLL
#LLLLLLLLL
#LLLLLLLLL
#LLLLLLLLL
#LLLLLLLLL
#LLLLLLLLL
##########
----------
`},
		{"one column, high: stacked", 60, 26, filesPane, `
---------------
###############
#LLLLLLLLLLLLLL
#LLLLLLLLLLLLLL
#LLLLLLLLLLLLLL
#LLLLLLLLLLLLLL
#LLLLLLLLLLLLLL
#LLLLLLLLLLLLLL
###############
###############
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
#FFFFFFFFFFFFFF
###############
#hhhhhhhhhhhhhh
#hhhhhhhhhhhhhh
#hhhhhhhhhhhhhh
#hhhhhhhhhhhhhh
###############
---------------
`},
	}
	tests[0].want = `
--------------------
####################
` + strings.Repeat("#LLLLLLL#FFFFFFFFFFF\n", 13) + `####################
` + strings.Repeat("#lllllll#hhhhhhhhhhh\n", 6) + `####################
--------------------
`
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			b.WriteByte('\n')
			for row := range strings.FieldsSeq(drawLayout(tt.w, tt.h, tt.focus)) {
				for x := 0; x < len(row); x += 4 {
					b.WriteByte(row[x])
				}
				b.WriteByte('\n')
			}
			if got := b.String(); got != tt.want {
				t.Errorf("got%swant%s", got, tt.want)
			}
		})
	}
}

// TestArrangeEverySize checks that at any size, panes lie within the screen without overlap,
// and the focused pane has a row for its cursor.
func TestArrangeEverySize(t *testing.T) {
	for w := 0; w < 230; w += 3 {
		for h := range 80 {
			for _, focus := range []pane{layersPane, filesPane} {
				screen := divideScreen(w, h)
				if screen.tooSmall != (w < minWidth || h < minHeight) {
					t.Fatalf("%dx%d: too small: %v", w, h, screen.tooSmall)
				}
				if screen.tooSmall {
					continue
				}
				l := arrange(screen.body, 0, focus)
				if l.panes[focus].h < 2 {
					t.Fatalf("%dx%d: pane %d has %+v", w, h, focus, l.panes[focus])
				}
				for p, r := range l.panes {
					if r.empty() {
						continue
					}
					if r.x < 1 || r.y < 2 || r.x+r.w > w-1 || r.y+r.h > h-2 {
						t.Fatalf("%dx%d: pane %d is at %+v", w, h, p, r)
					}
					for q, o := range l.panes[:p] {
						if !o.empty() && r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h {
							t.Fatalf("%dx%d: panes %d and %d overlap: %+v %+v", w, h, p, q, r, o)
						}
					}
				}
			}
		}
	}
}
