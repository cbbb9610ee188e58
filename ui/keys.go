package ui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
)

// A binding is one action: its name in the settings, its keys, its help text,
// and its word in the footer ("" to omit it there).
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

// matches reports whether a key press asks for the action.
func (b binding) matches(press fmt.Stringer) bool { return key.Matches(press, b.Binding) }

// first returns the first of the keys, as the help names it.
func (b binding) first() string {
	name, _, _ := strings.Cut(b.Help().Key, " ")
	return name
}

// keyMap holds every key. The help, the footer and the event loop use the same values, so the
// help can't differ from the behaviour.
type keyMap struct {
	up, down, pageUp, pageDown, home, end binding
	nextPane, priorPane, enter            binding
	below, above                          binding
	scrollUp, scrollDown                  binding
	toggle, open, close, openAll, foldAll binding
	mark, branches, zoom, flat, preview   binding
	sort, mode, from, columns             binding
	jump, group, owned                    binding
	mapLeft, mapRight, mapFiles           binding
	chooseFix, chooseAll                  binding
	find, nextMatch, priorMatch, fuzzy    binding
	filter, dropFilter, narrow            binding
	hideAdded, hideChanged, hideRemoved   binding
	hideUnmodified                        binding
	halfUp, halfDown, reverse, priorMode  binding
	palette, choose, dropChip             binding
	view, compare, viewThen               binding

	// In a file that is viewed, and in a comparison.
	older, newer, left, right         binding
	numbering, wrapLines, asHex, goTo binding
	lookFor, findNext, findPrior      binding

	views                 []binding // from the table of views
	undo, narrower, wider binding

	copyPath, copyDigest, extract, export binding
	copyCommand, redo, mouse              binding
	own                                   []binding // of the user's own commands
	pager, editor, pretty, documents      binding

	pick, pickOpen, pickSearch, pickSort, pickAgain, pickMark binding

	help, back, suspend, redraw, quit, interrupt binding
}

// keyNames are the names of keys that have a sign of their own.
type keyNames struct{ enter, up, down, left, right, rub string }

// newKeyMap returns the keys, with names in ASCII if requested.
func newKeyMap(ascii bool) *keyMap {
	n := keyNames{"⏎", "↑", "↓", "←", "→", "⌫"}
	if ascii {
		n = keyNames{"enter", "up", "down", "left", "right", "bksp"}
	}
	k := &keyMap{views: viewBindings()}
	k.bindMoving(n)
	k.bindFiles(n)
	k.bindViewer(n)
	k.bindProgram(n)
	return k
}

// bindMoving binds the keys that move in lists, panes and layers.
func (k *keyMap) bindMoving(n keyNames) {
	k.down = bind("down", "j down", "j "+n.down, "move", "down")
	k.up = bind("up", "k up", "k "+n.up, "", "up")
	k.pageDown = bind("page-down", "pgdown ctrl+f", "PgDn ^f", "", "a page down")
	k.pageUp = bind("page-up", "pgup ctrl+b", "PgUp ^b", "", "a page up")
	k.halfDown = bind("half-page-down", "ctrl+d", "^d", "", "half a page down")
	k.halfUp = bind("half-page-up", "ctrl+u", "^u", "", "half a page up")
	k.home = bind("first", "g home", "g Home", "", "first row")
	k.end = bind("last", "G end", "G End", "", "last row")
	k.nextPane = bind("next-pane", "tab", "tab", "pane", "the next pane")
	k.priorPane = bind("prior-pane", "shift+tab", "S-tab", "", "the previous pane")
	k.enter = bind("to-files", "enter l right", n.enter+" l "+n.right, "files", "from the layers to the files")
	k.below = bind("layer-below", "[", "[", "layer", "select the layer below")
	k.above = bind("layer-above", "]", "]", "", "select the layer above")
	k.scrollDown = bind("details-down", "J shift+down", "J", "details", "scroll the details down")
	k.scrollUp = bind("details-up", "K shift+up", "K", "", "scroll the details up")
	k.undo = bind("go-back", "backspace ctrl+o alt+left", n.rub+" ^o", "", "back to where you were")
	k.redo = bind("go-forward", "ctrl+y alt+right", "^y A-"+n.right, "", "forward again")
	k.zoom = bind("zoom", "z", "z", "zoom", "give this pane the whole screen, or take it back")
	k.preview = bind("preview", "p", "p", "preview", "show the beginning of the file under the cursor")
	k.narrower = bind("narrower", "<", "<", "", "move the divider to the left")
	k.wider = bind("wider", ">", ">", "", "move the divider to the right")
}

