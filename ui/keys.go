package ui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
)

// A binding is one act: its keys, what the help says of it, and the word that
// the footer has for it ("" if the footer leaves it out).
type binding struct {
	key.Binding
	short string
}

func bind(keys, help, short, desc string) binding {
	return binding{
		Binding: key.NewBinding(key.WithKeys(strings.Fields(keys)...), key.WithHelp(help, desc)),
		short:   short,
	}
}

// matches reports whether a key press asks for the act.
func (b binding) matches(press fmt.Stringer) bool { return key.Matches(press, b.Binding) }

// first returns the first of the keys, as the help names it.
func (b binding) first() string {
	name, _, _ := strings.Cut(b.Help().Key, " ")
	return name
}

// keyMap holds every key. The help, the footer and the event loop use these
// same values, so that what is said of a key is what it does.
type keyMap struct {
	up, down, pageUp, pageDown, home, end binding
	toFiles, toLayers                     binding
	below, above                          binding
	scrollUp, scrollDown                  binding
	toggle, open, close, openAll, foldAll binding
	sort, mode, from                      binding
	help, back, suspend, quit, interrupt  binding
}

// newKeyMap returns the keys, their names in ASCII if that is asked for.
func newKeyMap(ascii bool) *keyMap {
	enter, up, down, left, right := "⏎", "↑", "↓", "←", "→"
	if ascii {
		enter, up, down, left, right = "enter", "up", "down", "left", "right"
	}
	return &keyMap{
		down:       bind("j down", "j "+down, "move", "down"),
		up:         bind("k up", "k "+up, "", "up"),
		pageDown:   bind("pgdown ctrl+f ctrl+d", "PgDn ^f", "", "a page down"),
		pageUp:     bind("pgup ctrl+b ctrl+u", "PgUp ^b", "", "a page up"),
		home:       bind("g home", "g Home", "", "first row"),
		end:        bind("G end", "G End", "", "last row"),
		toFiles:    bind("tab shift+tab enter l right", "tab "+enter, "files", "from the layers to the files"),
		toLayers:   bind("tab shift+tab", "tab", "layers", "from the files to the layers"),
		below:      bind("[", "[", "layer", "select the layer below"),
		above:      bind("]", "]", "", "select the layer above"),
		scrollDown: bind("J shift+down", "J", "details", "scroll the details down"),
		scrollUp:   bind("K shift+up", "K", "", "scroll the details up"),
		toggle:     bind("enter space", enter+" space", "open", "open or close a directory"),
		open:       bind("l right", "l "+right, "", "open it, or step into it"),
		close:      bind("h left", "h "+left, "", "close it, or go to its parent"),
		openAll:    bind("E +", "E +", "all", "open all directories"),
		foldAll:    bind("C -", "C -", "", "close all directories"),
		sort:       bind("s", "s", "sort", "order by size, wasted or name"),
		mode:       bind("m", "m", "mode", "after a layer, alone, a range, everything"),
		from:       bind("i", "i", "range", "range from the selected layer on"),
		help:       bind("?", "?", "help", "this help"),
		back:       bind("esc", "esc", "", "close the help"),
		suspend:    bind("ctrl+z", "^z", "", "suspend"),
		quit:       bind("q", "q", "quit", "quit, at any time"),
		interrupt:  bind("ctrl+c", "^c", "", "the same"),
	}
}

// A hint is one offer of the footer: acts that belong together, told by the
// word of the first.
type hint []binding

// label returns the hint's keys: "j/k", "[ ]".
func (h hint) label() string {
	names := make([]string, len(h))
	for i, b := range h {
		names[i] = b.first()
	}
	if len(names[0]) == 1 && strings.ContainsAny(names[0], "[]") {
		return strings.Join(names, " ")
	}
	return strings.Join(names, "/")
}

// hints returns what the footer offers while focus has the keys, most useful
// first.
func (k *keyMap) hints(focus pane) []hint {
	if focus == layersPane {
		return []hint{
			{k.down, k.up}, {k.toFiles}, {k.mode}, {k.from}, {k.sort},
			{k.scrollDown, k.scrollUp}, {k.help}, {k.quit},
		}
	}
	return []hint{
		{k.down, k.up}, {k.toggle}, {k.toLayers}, {k.below, k.above}, {k.sort}, {k.mode},
		{k.openAll, k.foldAll}, {k.scrollDown, k.scrollUp}, {k.help}, {k.quit},
	}
}

// A keyGroup is a section of the help.
type keyGroup struct {
	title string
	keys  []binding
}

// groups returns every key, for the help.
func (k *keyMap) groups() []keyGroup {
	return []keyGroup{
		{"Move", []binding{
			k.down, k.up, k.pageDown, k.pageUp, k.home, k.end, k.toFiles, k.toLayers, k.scrollDown, k.scrollUp,
		}},
		{"Layers", []binding{k.above, k.below, k.mode, k.from}},
		{"Files", []binding{k.toggle, k.open, k.close, k.openAll, k.foldAll, k.sort}},
		{"Program", []binding{k.help, k.back, k.suspend, k.quit, k.interrupt}},
	}
}
