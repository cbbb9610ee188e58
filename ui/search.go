package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// search is the explorer's search, with the state of the newest one.
type search struct {
	query analyze.Query // the query that was last accepted or is being typed
	found matches       // of the last completed search

	seq  int                // number of the newest search
	stop context.CancelFunc // cancels it
	busy bool               // keys wait for it
}

// A typedSearch is a search that is being typed.
type typedSearch struct {
	prompt *prompt
	result *foundMsg // result of the newest search; nil until there is one

	// State that esc restores.
	from  location
	open  opened
	query analyze.Query
	found *analyze.Found
}

// askSearch opens the prompt of a search, and shows the first match while you type.
func (e *explorer) askSearch() tea.Cmd {
	s := &e.search
	fuzzy := s.query.Fuzzy
	p := newPrompt(searchLabel(fuzzy), "")
	e.typed = &typedSearch{prompt: p, from: e.h.here(), open: e.files.request.open().clone(), query: s.query, found: e.files.found}
	s.query = analyze.Query{Fuzzy: fuzzy}
	p.aside = e.h.keys().fuzzy.first() + " fuzzy or literal"
	p.changed = func(text string) tea.Cmd {
		s.query.Text = text
		return e.seek(nearest)
	}
	p.other = func(k tea.KeyPressMsg) (tea.Cmd, bool) {
		if !e.h.keys().fuzzy.matches(k) {
			return nil, false
		}
		s.query.Fuzzy = !s.query.Fuzzy
		p.label = searchLabel(s.query.Fuzzy)
		return e.seek(nearest), true
	}
	p.done = func(text string) tea.Cmd {
		if text == "" {
			return e.cancelSearch()
		}
		if e.typed.result == nil { // keys wait for the pending result
			s.busy = true
			return nil
		}
		return e.keepMatch(*e.typed.result)
	}
	p.dropped = e.cancelSearch
	e.h.ask(p)
	tree := e.a.Tree
	return func() tea.Msg { // while the first letters are typed
		tree.PrepareSearch()
		return nil
	}
}

func searchLabel(fuzzy bool) string {
	if fuzzy {
		return "fuzzy search:"
	}
	return "search:"
}

// cancelSearch returns to where the search began.
func (e *explorer) cancelSearch() tea.Cmd {
	e.search.cancel()
	e.search.query, e.files.found = e.typed.query, e.typed.found
	cmd := e.restoreRows()
	e.typed = nil
	return cmd
}

// restoreRows shows the rows from before the search.
func (e *explorer) restoreRows() tea.Cmd {
	*e.files.request.open() = e.typed.open.clone()
	e.files.anchor = e.typed.from.files.node
	return e.files.ask()
}

// keepMatch ends the typing of a search at its match, and remembers where the search began.
func (e *explorer) keepMatch(msg foundMsg) tea.Cmd {
	from := e.typed.from
	e.typed = nil
	if msg.n == 0 {
		return e.seekOutside(msg)
	}
	if from.files.node != msg.at {
		e.h.remember(from)
	}
	e.focus = filesPane
	return nil
}

// nextMatch goes to the next match of the last search in a direction.
func (e *explorer) nextMatch(d direction) tea.Cmd {
	if e.search.query.Text == "" {
		return e.h.say("no search to repeat: / searches")
	}
	e.search.busy = true
	return e.seek(d)
}

// goToMatch goes to the match that nextMatch or seekOutside looked for.
func (e *explorer) goToMatch(msg foundMsg) tea.Cmd {
	if msg.n == 0 {
		return e.seekOutside(msg)
	}
	if msg.from != nearest { // seekOutside has already done this
		e.h.remember(e.h.here())
	}
	e.focus = filesPane
	text := msg.count()
	switch {
	case msg.wrapped && msg.from == forward:
		text += ", from the top again"
	case msg.wrapped:
		text += ", from the end again"
	}
	return tea.Batch(e.h.say(text), e.reveal(msg.at))
}

// seekOutside handles a search without a match in the shown rows: it says where there are
// matches, and goes there unless the user's filter prevents it.
func (e *explorer) seekOutside(msg foundMsg) tea.Cmd {
	switch {
	case msg.outside == 0:
		return e.h.say("nothing matches " + e.lk.line(msg.query.Text))
	case !e.files.request.filter.Empty():
		return e.h.say(counted(msg.outside, "path") + " beyond the filter: F clears it, then n")
	}
	e.h.remember(e.h.here())
	e.focus, e.mode = filesPane, analyze.Everything
	e.files.request.spec = e.spec()
	e.search.busy = true
	return e.seek(nearest)
}

// foundMsg delivers the result of a search.
type foundMsg struct {
	e     *explorer
	seq   int
	query analyze.Query
	from  direction
	matches
	at      analyze.NodeID // the match to go to
	nth     int            // its number, from 1
	n       int            // number of matches that the view shows
	outside int            // number of other matches
	wrapped bool
	err     error // the search was cancelled
}

// count formats the match's number and the number of matches.
func (msg foundMsg) count() string {
	return human.Comma(msg.nth) + " of " + human.Comma(msg.n)
}

// update shows the result, unless the query has changed.
func (msg foundMsg) update() tea.Cmd {
	e := msg.e
	s := &e.search
	if msg.seq != s.seq {
		return nil
	}
	waited := s.busy
	s.busy = false
	if msg.err != nil { // the session has ended
		return nil
	}
	s.found = msg.matches
	e.files.found = msg.found
	if e.typed == nil {
		return e.goToMatch(msg)
	}
	p := e.typed.prompt
	e.typed.result = &msg
	p.aside, p.failed = msg.aside(e.files.request.filter.Empty()), msg.n == 0 && msg.query.Text != ""
	cmds := []tea.Cmd{e.restoreRows()}
	if msg.n > 0 {
		cmds = append(cmds, e.reveal(msg.at))
	}
	if waited {
		cmds = append(cmds, e.keepMatch(msg))
	}
	return tea.Batch(cmds...)
}

// aside describes the result in the prompt; free is false if a filter is active.
func (msg foundMsg) aside(free bool) string {
	switch {
	case msg.query.Text == "":
		return ""
	case msg.n > 0:
		return msg.count()
	case msg.outside == 0:
		return "nothing matches"
	case free:
		return "in other layers: " + human.Comma(msg.outside) + " (enter)"
	}
	return "beyond the filter: " + human.Comma(msg.outside)
}

// refoundMsg delivers the matches in a tree with more layers.
type refoundMsg struct {
	e     *explorer
	found *analyze.Found
}

func (msg refoundMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	e := msg.e
	if was := e.files.found; was != nil && was.Query() == msg.found.Query() && msg.found.Tree() == e.a.Tree {
		e.files.found = msg.found
	}
	return nil
}

// refindCmd finds the highlighted matches again in a tree with more layers.
func (e *explorer) refindCmd() tea.Cmd {
	if e.files.found == nil {
		return nil
	}
	ctx, t, query := e.h.context(), e.a.Tree, e.files.found.Query()
	return func() tea.Msg {
		found, err := t.Find(ctx, query)
		if err != nil {
			return nil // the session has ended
		}
		return refoundMsg{e, found}
	}
}