// bindFiles binds the keys of the files and the waste.
func (k *keyMap) bindFiles(n keyNames) {
	k.toggle = bind("toggle", "enter", n.enter, "open", "open or close a directory, view a file")
	k.mark = bind("mark", "space", "space", "mark", "mark it; esc clears all marks")
	k.open = bind("expand", "l right", "l "+n.right, "", "open it, or step into it")
	k.close = bind("collapse", "h left", "h "+n.left, "", "close it, or go to its parent")
	k.openAll = bind("expand-all", "E +", "E +", "all", "open all directories")
	k.foldAll = bind("collapse-all", "C - ctrl+space", "C - ^space", "", "close all directories")
	k.branches = bind("branches", "b", "b", "bytes", "open only the directories with the most bytes")
	k.flat = bind("flat-list", "L", "L", "list", "only files, largest first, without directories")
	k.sort = bind("sort", "s", "s", "sort", "a menu of orders")
	k.reverse = bind("reverse", "S", "S", "", "reverse the order")
	k.mode = bind("mode", "m", "m", "mode", "after a layer, alone, a range, everything")
	k.priorMode = bind("prior-mode", "M", "M", "", "the previous mode")
	k.from = bind("range", "i", "i", "range", "range from the selected layer on")
	k.columns = bind("columns", "a", "a", "owner", "show or hide mode and owner")
	k.jump = bind("jump", "enter l right", n.enter, "go there", "go to the version's layer")
	k.owned = bind("package-files", "enter l right", n.enter+" l "+n.right, "files", "show the files that it owns, after its layer")
	k.mapLeft = bind("map-left", "left h", n.left+" h", "layer", "to the layer below")
	k.mapRight = bind("map-right", "right l", n.right+" l", "", "to the layer above")
	k.mapFiles = bind("map-files", "v", "v", "show files", "show the directory in the files view, in this layer")
	k.group = bind("group", "s", "s", "show", "a menu of orders, and of groupings of the waste")
	k.chooseFix = bind("choose-fix", "space", "space", "choose", "choose the fix, or drop it: the header shows the figures with it")
	k.chooseAll = bind("choose-all", "a", "a", "all", "choose all fixes that peel can make and that save a notable amount, or none")
	k.find = bind("search", "/", "/", "find", "search in all paths, as you type")
	k.nextMatch = bind("next-match", "n", "n", "", "the next match; repeats the last search")
	k.priorMatch = bind("prior-match", "N", "N", "", "the previous match")
	k.fuzzy = bind("fuzzy", "ctrl+r", "^r", "", "while searching: fuzzy or literal")
	k.filter = bind("filter", "f", "f", "filter", "show only what matches, as you type")
	k.dropFilter = bind("drop-filter", "F", "F", "", "show everything again")
	k.hideAdded = bind("hide-added", "A ctrl+a", "A ^a", "", "hide or show what the layer adds")
	k.hideChanged = bind("hide-changed", "c", "c", "", "hide or show what it changes")
	k.hideRemoved = bind("hide-removed", "R", "R", "", "hide or show what it removes")
	k.hideUnmodified = bind("hide-unmodified", "U", "U", "", "hide or show what it leaves unchanged")
	k.narrow = bind("narrow", "/ f", "/ f", "search", "show only rows with a text; esc shows all")
	k.view = bind("view-file", "v", "v", "view", "view the file, as of this version")
	k.viewThen = bind("view-then", "V", "V", "", "view it as it was in the earlier image")
	k.compare = bind("compare", "d", "d", "compare", "compare with the version below")
}

// bindViewer binds the keys of a viewed file, and of a comparison.
func (k *keyMap) bindViewer(n keyNames) {
	k.older = bind("older-version", "[", "[", "version", "the file's older version")
	k.newer = bind("newer-version", "]", "]", "", "its newer version")
	k.left = bind("left", "h left", "h "+n.left, "side", "to the left")
	k.right = bind("right", "l right", "l "+n.right, "", "to the right")
	k.numbering = bind("line-numbers", "#", "#", "numbers", "line numbers, or none")
	k.wrapLines = bind("wrap-lines", "w", "w", "wrap", "wrap long lines, or cut them off")
	k.asHex = bind("as-hex", "t H", "t H", "hex", "as text, or byte for byte")
	k.goTo = bind("go-to", ":", ":", "go to", "go to a line, or to a byte")
	k.lookFor = bind("find-in-file", "/", "/", "find", "find text, or bytes as \\x7f")
	k.findNext = bind("find-next", "n", "n", "next", "the next match")
	k.findPrior = bind("find-prior", "N", "N", "", "the previous match")
}

