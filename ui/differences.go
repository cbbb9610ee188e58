package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// differences is the view of what differs between two images: their layers beside each
// other at the left, and at the right one tree of the paths that differ, with their
// sizes then and now; below each, all about what is selected.
type differences struct {
	h    host
	lk   *look
	pair *pairing
	c    *compared

	layout  layout
	line    rect // of the chips; empty if there are none, or no room
	divide  int  // columns of the left frame; 0: as the width has it
	divided bool // the divider between the frames is being dragged
	focus   pane

	layers list
	tree   list
	rows   *diffRows
	anchor int32 // the node that the cursor is to be on

	request diffRequest
	seq     int     // of the rows that were asked for last
	busy    bool    // rows are being made
	asked   *prompt // asks for a filter; nil unless it was asked

	text     string  // that was searched for
	hits     []int32 // the nodes that hold it
	hit      int     // of hits, the one that the cursor was put on last
	searched int     // of the last search
	seeking  *prompt // asks what to search for; nil unless it was asked

	layerDetail, pathDetail scroller
	layerLines, pathLines   styledLines
	layerOf                 int   // the row that layerLines is about; -1 for none
	pathOf                  int32 // the node that pathLines is about; -1 for none
	wideOf                  [2]int
}

// openDifferences is its row in the table of views of a comparison.
func openDifferences(h host, p *pairing) body {
	d := &differences{h: h, lk: h.look(), pair: p, c: p.shown, focus: filesPane, rows: p.shown.rows, layerOf: -1, pathOf: -1}
	d.request = d.rows.made.clone()
	d.layers.resize(len(d.c.diff.Layers), 1)
	d.tree.resize(len(d.rows.rows), 1)
	d.follow()
	return d
}

// waits reports whether keys are to wait for rows.
func (p *differences) waits() bool { return p.busy }

// restyle has the texts that hold styles made anew.
func (p *differences) restyle() { p.layerOf, p.pathOf = -1, -1 }

// arrange lays the panes out, and has them follow what is selected.
func (p *differences) arrange(area rect) {
	p.layout = arrange(area, p.divide, p.focus)
	p.line = rect{}
	if in := &p.layout.panes[filesPane]; len(p.chips()) > 0 && chipsFit(in.w, in.h) {
		in.h--
		p.line = rect{in.x, in.y + in.h, in.w, 1}
	}
	at := func(x pane) rect { return p.layout.panes[x] }
	p.layers.resize(len(p.c.diff.Layers), at(layersPane).h-1)
	p.tree.resize(len(p.rows.rows), at(filesPane).h-1)
	wide := [2]int{at(layerPane).w, at(historyPane).w}
	if wide != p.wideOf {
		p.wideOf, p.layerOf, p.pathOf = wide, -1, -1
	}
	if p.layerOf != p.layers.cursor {
		p.layerOf, p.layerDetail.top = p.layers.cursor, 0
		p.layerLines = p.describeLayer(wide[0] - 2)
	}
	node := int32(0)
	if r, ok := p.row(); ok {
		node = r.node
	}
	if p.pathOf != node {
		p.pathOf, p.pathDetail.top = node, 0
		p.pathLines = p.describePath(node, wide[1]-2)
	}
	p.layerDetail.resize(len(p.layerLines), at(layerPane).h)
	p.pathDetail.resize(len(p.pathLines), at(historyPane).h)
}

// chips are what the tree is narrowed to, how it is ordered if that is not how it
// begins, and what was searched for.
func (p *differences) chips() []chip {
	var out []chip
	if p.request.order != diffByDifference {
		by, back := p.request.order.base()
		text := "by " + by.String()
		if back {
			text += " " + p.lk.sg.back
		}
		out = append(out, chip{text, func() tea.Cmd { return p.orderBy(diffByDifference) }})
	}
	if p.request.filter != "" {
		out = append(out, chip{"filter: " + p.lk.line(p.request.filter), func() tea.Cmd { return p.filterBy("") }})
	}
	return out
}

// row returns the row under the cursor.
func (p *differences) row() (diffRow, bool) {
	if p.tree.cursor >= len(p.rows.rows) {
		return diffRow{}, false
	}
	return p.rows.rows[p.tree.cursor], true
}

// follow has the anchor be where the cursor is.
func (p *differences) follow() {
	if r, ok := p.row(); ok {
		p.anchor = r.node
	}
}

// path is where the cursor is.
func (p *differences) path() string {
	r, ok := p.row()
	if !ok {
		return ""
	}
	return p.c.tree.Path(int(r.node))
}

