package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// findKey handles the keys of searches and filters.
func (p *differences) findKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.find.matches(k):
		p.askSearch()
	case keys.nextMatch.matches(k):
		return p.nextHit(1), true
	case keys.priorMatch.matches(k):
		return p.nextHit(-1), true
	case keys.filter.matches(k):
		p.askFilter()
	case keys.dropFilter.matches(k), keys.back.matches(k) && p.request.filter != "":
		return p.filterBy(""), true
	case keys.back.matches(k) && p.text != "":
		p.text, p.hits = "", nil
	default:
		return nil, false
	}
	return nil, true
}

// askSearch searches while the user types: the cursor goes to the first path, from its position
// on, that contains the text. esc goes back.
func (p *differences) askSearch() {
	from := p.anchor
	q := newPrompt("search:", "")
	p.seeking = q
	q.changed = func(text string) tea.Cmd {
		p.text, p.hits = text, nil
		if text == "" {
			p.searched++
			p.finding = false
			q.aside = ""
			return p.seek(from)
		}
		return p.searchCmd(text, from)
	}
	q.dropped = func() tea.Cmd {
		p.searched++
		p.finding = false
		p.text, p.hits = "", nil
		return p.seek(from)
	}
	p.h.ask(q)
}

// found takes the results of a search, and goes to the first one that isn't before the cursor.
func (p *differences) found(msg diffFoundMsg) tea.Cmd {
	p.hits, p.hit, p.finding = msg.nodes, msg.first, false
	if p.h.asking(p.seeking) {
		p.seeking.aside = "nothing found"
		if len(p.hits) > 0 {
			p.seeking.aside = counted(len(p.hits), "path")
		}
	}
	if len(p.hits) == 0 {
		return nil
	}
	return p.seek(p.hits[p.hit])
}

// nextHit goes to the next path that contains the text of the search, or to the previous one.
func (p *differences) nextHit(step int) tea.Cmd {
	n := len(p.hits)
	switch {
	case p.text == "":
		return p.h.say("no search to repeat: " + p.h.keys().find.first() + " searches")
	case n == 0:
		return p.h.say("no changed path contains " + p.lk.text(p.text))
	}
	p.hit = (p.hit + step + n) % n
	return p.seek(p.hits[p.hit])
}

// askFilter asks for a filter, which applies while it is typed.
func (p *differences) askFilter() {
	before, from := p.request.filter, p.anchor
	q := newPrompt("filter:", before)
	q.chips = true
	if q.aside = ""; before == "" {
		q.aside = "change:added  *.so  >10MB  package:git  ? in the help"
	}
	p.asked = q
	q.changed = func(text string) tea.Cmd {
		p.anchor = from
		return p.filterBy(text)
	}
	q.done = func(text string) tea.Cmd {
		p.asked = nil
		if _, _, err := splitChanges(text); err != nil {
			return tea.Batch(p.h.fail(err), p.filterBy(before))
		}
		if _, err := analyze.ParseFilter(text); err != nil {
			return tea.Batch(p.h.fail(err), p.filterBy(before))
		}
		return nil
	}
	q.dropped = func() tea.Cmd {
		p.asked = nil
		p.anchor = from
		return p.filterBy(before)
	}
	p.h.ask(q)
}

// filterBy shows only what a filter leaves, with all directories open.
func (p *differences) filterBy(text string) tea.Cmd {
	if p.request.filter == text {
		return nil
	}
	p.request.filter, p.request.filtered = text, opened{all: true}
	return p.rowsCmd()
}
