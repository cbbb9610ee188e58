//go:build dev

package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Dimensions of the picture, in its units.
const (
	cellW  = 8.4
	cellH  = 18.0
	fontPx = 14.0
	base   = 13.2 // baseline of the text, from a row's top
	margin = 14.0
	radius = 8.0
)

// The screen's own colours.
const (
	paper = "#161b22"
	ink   = "#d8dee9"
)

// draw writes the picture of rows.
func draw(w io.Writer, rows [][]cell) {
	begin(w, rows)
	for y, r := range rows {
		drawRow(w, r, margin+float64(y)*cellH)
	}
	fmt.Fprintln(w, "</svg>")
}

// begin writes the start of a picture with room for the rows.
func begin(w io.Writer, rows [][]cell) {
	columns := 0
	for _, r := range rows {
		columns = max(columns, len(r))
	}
	width := float64(columns)*cellW + 2*margin
	height := float64(len(rows))*cellH + 2*margin
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" `+
		`font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace" `+
		`font-size="%s" stroke-width="%s" xml:space="preserve">`+"\n",
		num(width), num(height), num(width), num(height), num(fontPx), num(stroke))
	fmt.Fprintf(w, `<rect width="100%%" height="100%%" rx="%s" fill="%s"/>`+"\n", num(radius), paper)
}

func drawRow(w io.Writer, row []cell, y float64) {
	at := func(x int) float64 { return margin + float64(x)*cellW }
	for x := 0; x < len(row); {
		n := 1
		_, bg := row[x].colours()
		for x+n < len(row) {
			if _, next := row[x+n].colours(); next != bg {
				break
			}
			n++
		}
		if bg != "" {
			fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n",
				num(at(x)), num(y), num(float64(n)*cellW), num(cellH), bg)
		}
		x += n
	}
	for x := 0; x < len(row); {
		c := row[x]
		fg, _ := c.colours()
		if n := lineOf(row[x:]); n > 1 { // one path for a border
			path(fmt.Sprintf("M0 9H%s", num(float64(n)*cellW)))(w, at(x), y, fg)
			x += n
			continue
		}
		if shape(w, c.text, at(x), y, fg) || strings.TrimSpace(c.text) == "" {
			x++
			continue
		}
		// Draw a run of text in one pen, up to two blanks or a shape: it keeps its position
		// even in a font of another width.
		end, text := x, ""
		for end < len(row) && row[end].pen == c.pen && !isShape(row[end].text) {
			if row[end].text == " " && (end+1 == len(row) || row[end+1].text == " ") {
				break
			}
			text += row[end].text
			end++
		}
		trimmed := strings.TrimRight(text, " ")
		columns := end - x - (len(text) - len(trimmed))
		fmt.Fprintf(w, `<text x="%s" y="%s" textLength="%s" fill="%s"%s>`,
			num(at(x)), num(y+base), num(float64(columns)*cellW), fg, c.attributes())
		_ = xml.EscapeText(w, []byte(trimmed)) // w keeps its first error for Flush
		fmt.Fprintln(w, "</text>")
		x = end
	}
}

// lineOf returns how many cells at the start of a row are one horizontal line.
func lineOf(row []cell) int {
	n := 0
	for n < len(row) && row[n].text == "─" && row[n].pen == row[0].pen {
		n++
	}
	return n
}

// colours returns a pen's foreground, and its background if that isn't the screen's.
func (p pen) colours() (fg, bg string) {
	fg, bg = p.fg, p.bg
	if fg == "" {
		fg = ink
	}
	if p.rv {
		if bg == "" {
			bg = paper
		}
		fg, bg = bg, fg
	}
	return fg, bg
}

func (p pen) attributes() string {
	var s string
	if p.bold {
		s += ` font-weight="bold"`
	}
	if p.italic {
		s += ` font-style="italic"`
	}
	if p.under {
		s += ` text-decoration="underline"`
	}
	if p.faint {
		s += ` opacity="0.6"`
	}
	return s
}

// num formats a length without trailing zeros.
func num(f float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}
