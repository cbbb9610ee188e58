package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// filterHint is the prompt's text if it has nothing else to say.
const filterHint = "*.so  /etc/**  >10MB  cause:metadata  ? in the help"

// setFilter shows what a filter leaves. It opens all directories again, unless they have too many
// rows.
func (f *files) setFilter(filter analyze.Filter) tea.Cmd {
	if filter.String() == f.request.filter.String() {
		return nil
	}
	f.requestFilter(filter, opened{}, true)
	return f.ask()
}

// requestFilter changes the filter of the request, and cancels the rows of another one.
func (f *files) requestFilter(filter analyze.Filter, open opened, auto bool) {
	f.request.filter, f.request.filtered, f.request.auto = filter, open, auto
	if f.busy && f.stop != nil {
		f.stop()
	}
}

// askFilter asks for a filter, which applies while it is typed; esc restores the previous filter.
func (e *explorer) askFilter() {
	before, anchor := e.files.request, e.files.anchor
	p := newPrompt("filter:", before.filter.String())
	p.aside, p.chips = filterHint, true
	p.changed = func(text string) tea.Cmd {
		filter, err := analyze.ParseFilter(text)
		if err != nil {
			p.aside, p.failed = e.lk.line(err.Error()), true
			return nil
		}
		p.aside, p.failed = filterHint, false
		cmd := e.files.setFilter(filter)
		e.filterChanged()
		return cmd
	}
	p.done = func(string) tea.Cmd {
		if p.failed {
			e.h.ask(p)
		}
		return nil
	}
	p.dropped = func() tea.Cmd {
		e.files.anchor = anchor
		e.files.requestFilter(before.filter, before.filtered, before.auto)
		return e.files.ask()
	}
	e.h.ask(p)
	e.filter = p
	e.filterChanged()
}

// dropFilter shows everything again, and keeps the cursor's row visible.
func (e *explorer) dropFilter() tea.Cmd {
	if e.files.request.filter.Empty() {
		return e.h.say("no filter is on: f sets one")
	}
	e.files.requestFilter(analyze.Filter{}, opened{}, false)
	return e.reveal(e.files.anchor)
}

// filterChanged marks the layers in which the rows' filter leaves something, and says in the prompt
// how much it leaves.
func (e *explorer) filterChanged() {
	e.layers.signs = nil
	filter, on := e.files.view.Filtered()
	if on {
		e.layers.signs = e.files.view.LayerSigns()
	}
	p := e.filter
	if !e.h.asking(p) {
		e.filter = nil
		return
	}
	if p.failed || filter.String() != e.files.request.filter.String() {
		return
	}
	p.aside = filterHint
	if on {
		n, of := e.files.view.Matched()
		p.aside = human.Comma(n) + " of " + counted(of, "path")
		if elsewhere := e.files.request.elsewhere; n == 0 && elsewhere > 0 {
			p.aside = "none here; in other layers: " + human.Comma(elsewhere)
		}
	}
}

// sayIfFiltered shows a message if the filter hides the place that the user jumped to.
func (e *explorer) sayIfFiltered() tea.Cmd {
	f := &e.files
	if !f.jumped || f.busy {
		return nil
	}
	f.jumped = false
	if f.view.Shows(f.anchor) || !f.view.Whole().Shows(f.anchor) {
		return nil
	}
	return e.h.say(f.lk.text(f.a.Tree.Path(f.anchor)) + " is filtered out: F clears the filter")
}
