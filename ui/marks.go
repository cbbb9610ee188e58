package ui

import (
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// marks are the paths that the reader has marked, for actions that take several.
// They stay when the layer, the mode or the filter changes. The zero marks are
// none.
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
	return counted(len(m), "path") + " marked"
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
