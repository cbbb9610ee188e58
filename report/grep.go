package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
)

// grepRow is one object of "peel grep -f json"; see docs/json.md.
type grepRow struct {
	Path    quoted  `json:"path"`
	Layer   int     `json:"layer"`
	Visible bool    `json:"visible"`
	Cause   *string `json:"cause"`
	By      *int    `json:"by"`
	Size    int64   `json:"size"`
	Binary  bool    `json:"binary"`
	Line    *int64  `json:"line"`
	Text    *quoted `json:"text"`
	Cut     *bool   `json:"cut"`
	Count   *int64  `json:"count"`
	Sum     *string `json:"sha256"`
}

// GrepJSON writes a match of a search as one JSON object and a newline.
func GrepJSON(w io.Writer, m *analyze.Match) error {
	row := grepRow{Path: quoted(m.Path()), Layer: m.Layer(), Size: m.Size(), Binary: m.Binary}
	cause, by := m.Hidden()
	if row.Visible = by < 0; !row.Visible {
		text := cause.String()
		row.Cause, row.By = &text, &by
	}
	switch {
	case m.Line != nil:
		text, cut := quoted(m.Line.Text), m.Line.Before || m.Line.Behind
		row.Line, row.Text, row.Cut = &m.Line.Number, &text, &cut
	case m.Count > 0:
		row.Count = &m.Count
	case m.Sum != analyze.Sum256{}:
		sum := m.Sum.String()
		row.Sum = &sum
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(row)
}

// hiddenWidth is the width of the longest common word for a file's state: "overwritten by 12".
const hiddenWidth = 17

// Grep writes a match as one line for people: the layer, the state of its content, the path, and
// the line's number and text, or the number of matching lines. Without l.Cut, the text is
// complete.
func (l Layout) Grep(w io.Writer, m *analyze.Match) error {
	state := "visible"
	if cause, by := m.Hidden(); by >= 0 {
		state = cause.String() + " by " + strconv.Itoa(by)
	}
	head := fmt.Sprintf("%3d  %-*s  %s", m.Layer(), hiddenWidth, state, clean.Text(m.Path()))
	switch {
	case m.Line != nil:
		head += ":" + strconv.FormatInt(m.Line.Number, 10) + ":"
		before, text := lineTexts(m)
		if l.Cut {
			before, text = l.aroundMatch(head, before, text)
		}
		_, err := fmt.Fprintf(w, "%s%s%s\n", head, before, text)
		return err
	case m.Count > 0:
		head += ":" + strconv.FormatInt(m.Count, 10)
	case m.Binary:
		head += ": binary file matches"
	}
	_, err := fmt.Fprintln(w, head)
	return err
}

// lineTexts returns the text of a line before the match, and the rest.
func lineTexts(m *analyze.Match) (before, text string) {
	all := strings.TrimSuffix(string(m.Line.Text), "\r") // of a file from Windows
	from := min(m.Line.From, len(all))
	before, text = withTabs(all[:from]), withTabs(all[from:])
	if m.Line.Before {
		before = "…" + before
	}
	if m.Line.Behind {
		text += "…"
	}
	return before, text
}

// withTabs is clean.Text, except that it keeps tabs, which lines of programs begin with.
func withTabs(s string) string {
	parts := strings.Split(s, "\t")
	for i := range parts {
		parts[i] = clean.Text(parts[i])
	}
	return strings.Join(parts, "\t")
}

// tabWidth is the number of columns that a tab takes in a cut line.
const tabWidth = 4

// aroundMatch cuts a line to the layout's width so that the match stays visible.
func (l Layout) aroundMatch(head, before, text string) (string, string) {
	tab := strings.Repeat(" ", tabWidth)
	before, text = strings.ReplaceAll(before, "\t", tab), strings.ReplaceAll(text, "\t", tab)
	room := max(l.Columns, leastColumns) - width(head)
	if room < leastColumns/2 { // after a long path: on a line of its own
		room = max(l.Columns, leastColumns)
	}
	if most := room / 3; width(before) > most {
		before = "…" + endOf(before, most-1)
	}
	return before, cut(text, room-width(before))
}

// endOf returns the end of s that fits into columns.
func endOf(s string, columns int) string {
	over := width(s) - columns
	for g := displaywidth.StringGraphemes(s); over > 0 && g.Next(); {
		over -= g.Width()
		s = s[len(g.Value()):]
	}
	return s
}
