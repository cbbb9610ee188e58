package ui

import (
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// marks are the marked paths, for actions on several paths. They stay when the
// layer, the mode or the filter changes. The zero value is empty.
type marks map[analyze.NodeID]struct{}

func (m marks) has(n analyze.NodeID) bool {
	_, ok := m[n]
	return ok
}

// flip marks a node, or takes its mark away.
func (m *marks) flip(n analyze.NodeID) {
	switch {
	case m.has(n):
		delete(*m, n)
	case *m == nil:
		*m = marks{n: {}}
	default:
		(*m)[n] = struct{}{}
	}
}

// sorted returns what is marked, by number.
func (m marks) sorted() []analyze.NodeID { return slices.Sorted(maps.Keys(m)) }

// says tells how many there are: "3 marked"; "" if there are none.
func (m marks) says() string {
	if len(m) == 0 {
		return ""
	}
	return human.Comma(int64(len(m))) + " marked"
}

// chips are what narrows or orders the files: what differs from how they are shown
// at first.
func (e *explorer) chips() []chip {
	f := &e.files
	var out []chip
	if e.mode != e.initial.mode {
		out = append(out, chip{[]string{"after a layer", "alone", "range", "everything"}[e.mode], func() tea.Cmd {
			e.setMode(e.initial.mode)
			return e.follow()
		}})
	}
	if f.request.order != e.initial.order {
		text := "by " + f.request.order.String()
		if _, back := f.request.order.base(); back {
			text += " " + e.lk.sg.back
		}
		out = append(out, chip{text, func() tea.Cmd { return e.orderBy(e.initial.order) }})
	}
	if f.request.flat {
		out = append(out, chip{"a list", func() tea.Cmd { return e.setFlat(false) }})
	}
	out = append(out, e.filterChips()...)
	if text := f.marks.says(); text != "" {
		out = append(out, chip{text, func() tea.Cmd {
			f.marks = nil
			return nil
		}})
	}
	return out
}

// placeChips reserves the line of chips at the end of the files if there are any, so that no row
// moves when chips come or go.
func (e *explorer) placeChips() {
	in := &e.layout.panes[filesPane]
	e.line, e.files.chipped = rect{}, false
	if len(e.chips()) > 0 && chipsFit(in.w, in.h) {
		in.h--
		e.line, e.files.chipped = rect{in.x, in.y + in.h, in.w, 1}, true
	}
}

// markKey takes the keys of marks: the one that marks the row under the cursor, and
// goes on to the next, and esc, which drops all marks before anything else.
func (e *explorer) markKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys, f := e.h.keys(), &e.files
	switch {
	case e.focus == filesPane && keys.mark.matches(k):
		if n, ok := f.current(); ok {
			f.marks.flip(n)
			f.choose(f.cursor + 1)
		}
	case keys.back.matches(k) && len(f.marks) > 0:
		f.marks = nil
	default:
		return nil, false
	}
	return nil, true
}
