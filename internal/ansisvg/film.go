//go:build dev

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
)

// frame is a screen of a film, and how long it is shown.
type frame struct {
	rows    [][]cell
	seconds float64
}

// readFrames reads frames given as SECONDS:FILE.
func readFrames(names []string) ([]frame, error) {
	var frames []frame
	for _, name := range names {
		seconds, file, ok := strings.Cut(name, ":")
		n, err := strconv.ParseFloat(seconds, 64)
		if !ok || err != nil || n <= 0 {
			return nil, fmt.Errorf("%q is not SECONDS:FILE", name)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a frame: %w", err)
		}
		frames = append(frames, frame{parse(string(text)), n})
	}
	return frames, nil
}

// shot is a row of the screen as it looks in one or more frames.
type shot struct {
	y      int
	row    []cell
	frames []bool // whether it is shown, by frame
}

// shots returns every row that appears in any frame, once.
func shots(frames []frame) []*shot {
	var all []*shot
	byRow := map[int][]*shot{}
	for i, f := range frames {
		for y, row := range f.rows {
			var s *shot
			for _, known := range byRow[y] {
				if reflect.DeepEqual(known.row, row) {
					s = known
				}
			}
			if s == nil {
				s = &shot{y, row, make([]bool, len(frames))}
				byRow[y] = append(byRow[y], s)
				all = append(all, s)
			}
			s.frames[i] = true
		}
	}
	return all
}

// drawFilm writes an animated picture: a CSS animation shows and hides the rows that change. It
// repeats endlessly, and also works in pages that run no scripts. Readers who prefer reduced
// motion see the first frame.
func drawFilm(w io.Writer, frames []frame) {
	rows := [][]cell{}
	total := 0.0
	for _, f := range frames {
		total += f.seconds
		if len(f.rows) > len(rows) {
			rows = append(rows, f.rows[len(rows):]...)
		}
		for y, r := range f.rows {
			if len(r) > len(rows[y]) {
				rows[y] = r
			}
		}
	}
	begin(w, rows)
	classes := map[string]int{} // by their keyframes
	var bodies, styles strings.Builder
	fmt.Fprintf(&styles, ".f{visibility:hidden;animation:%ss step-end infinite}", num(total))
	for _, s := range shots(frames) {
		keys := s.keyframes(frames, total)
		if keys == "" {
			fmt.Fprintln(&bodies, "<g>")
		} else {
			n, ok := classes[keys]
			if !ok {
				n = len(classes)
				classes[keys] = n
				fmt.Fprintf(&styles, "\n@keyframes k%d{%s}.k%d{animation-name:k%d}", n, keys, n, n)
			}
			first := ""
			if s.frames[0] {
				first = " p"
			}
			fmt.Fprintf(&bodies, `<g class="f k%d%s">`+"\n", n, first)
		}
		drawRow(&bodies, s.row, margin+float64(s.y)*cellH)
		fmt.Fprintln(&bodies, "</g>")
	}
	styles.WriteString("\n@media (prefers-reduced-motion:reduce){.f{animation:none}.p{visibility:visible}}")
	fmt.Fprintf(w, "<style>%s</style>\n%s</svg>\n", styles.String(), bodies.String())
}

// keyframes returns when the row is shown, in per cent of the film, or "" for always.
func (s *shot) keyframes(frames []frame, total float64) string {
	var b strings.Builder
	at, always, was := 0.0, true, false
	for i, f := range frames {
		now := s.frames[i]
		always = always && now
		if i == 0 || now != was {
			word := "hidden"
			if now {
				word = "visible"
			}
			fmt.Fprintf(&b, "%s%%{visibility:%s}", num(100*at/total), word)
		}
		was = now
		at += f.seconds
	}
	if always {
		return ""
	}
	return b.String()
}

// film reads frames and writes the film.
func film(names []string, w io.Writer) error {
	frames, err := readFrames(names)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	drawFilm(out, frames)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}
