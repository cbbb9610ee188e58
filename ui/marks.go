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

// flip marks or unmarks a node.
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

// sorted returns the marked nodes, by number.
func (m marks) sorted() []analyze.NodeID { return slices.Sorted(maps.Keys(m)) }

// says returns the number of marks: "3 marked"; "" for none.
func (m marks) says() string {
	if len(m) == 0 {
		return ""
	}
	return human.Comma(int64(len(m))) + " marked"
}

// chips returns the filter, the order and the marks of the files, as far as they differ from the
// initial state.
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

// markKey handles the keys of marks: one marks the row under the cursor and moves to the next; esc
// drops all marks before it does anything else.
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
