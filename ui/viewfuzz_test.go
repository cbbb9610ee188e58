package ui

import (
	"bytes"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// viewerPresses maps bytes of FuzzViewer to key presses.
var viewerPresses = []string{
	"j", "k", "pgdown", "pgup", "g", "G", "h", "l", "w", "#", "t", "/", ":", "n", "N", "enter", "esc", "a", "1", "\\", "x", "backspace", "[", "]", "?",
}

// FuzzViewer presses any keys in a viewer of any content. The program must never panic, and
// every frame must be intact.
func FuzzViewer(f *testing.F) {
	f.Add([]byte("\x09\x09a\xcc\x81\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb\xff\n\x1b[2J\x00"), []byte("\x00\x08\x02\x07\x07\x08"))
	f.Add([]byte(strings.Repeat("\u0301", 200)+"\u1100\u1161\u0e33"+strings.Repeat("世", 2000)), []byte("\x07\x07\x07\x08\x05\x0b\x11\x0f\x0d\xf0\x20\x20"))
	f.Add([]byte("\U0001f1e9\U0001f1ea\U0001f1e9\x01\U0001f1ea\u200d\ufe0f\uff9e\t\uff9e\U0001f3fb\u0d4e"), []byte("\x0a\x0a\xf0\x15\x20\x07\x08"))
	f.Add([]byte("if (a) { /* no end\n\"\n"+strings.Repeat("x", 5000)), []byte("\x0b\x14\x0f\x0d\x0e\x06\x08\x0c\x12\x0f"))
	a := open(f, "view")
	f.Fuzz(func(t *testing.T, text, keys []byte) {
		if len(keys) > 60 || len(text) > 20_000 {
			return
		}
		env := []string{"LANG=C.UTF-8"}
		if len(keys) > 0 && keys[0]&0x40 != 0 {
			env = []string{"LANG=C"}
		}
		m := start(t, a, 80, 24, env...)
		_, cmd := viewing(t, m, madeOf(text), "x.js")
		settle(m, cmd)
		intact(t, m)
		for i := 0; i < len(keys); i++ {
			if k := keys[i]; k >= 0xf0 && i+2 < len(keys) {
				send(m, tea.WindowSizeMsg{Width: int(keys[i+1]), Height: int(keys[i+2]) / 3})
				i += 2
			} else {
				send(m, keyOf(viewerPresses[int(k)%len(viewerPresses)]))
			}
			intact(t, m)
		}
	})
}

// FuzzCells checks that the cells of a text cover all of it in order and have the widths they
// claim, and that a text is broken at cells, into lines that fit.
func FuzzCells(f *testing.F) {
	f.Add([]byte("\x09\x09a\xcc\x81\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb\xff\x1b[2J\x00"), 7)
	f.Add([]byte("世界\u0301\u1100\u1161\ufe0f"), 1)
	f.Fuzz(func(t *testing.T, text []byte, w int) {
		if len(text) > maxPiece || w < 1 || w > 300 || bytes.IndexByte(text, '\n') >= 0 {
			return
		}
		for _, lk := range []look{{sg: unicodeSigns}, {sg: asciiSigns, cleaner: cleaner{ascii: true}}} {
			end, col := 0, 0
			starts := map[int]int{0: 0}
			widest := 1
			lk.cells(text, func(c cell) bool {
				if c.from != end || c.to <= c.from || c.col != col || c.w < 1 || width(c.show) != c.w {
					t.Fatalf("after byte %d and column %d: %+v", end, col, c)
				}
				starts[c.from] = c.col
				widest = max(widest, c.w)
				end, col = c.to, col+c.w
				return true
			})
			if end != len(text) {
				t.Fatalf("%d bytes of %d", end, len(text))
			}
			folds := lk.folds(text, w)
			for i, fold := range folds {
				if at, ok := starts[fold.from]; !ok || at != fold.col {
					t.Fatalf("broken at byte %d, column %d", fold.from, fold.col)
				}
				next := col
				if i+1 < len(folds) {
					next = folds[i+1].col
				}
				if next-fold.col > max(w, widest) {
					t.Fatalf("got a line of %d columns for a width of %d", next-fold.col, w)
				}
			}
			for _, x := range []int{0, 1, w} {
				var b strings.Builder
				l := line{b: &b, left: w}
				lk.drawText(&l, text, x, len(text), lk.sg.more, func(int) (style, int) { return style{}, 1 << 20 })
				if got := width(b.String()); got != w {
					t.Fatalf("got %d columns from column %d on, want %d: %q", got, x, w, b.String())
				}
			}
		}
	})
}

// FuzzPieces checks that pieces are the same wherever you start counting, and together make up
// the whole text.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("a\n\nb"), uint8(1), uint16(3))
	f.Add([]byte(strings.Repeat("世", 3000)+"\n"), uint8(1), uint16(5000))
	f.Add([]byte(strings.Repeat("x", maxPiece)+"\n"), uint8(2), uint16(9000))
	f.Fuzz(func(t *testing.T, text []byte, every uint8, step uint16) {
		if len(text) > 40_000 {
			return
		}
		var all []piece
		var whole []byte
		collect := func(p piece) bool {
			all = append(all, p)
			whole = append(whole, p.text...)
			if p.ends {
				whole = append(whole, '\n')
			}
			return true
		}
		if err := pieces(t.Context(), madeOf(text), mark{}, collect); err != nil || !bytes.Equal(whole, text) {
			t.Fatalf("%d bytes of %d, %v", len(whole), len(text), err)
		}
		x := newIndex()
		x.every = int64(every) * 64
		for !x.done {
			at := int(x.at.off) + maxPiece + 1 + int(step)
			part := text[x.at.off:min(at, len(text))]
			x = x.scan(part, at >= len(text))
		}
		if int(x.at.row) != len(all) {
			t.Fatalf("%d rows, want %d", x.at.row, len(all))
		}
		for _, k := range x.marks[min(1, len(x.marks)):] {
			if all[k.row].mark != k {
				t.Fatalf("got mark %+v, want piece %+v", k, all[k.row].mark)
			}
		}
		for i := 0; i < len(all); i += 1 + len(all)/5 {
			rows, at, err := x.around(t.Context(), madeOf(text), goal{byOffset, all[i].off}, 5)
			if err != nil || int(at) != i || len(rows) == 0 {
				t.Fatalf("byte %d is in row %d, want %d (%v)", all[i].off, at, i, err)
			}
		}
	})
}
