package ui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
)

// A binding is one act: its name in the settings, its keys, what the help says
// of it, and the word that the footer has for it ("" if the footer leaves it
// out).
type binding struct {
	key.Binding
	name  string
	short string
}

func bind(name, keys, help, short, desc string) binding {
	return binding{
		Binding: key.NewBinding(key.WithKeys(strings.Fields(keys)...), key.WithHelp(help, desc)),
		name:    name,
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
	nextPane, priorPane, enter            binding
	below, above                          binding
	scrollUp, scrollDown                  binding
	toggle, open, close, openAll, foldAll binding
	sort, mode, from, columns             binding
	jump, group                           binding
	find, nextMatch, priorMatch, fuzzy    binding
	filter, dropFilter                    binding
	view, compare                         binding

	// In a file that is viewed, and in a comparison.
	older, newer, left, right         binding
	numbering, wrapLines, asHex, goTo binding
	lookFor, findNext, findPrior      binding

	viewFiles, viewWaste, viewImage binding
	undo, narrower, wider           binding

	copyPath, copyDigest, extract, export binding

	pick, pickOpen, pickSearch, pickSort, pickAgain binding

	help, back, suspend, quit, interrupt binding
}

// newKeyMap returns the keys, their names in ASCII if that is asked for.
func newKeyMap(ascii bool) *keyMap {
	enter, up, down, left, right, rub := "⏎", "↑", "↓", "←", "→", "⌫"
	if ascii {
		enter, up, down, left, right, rub = "enter", "up", "down", "left", "right", "bksp"
	}
	return &keyMap{
		down:       bind("down", "j down", "j "+down, "move", "down"),
		up:         bind("up", "k up", "k "+up, "", "up"),
		pageDown:   bind("page-down", "pgdown ctrl+f ctrl+d", "PgDn ^f", "", "a page down"),
		pageUp:     bind("page-up", "pgup ctrl+b ctrl+u", "PgUp ^b", "", "a page up"),
		home:       bind("first", "g home", "g Home", "", "first row"),
		end:        bind("last", "G end", "G End", "", "last row"),
		nextPane:   bind("next-pane", "tab", "tab", "pane", "next pane: layers, files, history"),
		priorPane:  bind("prior-pane", "shift+tab", "S-tab", "", "the pane before"),
		enter:      bind("to-files", "enter l right", enter+" l "+right, "files", "from the layers to the files"),
		below:      bind("layer-below", "[", "[", "layer", "select the layer below"),
		above:      bind("layer-above", "]", "]", "", "select the layer above"),
		scrollDown: bind("details-down", "J shift+down", "J", "details", "scroll the details down"),
		scrollUp:   bind("details-up", "K shift+up", "K", "", "scroll the details up"),
		toggle:     bind("toggle", "enter space", enter+" space", "open", "open or close a directory, view a file"),
		open:       bind("expand", "l right", "l "+right, "", "open it, or step into it"),
		close:      bind("collapse", "h left", "h "+left, "", "close it, or go to its parent"),
		openAll:    bind("expand-all", "E +", "E +", "all", "open all directories"),
		foldAll:    bind("collapse-all", "C -", "C -", "", "close all directories"),
		sort:       bind("sort", "s", "s", "sort", "order by size, wasted or name"),
		mode:       bind("mode", "m", "m", "mode", "after a layer, alone, a range, everything"),
		from:       bind("range", "i", "i", "range", "range from the selected layer on"),
		columns:    bind("columns", "a", "a", "owner", "show or hide mode and owner"),
		jump:       bind("jump", "enter l right", enter, "go there", "go to the version's layer"),
		group:      bind("group", "s", "s", "group", "by cause, layer, what to mend, path; deleted"),
		find:       bind("search", "/", "/", "find", "search in all paths, as you type"),
		nextMatch:  bind("next-match", "n", "n", "", "the next match, or the last search again"),
		priorMatch: bind("prior-match", "N", "N", "", "the match before"),
		fuzzy:      bind("fuzzy", "ctrl+r", "^r", "", "while searching: fuzzy or literal"),
		filter:     bind("filter", "f", "f", "filter", "show only what matches, as you type"),
		dropFilter: bind("drop-filter", "F", "F", "", "show everything again"),
		view:       bind("view-file", "v", "v", "view", "view the file, as of this version"),
		compare:    bind("compare", "d", "d", "compare", "compare with the version below"),
		older:      bind("older-version", "[", "[", "version", "the file's older version"),
		newer:      bind("newer-version", "]", "]", "", "its newer version"),
		left:       bind("left", "h left", "h "+left, "side", "to the left"),
		right:      bind("right", "l right", "l "+right, "", "to the right"),
		numbering:  bind("line-numbers", "#", "#", "numbers", "line numbers, or none"),
		wrapLines:  bind("wrap-lines", "w", "w", "wrap", "wrap long lines, or cut them off"),
		asHex:      bind("as-hex", "t H", "t H", "hex", "as text, or byte for byte"),
		goTo:       bind("go-to", ":", ":", "go to", "go to a line, or to a byte"),
		lookFor:    bind("find-in-file", "/", "/", "find", "find text, or bytes as \\x7f"),
		findNext:   bind("find-next", "n", "n", "next", "the next one found"),
		findPrior:  bind("find-prior", "N", "N", "", "the one before"),
		viewFiles:  bind("view-files", "1", "1", "files", "the files, layer by layer"),
		viewWaste:  bind("view-waste", "2", "2", "waste", "what is wasted, and why"),
		viewImage:  bind("view-image", "3", "3", "image", "config, history, flaws"),
		undo:       bind("go-back", "backspace ctrl+o", rub+" ^o", "", "back to where you were"),
		narrower:   bind("narrower", "<", "<", "", "move the divider to the left"),
		wider:      bind("wider", ">", ">", "", "move the divider to the right"),
		copyPath:   bind("copy", "y", "y", "copy", "copy the path to the clipboard"),
		copyDigest: bind("copy-digest", "Y", "Y", "", "copy the layer's digest"),
		extract:    bind("extract", "x", "x", "extract", "write files to a directory"),
		export:     bind("export", "o", "o", "", "write what is listed to a file, as JSON"),
		pick:       bind("pick-image", "ctrl+p", "^p", "", "open another image"),
		pickOpen:   bind("open-image", "enter l right", enter+" l "+right, "open", "open this image"),
		pickSearch: bind("search-images", "/", "/", "search", "search as you type"),
		pickSort:   bind("sort-images", "s", "s", "sort", "order by age, name or size"),
		pickAgain:  bind("look-again", "r", "r", "look again", "ask the engines again"),
		help:       bind("help", "?", "?", "help", "this help"),
		back:       bind("close", "esc", "esc", "", "close what lies over the view"),
		suspend:    bind("suspend", "ctrl+z", "^z", "", "suspend"),
		quit:       bind("quit", "q", "q", "quit", "close, or quit"),
		interrupt:  bind("interrupt", "ctrl+c", "^c", "", "quit at once"),
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

// always are the hints at the end of every footer.
func (k *keyMap) always() []hint { return []hint{{k.help}, {k.quit}} }

// paneHints returns what the footer offers while a pane of the explorer has the
// keys, most useful first.
func (k *keyMap) paneHints(focus pane) []hint {
	switch focus {
	case layersPane:
		return []hint{
			{k.down, k.up}, {k.enter}, {k.viewWaste}, {k.mode}, {k.from}, {k.sort}, {k.nextPane},
			{k.viewImage}, {k.scrollDown, k.scrollUp},
		}
	case historyPane:
		return []hint{{k.down, k.up}, {k.jump}, {k.view}, {k.compare}, {k.nextPane}, {k.extract}, {k.below, k.above}, {k.copyPath}}
	}
	return []hint{
		{k.down, k.up}, {k.toggle}, {k.nextPane}, {k.below, k.above}, {k.viewWaste}, {k.find}, {k.filter}, {k.view}, {k.sort},
		{k.mode}, {k.extract}, {k.compare}, {k.viewImage}, {k.columns}, {k.copyPath}, {k.openAll, k.foldAll},
		{k.scrollDown, k.scrollUp},
	}
}

// A keyGroup is a section of the help.
type keyGroup struct {
	title string
	keys  []binding
}

// moving are the keys that every list has.
func (k *keyMap) moving() keyGroup {
	return keyGroup{"Move", []binding{k.down, k.up, k.pageDown, k.pageUp, k.home, k.end}}
}

// paneGroups returns the keys of the explorer.
func (k *keyMap) paneGroups() []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Panes", []binding{k.nextPane, k.priorPane, k.scrollDown, k.scrollUp, k.narrower, k.wider}},
		{"Layers", []binding{k.enter, k.above, k.below, k.mode, k.from}},
		{"Files", []binding{k.toggle, k.open, k.close, k.openAll, k.foldAll, k.sort, k.columns}},
		{"Find", []binding{k.find, k.nextMatch, k.priorMatch, k.fuzzy, k.filter, k.dropFilter}},
		{"History", []binding{k.jump}},
		{"Versions", []binding{k.view, k.compare}},
		{"Take out", []binding{k.copyPath, k.copyDigest, k.extract, k.export}},
	}
}

// viewerGroup are the keys of a file that is viewed.
func (k *keyMap) viewerGroup() keyGroup {
	return keyGroup{"File", []binding{
		k.older, k.newer, k.compare, k.lookFor, k.findNext, k.findPrior, k.goTo, k.asHex, k.wrapLines, k.numbering, k.left, k.right,
	}}
}

// viewGroup are the keys that every view has.
func (k *keyMap) viewGroup() keyGroup {
	return keyGroup{"Views", []binding{k.viewFiles, k.viewWaste, k.viewImage, k.undo}}
}

// programGroup are the keys that are always there.
func (k *keyMap) programGroup() keyGroup {
	return keyGroup{"Program", []binding{k.help, k.pick, k.back, k.quit, k.suspend, k.interrupt}}
}

// helps are all keys that work in a place, for those that have keys of their
// own: what the help shows there.
func (k *keyMap) helps() map[string][]keyGroup {
	all := map[string][]keyGroup{"explorer": k.paneGroups()}
	for name, p := range map[string]page{"waste": &waste{}, "image": &imagePage{}, "help": &help{}, "viewer": &viewer{}, "comparison": &comparison{}, "picker": &picker{}} {
		all[name] = p.groups(k)
	}
	for name := range all {
		all[name] = append(all[name], k.viewGroup(), k.programGroup())
	}
	return all
}

// places are the same, the explorer's panes apart: what they have a key for is
// asked for one pane at a time.
func (k *keyMap) places() map[string][]keyGroup {
	all := k.helps()
	own := map[string][]binding{
		"layers":  {k.enter},
		"files":   {k.toggle, k.open, k.close, k.openAll, k.foldAll},
		"history": {k.jump},
	}
	var shared []keyGroup // by all panes
	for _, g := range all["explorer"] {
		shared = append(shared, keyGroup{g.title, slices.DeleteFunc(slices.Clone(g.keys), func(b binding) bool {
			for _, bindings := range own {
				if slices.ContainsFunc(bindings, func(o binding) bool { return o.name == b.name }) {
					return true
				}
			}
			return false
		})})
	}
	delete(all, "explorer")
	for pane, bindings := range own {
		all[pane] = append(slices.Clone(shared), keyGroup{pane, bindings})
	}
	return all
}