// bindProgram binds the keys that copy and extract, pick images, and close things.
func (k *keyMap) bindProgram(n keyNames) {
	k.copyPath = bind("copy", "y", "y", "copy", "copy the path, the value, or the patch of the fix")
	k.copyDigest = bind("copy-digest", "Y", "Y", "", "copy the layer's digest")
	k.copyCommand = bind("copy-command", "$", "$", "", "copy the command that prints this")
	k.pager = bind("pager", "e", "e", "", "open a copy of the file in $PAGER")
	k.editor = bind("editor", "E", "E", "", "open a copy of the file in $EDITOR, read-only")
	k.pretty = bind("indent", "p", "p", "indent", "a manifest or config as it is stored, or indented")
	k.documents = bind("view-documents", "v", "v", "as stored", "view the manifest and the config as they are stored")
	k.extract = bind("extract", "x", "x", "extract", "write files to a directory")
	k.export = bind("export", "o", "o", "write", "write the list to a file, as JSON; for fixes, the patch of the chosen ones")
	k.pick = bind("pick-image", "ctrl+p", "^p", "", "open another image")
	k.pickOpen = bind("open-image", "enter l right", n.enter+" l "+n.right, "open", "open this image")
	k.pickMark = bind("mark-image", "space", "space", "mark", "mark this image: enter on another one compares the two")
	k.pickSearch = bind("search-images", "/", "/", "search", "search as you type")
	k.pickSort = bind("sort-images", "s", "s", "sort", "a menu of orders: age, name, size")
	k.pickAgain = bind("look-again", "r", "r", "look again", "ask the engines again")
	k.palette = bind("palette", ":", ":", "actions", "search all actions as you type; :5 selects layer 5")
	k.dropChip = bind("remove-chip", "X", "X", "", "remove the last filter or order of the list")
	k.choose = bind("choose", "enter l right space", n.enter, "choose", "do this")
	k.mouse = bind("mouse", "ctrl+t", "^t", "", "leave the mouse to the terminal, to select text; or take it back")
	k.redraw = bind("redraw", "ctrl+l", "^l", "", "draw the screen again")
	k.help = bind("help", "?", "?", "help", "this help")
	k.back = bind("close", "esc", "esc", "", "close what is over the view")
	k.suspend = bind("suspend", "ctrl+z", "^z", "", "suspend")
	k.quit = bind("quit", "q", "q", "quit", "close, or quit")
	k.interrupt = bind("interrupt", "ctrl+c", "^c", "", "quit at once")
}

// viewBindings are the number keys, of the rows of the table of views.
func viewBindings() []binding {
	all := make([]binding, len(views))
	for i, v := range views {
		n := strconv.Itoa(i + 1)
		all[i] = bind("view-"+v.name, n, n, v.short, v.help)
	}
	return all
}

// A hint is one item of the footer: actions that belong together, with the word of the first.
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

// otherViews returns the hints that lead from the view with this name to all others: the first one,
// and the rest.
func (k *keyMap) otherViews(name string) (first, rest []hint) {
	for _, b := range k.views {
		if b.name != "view-"+name {
			rest = append(rest, hint{b})
		}
	}
	n := min(1, len(rest))
	return rest[:n:n], rest[n:]
}

// A keyGroup is a section of the help.
type keyGroup struct {
	title string
	keys  []binding
}

// moving are the keys that every list has.
func (k *keyMap) moving() keyGroup {
	return keyGroup{"Move", []binding{k.down, k.up, k.pageDown, k.pageUp, k.halfDown, k.halfUp, k.home, k.end}}
}

// viewGroup are the keys that every view has.
func (k *keyMap) viewGroup() keyGroup {
	return keyGroup{"Views", append(slices.Clone(k.views), k.undo, k.redo)}
}

// paletteGroup are the keys that everything but the viewer has.
func (k *keyMap) paletteGroup() keyGroup {
	return keyGroup{"Actions", []binding{k.palette, k.dropChip}}
}

// programGroup are the keys that are always there.
func (k *keyMap) programGroup() keyGroup {
	return keyGroup{"Program", []binding{k.help, k.pick, k.copyCommand, k.mouse, k.redraw, k.back, k.quit, k.suspend, k.interrupt}}
}
