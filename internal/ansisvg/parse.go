//go:build dev

package main

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cell is one column of a row. A wide character's second cell is empty.
type cell struct {
	text string
	pen
}

// pen is the style of a cell. A colour of "" is the screen's own.
type pen struct {
	fg, bg                         string // "#rrggbb"
	bold, faint, under, italic, rv bool
}

// parse turns text with escape sequences into rows of cells. It ignores sequences other than
// those for colours and attributes.
func parse(in string) [][]cell {
	var rows [][]cell
	p := ansi.NewParser()
	var state byte
	var now pen
	row := []cell{}
	for in != "" {
		seq, width, n, next := ansi.DecodeSequence(in, state, p)
		switch {
		case width > 0:
			row = append(row, cell{seq, now})
			for range width - 1 {
				row = append(row, cell{"", now})
			}
		case seq == "\n":
			rows = append(rows, row)
			row = []cell{}
		case ansi.Cmd(p.Command()).Final() == 'm' && strings.HasPrefix(seq, "\x1b["):
			now = now.apply(p.Params())
		}
		in, state = in[n:], next
	}
	if len(row) > 0 {
		rows = append(rows, row)
	}
	return rows
}

// apply returns the pen after a "select graphic rendition" (ECMA-48, 8.3.117).
func (p pen) apply(params ansi.Params) pen {
	if len(params) == 0 {
		return pen{}
	}
	for i := 0; i < len(params); i++ {
		switch n := params[i].Param(0); {
		case n == 0:
			p = pen{}
		case n == 1:
			p.bold = true
		case n == 2:
			p.faint = true
		case n == 3:
			p.italic = true
		case n == 4:
			p.under = true
		case n == 7:
			p.rv = true
		case n == 22:
			p.bold, p.faint = false, false
		case n == 23:
			p.italic = false
		case n == 24:
			p.under = false
		case n == 27:
			p.rv = false
		case n >= 30 && n <= 37:
			p.fg = hex(ansi.BasicColor(n - 30))
		case n >= 90 && n <= 97:
			p.fg = hex(ansi.BasicColor(n - 90 + 8))
		case n == 39:
			p.fg = ""
		case n >= 40 && n <= 47:
			p.bg = hex(ansi.BasicColor(n - 40))
		case n >= 100 && n <= 107:
			p.bg = hex(ansi.BasicColor(n - 100 + 8))
		case n == 49:
			p.bg = ""
		case n == 38 || n == 48:
			var c color.Color
			used := ansi.ReadStyleColor(params[i:], &c)
			if used > 0 {
				i += used - 1
			}
			if c == nil {
				continue
			}
			if n == 38 {
				p.fg = hex(c)
			} else {
				p.bg = hex(c)
			}
		}
	}
	return p
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
