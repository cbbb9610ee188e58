package ui

import (
	"regexp"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// Keys can hide files by what the layer did to them. They edit a term at the end of the filter.

// hiddenWords are the words of that term.
var hiddenWords = []string{"added", "changed", "removed", "unmodified"}

// hideKeys are the keys that hide and show the files that hiddenWords describe, in that order.
func (k *keyMap) hideKeys() []binding {
	return []binding{k.hideAdded, k.hideChanged, k.hideRemoved, k.hideUnmodified}
}

var hiddenTerm = regexp.MustCompile(`(?:^| )!here:([a-z,]+)$`)

// splitHidden removes the term at the end of a filter's text, and returns its words.
func splitHidden(text string) (rest string, hidden []string) {
	at := hiddenTerm.FindStringSubmatchIndex(text)
	if at == nil {
		return text, nil
	}
	return text[:at[0]], strings.Split(text[at[2]:at[3]], ",")
}

// joinHidden is the inverse of splitHidden.
func joinHidden(rest string, hidden []string) string {
	switch {
	case len(hidden) == 0:
		return rest
	case rest != "":
		rest += " "
	}
	return rest + "!here:" + strings.Join(hidden, ",")
}

// hideKey handles the keys that hide or show something.
func (e *explorer) hideKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	for i, b := range e.h.keys().hideKeys() {
		if b.matches(k) {
			return e.flipHidden(hiddenWords[i]), true
		}
	}
	return nil, false
}

// flipHidden hides or shows what a word describes.
func (e *explorer) flipHidden(word string) tea.Cmd {
	rest, hidden := splitHidden(e.files.request.filter.String())
	if i := slices.Index(hidden, word); i >= 0 {
		hidden = slices.Delete(hidden, i, i+1)
	} else {
		hidden = append(hidden, word)
		slices.SortFunc(hidden, func(a, b string) int { return slices.Index(hiddenWords, a) - slices.Index(hiddenWords, b) })
	}
	return e.refilter(joinHidden(rest, hidden))
}

// refilter changes the text of the filter, and keeps the same directories open.
func (e *explorer) refilter(text string) tea.Cmd {
	filter, err := analyze.ParseFilter(text)
	if err != nil {
		return e.h.fail(err)
	}
	f := &e.files
	open := f.request.open().clone()
	if filter.Empty() {
		f.request.opened, open = open, opened{}
	}
	f.requestFilter(filter, open, false)
	return f.ask()
}

// filterChips returns chips for the filter and for what is hidden.
func (e *explorer) filterChips() []chip {
	var out []chip
	rest, hidden := splitHidden(e.files.request.filter.String())
	if rest != "" {
		drop := e.dropFilter
		if len(hidden) > 0 {
			drop = func() tea.Cmd { return e.refilter(joinHidden("", hidden)) }
		}
		out = append(out, chip{"filter: " + e.lk.line(rest), drop})
	}
	for _, word := range hidden {
		out = append(out, chip{"no " + word, func() tea.Cmd { return e.flipHidden(word) }})
	}
	return out
}
