//go:build dev

package main

import (
	"fmt"
	"io"
)

// painter draws one symbol into the cell whose upper left corner is at x, y.
type painter func(w io.Writer, x, y float64, fg string)

const stroke = 1.2

// shapes are the symbols drawn without a font, so that lines meet and symbols have the same
// size everywhere.
var shapes = map[string]painter{
	"─": path("M0 9H8.4"),
	"│": path("M4.2 0V18"),
	"╭": path("M8.4 9H7.2Q4.2 9 4.2 12V18"),
	"╮": path("M0 9H1.2Q4.2 9 4.2 12V18"),
	"╰": path("M8.4 9H7.2Q4.2 9 4.2 6V0"),
	"╯": path("M0 9H1.2Q4.2 9 4.2 6V0"),
	"├": path("M4.2 0V18M4.2 9H8.4"),
	"┤": path("M4.2 0V18M4.2 9H0"),
	"━": box(7.5, 8.4, 3, 1),
	"▌": box(0, 4.2, 18, 1),
	"▇": box(3.5, 8.4, 11, 1),
	"▒": box(3.5, 8.4, 11, 0.55),
	"●": disc(true),
	"○": disc(false),
	"✕": path("M1.6 6.4L6.8 11.6M6.8 6.4L1.6 11.6"),
	"▾": fill("M1.2 6.8H7.2L4.2 11.4Z"),
	"▸": fill("M2 5.8V12.2L6.8 9Z"),
}

func isShape(text string) bool { return shapes[text] != nil }

// shape draws text if it is such a symbol.
func shape(w io.Writer, text string, x, y float64, fg string) bool {
	draw := shapes[text]
	if draw == nil {
		return false
	}
	draw(w, x, y, fg)
	return true
}

// path draws lines; d is relative to the cell.
func path(d string) painter {
	return func(w io.Writer, x, y float64, fg string) {
		fmt.Fprintf(w, `<path transform="translate(%s %s)" d="%s" fill="none" stroke="%s"/>`+"\n",
			num(x), num(y), d, fg)
	}
}

// fill draws a filled outline; d is relative to the cell.
func fill(d string) painter {
	return func(w io.Writer, x, y float64, fg string) {
		fmt.Fprintf(w, `<path transform="translate(%s %s)" d="%s" fill="%s"/>`+"\n", num(x), num(y), d, fg)
	}
}

// box draws a filled rectangle at the left of the cell, dy below its top.
func box(dy, width, height, opacity float64) painter {
	return func(w io.Writer, x, y float64, fg string) {
		fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"`,
			num(x), num(y+dy), num(width), num(height), fg)
		if opacity < 1 {
			fmt.Fprintf(w, ` opacity="%s"`, num(opacity))
		}
		fmt.Fprintln(w, "/>")
	}
}

// disc draws a circle, filled or not.
func disc(filled bool) painter {
	return func(w io.Writer, x, y float64, fg string) {
		inside := "none"
		if filled {
			inside = fg
		}
		fmt.Fprintf(w, `<circle cx="%s" cy="%s" r="2.7" fill="%s" stroke="%s"/>`+"\n",
			num(x+cellW/2), num(y+cellH/2), inside, fg)
	}
}