// reveal puts the cursor on a path, if it differs.
func (p *differences) reveal(path string) tea.Cmd {
	p.request.reveal = path
	return p.rowsCmd()
}

// seek puts the cursor on a node, and opens the directories above it.
func (p *differences) seek(node int32) tea.Cmd {
	p.anchor = node
	for i := p.c.tree.Parent(int(node)); i > 0; i = p.c.tree.Parent(i) {
		p.request.open().set(analyze.NodeID(i), true)
	}
	return p.rowsCmd()
}

// install shows rows that have been made.
func (p *differences) install(msg diffRowsMsg) {
	p.busy = false
	if msg.err != nil {
		if p.asked != nil {
			p.asked.aside, p.asked.failed = p.lk.line(msg.err.Error()), true
		}
		return
	}
	p.rows = msg.rows
	if p.request.reveal != "" {
		p.request = msg.rows.made.clone()
	}
	p.tree.resize(len(p.rows.rows), p.tree.page)
	p.tree.to(msg.at)
	p.follow()
	p.pathOf = -1
	if p.asked != nil {
		p.asked.aside, p.asked.failed = "", false
		if p.rows.sums != nil {
			p.asked.aside = counted(int(p.rows.sums[0].matched), "path")
		}
	}
}

func (p *differences) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	for _, group := range []func(tea.KeyPressMsg) (tea.Cmd, bool){p.shapeKey, p.findKey, p.fileKey, p.paneKey} {
		if cmd, ok := group(k); ok {
			return cmd, true
		}
	}
	return nil, false
}

// shapeKey takes the keys that change how the panes show things.
func (p *differences) shapeKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.nextPane.matches(k), keys.priorPane.matches(k), p.focus == layersPane && keys.toggle.matches(k):
		if p.focus == layersPane {
			p.focus = filesPane
		} else {
			p.focus = layersPane
		}
	case keys.above.matches(k):
		p.layers.move(1)
	case keys.below.matches(k):
		p.layers.move(-1)
	case keys.scrollDown.matches(k):
		p.detail().scrollBy(1)
	case keys.scrollUp.matches(k):
		p.detail().scrollBy(-1)
	case keys.narrower.matches(k):
		p.moveDivider(p.layout.divider - dividerStep)
	case keys.wider.matches(k):
		p.moveDivider(p.layout.divider + dividerStep)
	case keys.sort.matches(k):
		p.openOrders()
	case keys.reverse.matches(k):
		return p.orderBy(p.request.order ^ diffReversed), true
	default:
		return nil, false
	}
	return nil, true
}

// detail is the pane below that which has the focus.
func (p *differences) detail() *scroller {
	if p.focus == layersPane {
		return &p.layerDetail
	}
	return &p.pathDetail
}

func (p *differences) moveDivider(x int) {
	if p.layout.divider > 0 {
		p.divide = min(max(x, leastFrame), p.layout.area.w-leastFrame)
	}
}

// openOrders shows what the tree can be ordered by.
func (p *differences) openOrders() {
	current, _ := p.request.order.base()
	var items []menuItem
	for by := range diffOrders {
		items = append(items, menuItem{text: by.text(), current: by == current, do: func() tea.Cmd { return p.orderBy(by) }})
	}
	openMenu(p.h, "Order by", items, p.h.keys().sort)
}

func (p *differences) orderBy(by diffOrder) tea.Cmd {
	p.request.order = by
	return p.rowsCmd()
}

// findKey takes the keys of searches and filters.
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

// askSearch searches as one types: the cursor goes to the first path from where it is
// that holds the text. esc goes back.
func (p *differences) askSearch() {
	from := p.anchor
	q := newPrompt("search:", "")
	p.seeking = q
	q.changed = func(text string) tea.Cmd {
		p.text, p.hits = text, nil
		if text == "" {
			p.searched++
			q.aside = ""
			return p.seek(from)
		}
		return p.searchCmd(text, from)
	}
	q.dropped = func() tea.Cmd {
		p.searched++
		p.text, p.hits = "", nil
		return p.seek(from)
	}
	p.h.ask(q)
}

