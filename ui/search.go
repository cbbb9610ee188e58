package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// search is what is searched for, and the way there while it is typed.
type search struct {
	query analyze.Query // the last one that was kept or is being typed
	found matches       // of the last search that came to an end

	seq  int                // of the newest search
	stop context.CancelFunc // gives it up
	busy bool               // keys wait for it

	// While the query is typed:
	prompt *prompt
	before beforeSearch
	result *foundMsg // what the newest search has found; nil until it has
}

// beforeSearch is what esc brings back.
type beforeSearch struct {
	place place
	open  opened
	query analyze.Query
	lit   *analyze.Found
}

// clear lets go of the prompt.
func (s *search) clear() { s.prompt, s.before, s.result = nil, beforeSearch{}, nil }

// askSearch asks what to search for, and shows the first match while it is
// typed.
func (m *model) askSearch() tea.Cmd {
	s := &m.search
	open := *m.files.wish.open()
	s.before = beforeSearch{place: m.here(), open: open.clone(), query: s.query, lit: m.files.lit}
	s.result = nil
	fuzzy := s.query.Fuzzy
	s.query = analyze.Query{Fuzzy: fuzzy}
	p := newPrompt(searchLabel(fuzzy), "")
	p.aside = m.keys.fuzzy.first() + " fuzzy or literal"
	p.changed = func(text string) tea.Cmd {
		s.query.Text = text
		return m.seek(nearest)
	}
	p.other = func(k tea.KeyPressMsg) (tea.Cmd, bool) {
		if !m.keys.fuzzy.matches(k) {
			return nil, false
		}
		s.query.Fuzzy = !s.query.Fuzzy
		p.label = searchLabel(s.query.Fuzzy)
		return m.seek(nearest), true
	}
	p.done = func(text string) tea.Cmd {
		if text == "" {
			return m.leaveSearch()
		}
		if s.result == nil { // keys wait for what is on its way
			s.busy = true
			return nil
		}
		return m.land(*s.result)
	}
	p.dropped = m.leaveSearch
	s.prompt = p
	m.ask(p)
	tree := m.a.Tree
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

// leaveSearch goes back to where the search was begun.
func (m *model) leaveSearch() tea.Cmd {
	s := &m.search
	s.cancel()
	s.query, m.files.lit = s.before.query, s.before.lit
	cmd := m.beginAgain()
	s.clear()
	return cmd
}

// beginAgain shows what was shown before the search.
func (m *model) beginAgain() tea.Cmd {
	*m.files.wish.open() = m.search.before.open.clone()
	m.files.anchor = m.search.before.place.node
	return m.files.ask()
}

// land keeps what a search has found, with a way back to where it began.
func (m *model) land(msg foundMsg) tea.Cmd {
	s := &m.search
	before := s.before
	s.clear()
	if msg.n == 0 {
		return m.elsewhere(msg)
	}
	if before.place.node != msg.at {
		m.rememberPlace(before.place)
	}
	m.focus = filesPane
	return nil
}

// nextMatch goes to the next match in a direction, or to the one nearest to the
// cursor if the last search has been forgotten.
func (m *model) nextMatch(d direction) tea.Cmd {
	if m.search.query.Text == "" {
		return m.say("nothing is searched for: / searches")
	}
	m.search.busy = true
	return m.seek(d)
}

// arrive goes to where nextMatch leads.
func (m *model) arrive(msg foundMsg) tea.Cmd {
	if msg.n == 0 {
		return m.elsewhere(msg)
	}
	if msg.from != nearest { // elsewhere has done so
		m.remember()
	}
	m.focus = filesPane
	text := msg.count()
	switch {
	case msg.wrapped && msg.from == forward:
		text += ", from the top again"
	case msg.wrapped:
		text += ", from the end again"
	}
	return tea.Batch(m.say(text), m.reveal(msg.at))
}

// elsewhere says of a search that has found nothing here where there is
// something, and goes there if no filter of the reader's forbids it.
func (m *model) elsewhere(msg foundMsg) tea.Cmd {
	switch {
	case msg.outside == 0:
		return m.say("nothing matches " + m.look.line(msg.query.Text))
	case !m.files.wish.filter.Empty():
		return m.say(counted(msg.outside, "path") + " beyond the filter: F drops it, then n")
	}
	m.remember()
	m.focus, m.mode = filesPane, analyze.Everything
	m.files.wish.spec = m.spec()
	m.search.busy = true
	return m.seek(nearest)
}

// foundMsg brings what a search has found.
type foundMsg struct {
	seq   int
	query analyze.Query
	from  direction
	matches
	at      analyze.NodeID // the match to go to
	nth     int            // the how-manieth it is, from 1
	n       int            // how many the view shows
	outside int            // how many it does not
	wrapped bool
	err     error // it was given up
}

// count says which of how many matches it is.
func (msg foundMsg) count() string {
	return human.Comma(msg.nth) + " of " + human.Comma(msg.n)
}

// do shows what was found, unless it is not what is searched for by now.
func (msg foundMsg) do(m *model) tea.Cmd {
	s := &m.search
	if msg.seq != s.seq {
		return nil
	}
	waited := s.busy
	s.busy = false
	if msg.err != nil { // the program ends
		return nil
	}
	s.found = msg.matches
	m.files.lit = msg.found
	if s.prompt == nil {
		return tea.Batch(m.arrive(msg), m.replay())
	}
	s.result = &msg
	s.prompt.aside, s.prompt.failed = msg.aside(m.files.wish.filter.Empty()), msg.n == 0 && msg.query.Text != ""
	cmds := []tea.Cmd{m.beginAgain()}
	if msg.n > 0 {
		cmds = append(cmds, m.reveal(msg.at))
	}
	if waited {
		cmds = append(cmds, m.land(msg), m.replay())
	}
	return tea.Batch(cmds...)
}

// aside says in the prompt what was found; free is false if a filter is on.
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

// litMsg brings what is lit, of a tree that has more.
type litMsg struct{ found *analyze.Found }

func (msg litMsg) do(m *model) tea.Cmd {
	if lit := m.files.lit; lit != nil && msg.found != nil && lit.Query() == msg.found.Query() && msg.found.Tree() == m.a.Tree {
		m.files.lit = msg.found
	}
	return nil
}

// relightCmd finds what is lit again, in a tree of more layers.
func (m *model) relightCmd() tea.Cmd {
	if m.files.lit == nil {
		return nil
	}
	ctx, t, query := m.ctx, m.a.Tree, m.files.lit.Query()
	return func() tea.Msg {
		found, err := t.Find(ctx, query)
		if err != nil {
			return nil // the program ends
		}
		return litMsg{found}
	}
}
