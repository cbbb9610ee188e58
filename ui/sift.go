package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// filterHint is what the prompt says while there is nothing else to say.
const filterHint = "*.so  /etc/**  >10MB  cause:metadata  ? in the help"

// sift has the files pane show what a filter leaves. Directories are opened
// anew: all of them, unless the filter leaves too much.
func (f *files) sift(filter analyze.Filter) tea.Cmd {
	if filter.String() == f.wish.filter.String() {
		return nil
	}
	return f.siftAs(filter, opened{}, true)
}

func (f *files) siftAs(filter analyze.Filter, sifted opened, auto bool) tea.Cmd {
	f.wishFilter(filter, sifted, auto)
	return f.ask()
}

// wishFilter changes the filter of the wish, and gives up rows of another one.
func (f *files) wishFilter(filter analyze.Filter, sifted opened, auto bool) {
	f.wish.filter, f.wish.sifted, f.wish.auto = filter, sifted, auto
	if f.busy && f.stop != nil {
		f.stop()
	}
}

// askFilter asks for a filter. What is typed takes effect at once; esc brings the
// filter of before back.
func (m *model) askFilter() {
	was, anchor := m.files.wish, m.files.anchor
	p := newPrompt("filter:", was.filter.String())
	p.aside = filterHint
	p.changed = func(text string) tea.Cmd {
		filter, err := analyze.ParseFilter(text)
		if err != nil {
			p.aside, p.failed = m.look.line(err.Error()), true
			return nil
		}
		p.aside, p.failed = filterHint, false
		cmd := m.files.sift(filter)
		m.sifted()
		return cmd
	}
	p.done = func(string) tea.Cmd {
		if p.failed {
			m.ask(p)
		}
		return nil
	}
	p.dropped = func() tea.Cmd {
		m.files.anchor = anchor
		return m.files.siftAs(was.filter, was.sifted, was.auto)
	}
	m.ask(p)
	m.filtering = p
	m.sifted()
}

// dropFilter shows everything again, with what the cursor is on in sight.
func (m *model) dropFilter() tea.Cmd {
	if m.files.wish.filter.Empty() {
		return m.say("no filter is on: f sets one")
	}
	m.files.wishFilter(analyze.Filter{}, opened{}, false)
	return m.reveal(m.files.anchor)
}

// sifted tells those who are concerned what a filter has left.
func (m *model) sifted() {
	m.layers.signs = nil
	filter, on := m.files.view.Filtered()
	if on {
		m.layers.signs = m.files.view.LayerSigns()
	}
	p := m.filtering
	if p == nil || p != m.prompt || p.failed || filter.String() != m.files.wish.filter.String() {
		return
	}
	p.aside = filterHint
	if on {
		n, of := m.files.view.Matched()
		p.aside = human.Comma(n) + " of " + counted(of, "path")
	}
}

// missed says that what the reader has asked to see is filtered out, if it is.
func (m *model) missed() tea.Cmd {
	f := &m.files
	if !f.sought || f.busy {
		return nil
	}
	f.sought = false
	if f.view.Shows(f.anchor) || !f.view.Whole().Shows(f.anchor) {
		return nil
	}
	return m.say(f.lk.text(f.a.Tree.Path(f.anchor)) + " is filtered out: F drops the filter")
}