// found takes what a search has found, and goes to the first of it that is not before
// the cursor.
func (p *differences) found(msg diffFoundMsg) tea.Cmd {
	p.hits, p.hit = msg.nodes, msg.first
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

// nextHit goes to the next path that holds what was searched for, or to the one before.
func (p *differences) nextHit(step int) tea.Cmd {
	n := len(p.hits)
	switch {
	case p.text == "":
		return p.h.say("nothing was searched for: " + p.h.keys().find.first() + " searches")
	case n == 0:
		return p.h.say("no path that differs holds " + p.lk.text(p.text))
	}
	p.hit = (p.hit + step + n) % n
	return p.seek(p.hits[p.hit])
}

// askFilter asks for a filter, which takes effect as it is typed.
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

// filterBy has only what a filter leaves shown, all directories of it open.
func (p *differences) filterBy(text string) tea.Cmd {
	if p.request.filter == text {
		return nil
	}
	p.request.filter, p.request.filtered = text, opened{all: true}
	return p.rowsCmd()
}

// fileKey takes the keys about the path under the cursor.
func (p *differences) fileKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	r, ok := p.row()
	switch {
	case keys.view.matches(k):
		return p.view(now), true
	case keys.viewThen.matches(k):
		return p.view(then), true
	case keys.compare.matches(k):
		return p.compare(), true
	case keys.copyPath.matches(k):
		return copyText(p.h, p.path(), "path"), true
	case keys.extract.matches(k):
		return p.extract(), true
	case p.focus == filesPane && ok && keys.toggle.matches(k) && !r.kids:
		n := p.c.tree.Node(int(r.node))
		if n.Old != nil && n.New != nil {
			return p.compare(), true
		}
		return p.view(now), true
	}
	return nil, false
}

// sideOf returns the version of a path on a side, or on the other one if it is there
// alone.
func (p *differences) sideOf(side int) (v *analyze.Version, of int) {
	r, ok := p.row()
	if !ok {
		return nil, side
	}
	n := p.c.tree.Node(int(r.node))
	both := [2]*analyze.Version{n.Old, n.New}
	if both[side] == nil {
		side = 1 - side
	}
	return both[side], side
}

// view opens a page on the file under the cursor as it is on a side; on the other one,
// if it is there alone.
func (p *differences) view(side int) tea.Cmd {
	v, of := p.sideOf(side)
	if v == nil {
		return p.h.say("no file here")
	}
	h := p.pair.sideHost(p.h, of)
	path := p.lk.text(p.path())
	if v.Kind() == analyze.TypeDir {
		return p.h.say(path + " is a directory")
	}
	page := newViewer(h, path)
	page.of = sideWords[of] + ": "
	p.h.open(page)
	return page.show(*v)
}

// compare opens a page that compares both versions of the path under the cursor.
func (p *differences) compare() tea.Cmd {
	r, ok := p.row()
	if !ok {
		return p.h.say("no file here")
	}
	n := p.c.tree.Node(int(r.node))
	path := p.lk.text(p.path())
	switch {
	case n.New == nil && n.Old == nil:
		return p.h.say(path + " is a directory")
	case n.New == nil:
		return p.h.say(path + " is removed: there is nothing to compare with")
	case n.Old == nil:
		return p.h.say(path + " is added: there is nothing to compare with")
	}
	return compareBoth(p.pair.sideHost(p.h, now), *n.New, *n.Old, path, sideWords)
}

// extract asks where to, and writes what is under the cursor as it is now, or as it was
// if it is removed.
func (p *differences) extract() tea.Cmd {
	r, ok := p.row()
	if !ok {
		return p.h.say("nothing is selected")
	}
	before, _, after, inNow := p.c.tree.Nodes(int(r.node))
	side, node := now, after
	if v, of := p.sideOf(now); !inNow || v != nil && of == then {
		side, node = then, before
	}
	x := Extraction{Taken: []Taken{{Node: node, Layer: p.c.sides[side].At}}}
	return askExtract(p.pair.sideHost(p.h, side), x, p.layout.area.w)
}

// paneKey hands a key to the pane that has the focus.
func (p *differences) paneKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	if p.focus == layersPane {
		return nil, p.layers.key(keys, k)
	}
	if p.tree.key(keys, k) {
		p.follow()
		return nil, true
	}
	r, ok := p.row()
	switch {
	case keys.openAll.matches(k), keys.foldAll.matches(k):
		*p.request.open() = opened{all: keys.openAll.matches(k)}
		return p.rowsCmd(), true
	case !ok:
		return nil, false
	case keys.toggle.matches(k) && r.kids:
		return p.flip(r), true
	case keys.open.matches(k) && r.kids:
		if p.request.open().has(analyze.NodeID(r.node)) {
			p.tree.move(1)
			p.follow()
			return nil, true
		}
		return p.flip(r), true
	case keys.close.matches(k):
		if r.kids && p.request.open().has(analyze.NodeID(r.node)) {
			return p.flip(r), true
		}
		for i := p.tree.cursor - 1; i >= 0; i-- {
			if p.rows.rows[i].depth < r.depth {
				p.tree.to(i)
				p.follow()
				break
			}
		}
		return nil, true
	}
	return nil, keys.open.matches(k)
}

// flip opens a directory, or closes it.
func (p *differences) flip(r diffRow) tea.Cmd {
	open := p.request.open()
	open.set(analyze.NodeID(r.node), !open.has(analyze.NodeID(r.node)))
	p.anchor = r.node
	return p.rowsCmd()
}

func (p *differences) mouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	x, ok := p.layout.at(at.X, at.Y)
	switch msg.(type) {
	case tea.MouseMotionMsg:
		if p.divided {
			p.moveDivider(at.X)
		}
	case tea.MouseReleaseMsg:
		p.divided = false
	case tea.MouseWheelMsg:
		if ok {
			p.wheel(x, wheel(at.Button))
		}
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft && p.line.has(at.X, at.Y) {
			return p.lk.clickChips(p.chips(), at.X-p.line.x, p.line.w)
		}
		if d := p.layout.divider; at.Button == tea.MouseLeft && d > 0 && (at.X == d || at.X == d-1) && p.layout.area.hasRow(at.Y) {
			p.divided = true
			return nil
		}
		if ok && at.Button == tea.MouseLeft {
			in := p.layout.panes[x]
			return p.click(x, at.X-in.x, at.Y-in.y, p.h.doubleClick(at.X, at.Y))
		}
	}
	return nil
}

func (p *differences) wheel(x pane, n int) {
	switch x {
	case layersPane:
		p.layers.scroll(n)
	case filesPane:
		p.tree.scroll(n)
		p.follow()
	case layerPane:
		p.layerDetail.scrollBy(n)
	case historyPane:
		p.pathDetail.scrollBy(n)
	}
}

// click selects what is at column x and row y of a pane. A click on the selected
// directory opens or closes it; the second click of two on a file does what enter does.
func (p *differences) click(in pane, x, y int, twice bool) tea.Cmd {
	switch in {
	case layersPane, layerPane:
		p.focus = layersPane
		if i := p.layers.top + y - 1; in == layersPane && y > 0 && i < p.layers.rows {
			p.layers.to(i)
		}
		return nil
	case historyPane:
		p.focus = filesPane
		return nil
	}
	p.focus = filesPane
	if y == 0 {
		by, ok := p.columns(p.layout.panes[filesPane].w).at(x)
		if !ok {
			return nil
		}
		if by == p.request.order {
			by ^= diffReversed
		}
		return p.orderBy(by)
	}
	i := p.tree.top + y - 1
	if i >= len(p.rows.rows) {
		return nil
	}
	was := p.tree.cursor
	p.tree.to(i)
	p.follow()
	switch r := p.rows.rows[i]; {
	case r.kids && was == i:
		return p.flip(r)
	case !r.kids && twice:
		cmd, _ := p.fileKey(keyPress(p.h.keys().toggle.Keys()[0]))
		return cmd
	}
	return nil
}

func (p *differences) hints(k *keyMap) []hint {
	if p.focus == layersPane {
		return []hint{{k.down, k.up}, {k.nextPane}, {k.scrollDown, k.scrollUp}}
	}
	summary := k.views[1]
	summary.short = pairViews()[1].short
	return []hint{{k.down, k.up}, {k.toggle}, {k.compare}, {k.view, k.viewThen}, {k.find}, {k.filter}, {k.sort}, {summary}, {k.nextPane}, {k.below, k.above},
		{k.extract}, {k.copyPath}, {k.openAll, k.foldAll}, {k.scrollDown, k.scrollUp}}
}

func (p *differences) groups(k *keyMap) []keyGroup { return differencesKeys(k) }

func differencesKeys(k *keyMap) []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Panes", []binding{k.nextPane, k.priorPane, k.scrollDown, k.scrollUp, k.narrower, k.wider}},
		{"Layers", []binding{k.above, k.below}},
		{"Files", []binding{k.toggle, k.open, k.close, k.openAll, k.foldAll, k.sort, k.reverse}},
		{"Find", []binding{k.find, k.nextMatch, k.priorMatch, k.filter, k.dropFilter}},
		{"Both versions", []binding{k.compare, k.view, k.viewThen}},
		{"Take out", []binding{k.copyPath, k.extract}},
	}
}
