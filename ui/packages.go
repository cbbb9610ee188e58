package ui

import (
	"cmp"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// packages is the view of the packages in the image's databases, with the bytes of each. It is
// computed when first shown. The last row is the content that no package owns, so that all rows
// add up to the image.
type packages struct {
	list
	h        host
	lk       *look
	a        *analyze.Analysis
	commands []string // by layer
	wanted   bool     // the view was on the screen
	busy     bool     // rows are being computed
	seq      int      // of the rows requested last
	rows     *packageRows
	failed   string // why finding the packages failed

	narrow narrowing
	order  packageOrder

	detail     scroller
	lines      styledLines // of the detail
	described  int         // the row that they describe, or -1
	wide, high int
}

// openPackages opens the view, for the table of views.
func openPackages(h host, s *snapshot) (body, tea.Cmd) {
	p := &packages{h: h, lk: h.look(), described: -1}
	return inFrame(p.lk, p), p.adopt(s)
}

// adopt computes the rows again for another analysis, if the view was on the screen.
func (p *packages) adopt(s *snapshot) tea.Cmd {
	p.a, p.commands, p.wide = s.a, s.commands, 0
	if !p.wanted {
		return nil
	}
	return p.rowsCmd()
}

// shown computes the rows when the view is first on the screen.
func (p *packages) shown() tea.Cmd {
	if p.wanted {
		return nil
	}
	p.wanted = true
	return p.rowsCmd()
}

// waits reports whether keys must wait for the rows.
func (p *packages) waits() bool { return p.busy }

// install shows rows. The cursor stays on its package, unless it is still on the first row.
func (p *packages) install(r *packageRows) {
	at := 0
	if was, ok := p.current(); ok && p.cursor > 0 {
		at = slices.IndexFunc(r.listed, func(i int32) bool {
			x := r.row(i)
			return x.Name == was.Name && x.Version == was.Version && x.Type == was.Type
		})
	}
	p.rows, p.wide, p.described = r, 0, -1
	p.list.resize(len(r.listed), p.page)
	p.to(max(at, 0))
}

// current returns the package under the cursor.
func (p *packages) current() (*analyze.Package, bool) {
	if p.rows == nil || p.cursor >= len(p.rows.listed) {
		return nil, false
	}
	return p.rows.row(p.rows.listed[p.cursor]), true
}

func (p *packages) title(int) (left, right string) {
	left = "Packages"
	if r := p.rows; r != nil {
		n := len(r.listed)
		if n > 0 && r.listed[n-1] == unownedRow {
			n--
		}
		left += " " + p.lk.sg.dot + " " + human.Comma(int64(n))
		if all := len(r.all.Rows); n < all {
			left += " of " + human.Comma(int64(all))
		}
		if f := len(r.all.Flaws); f > 0 {
			left += " " + p.lk.sg.dot + " " + counted(f, "flaw")
		}
	}
	by, back := p.order.base()
	sign := p.lk.sg.order
	if back {
		sign = p.lk.sg.back
	}
	return left, "by " + by.String() + " " + sign
}

// chips returns the list's filter, and its order unless that is the initial one.
func (p *packages) chips() []chip {
	out := p.narrow.chips(p.lk, p.rowsCmd)
	if p.order != packagesByStored {
		by, back := p.order.base()
		text := "by " + by.String()
		if back {
			text += " " + p.lk.sg.back
		}
		out = append(out, chip{text, func() tea.Cmd { return p.orderBy(packagesByStored) }})
	}
	return out
}

func (p *packages) asideClicked() { p.openOrders() }

func (p *packages) foot() string { return p.lk.outOfSight(p.top, max(p.list.rows-p.top-p.page, 0)) }

func (p *packages) restyle() { p.wide = 0 }

// resize makes room for the head, the totals and, if it is shown, the detail.
func (p *packages) resize(w, h int) {
	detail := 0
	if h >= 14 {
		detail = min(max(h/3, 5), 12)
	}
	n := 0
	if p.rows != nil {
		n = len(p.rows.listed)
	}
	p.list.resize(n, h-2-detail-min(detail, 1))
	at := -1
	if n > 0 {
		at = p.cursor
	}
	if w != p.wide || detail != p.high || at != p.described {
		if at != p.described {
			p.detail.top = 0
		}
		p.wide, p.high, p.described = w, detail, at
		p.lines = p.lines[:0]
		if x, ok := p.current(); ok {
			p.describe(x)
		}
	}
	p.detail.resize(len(p.lines), detail)
}

func (p *packages) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case p.list.key(keys, k):
	case keys.narrow.matches(k):
		p.narrow.ask(p.h, p.rowsCmd)
	case keys.back.matches(k) && p.narrow.on():
		p.narrow.drop()
		return p.rowsCmd(), true
	case keys.sort.matches(k):
		p.openOrders()
	case keys.reverse.matches(k):
		return p.orderBy(p.order ^ packagesReversed), true
	case keys.scrollDown.matches(k):
		p.detail.scrollBy(1)
	case keys.scrollUp.matches(k):
		p.detail.scrollBy(-1)
	case keys.owned.matches(k):
		return p.showFiles(), true
	case keys.copyPath.matches(k):
		return p.copy(), true
	default:
		return nil, false
	}
	return nil, true
}

// showFiles shows only the files that the selected package owns, after the highest layer that
// stores some of them: for an older version, that is below the newer ones.
func (p *packages) showFiles() tea.Cmd {
	x, ok := p.current()
	if !ok {
		return nil
	}
	filter, err := analyze.ParseFilter(x.Term())
	if err != nil {
		return p.h.fail(err)
	}
	layer := max(len(p.a.Layers)-1, 0)
	switch n := len(x.Layers); {
	case x.Name == "": // files that no package owns have no version
	case n > 0:
		layer = x.Layers[n-1].Layer
	case x.Shared == 0:
		return p.h.say("none of its files is in the image")
	case !x.Installed:
		layer = x.Layer
	}
	return p.h.jumpTo(analyze.Root, 0, layer, analyze.Union, filter)
}

// copy copies a package's name and version.
func (p *packages) copy() tea.Cmd {
	x, ok := p.current()
	switch {
	case !ok:
		return nil
	case x.Name == "":
		return p.h.say("files that no package owns have no name to copy")
	case x.Version == "":
		return copyText(p.h, x.Name, "name")
	}
	return copyText(p.h, x.Name+" "+x.Version, "name and version")
}

// openOrders shows the menu of the packages' orders.
func (p *packages) openOrders() {
	now, _ := p.order.base()
	var items []menuItem
	for by := range packageOrders {
		items = append(items, menuItem{text: by.text(), current: by == now, do: func() tea.Cmd { return p.orderBy(by) }})
	}
	openMenu(p.h, "Order by", items, p.h.keys().sort)
}

func (p *packages) orderBy(by packageOrder) tea.Cmd {
	p.order = by
	return p.rowsCmd()
}

func (p *packages) mouse(msg tea.MouseMsg, x, y int) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		if y > p.page+1 {
			p.detail.wheel(msg)
		} else {
			p.scroll(wheel(at.Button))
		}
	case tea.MouseClickMsg:
		if at.Button != tea.MouseLeft {
			return nil
		}
		if y == 0 {
			return p.clickHead(x)
		}
		if i := p.top + y - 1; y <= p.page && i < p.list.rows {
			p.to(i)
			if p.h.doubleClick(at.X, at.Y) {
				return p.showFiles()
			}
		}
	}
	return nil
}

// clickHead orders the rows by the column whose title is at column x. A second click reverses the
// order.
func (p *packages) clickHead(x int) tea.Cmd {
	by, ok := p.columns(p.wide).at(x)
	if !ok {
		return nil
	}
	if by == p.order {
		by ^= packagesReversed
	}
	return p.orderBy(by)
}

func (p *packages) hints(k *keyMap) []hint {
	first, others := k.otherViews("packages")
	return slices.Concat([]hint{{k.down, k.up}, {k.owned}, {k.narrow}, {k.sort}}, first, others, []hint{{k.copyPath}, {k.scrollDown, k.scrollUp}})
}

func (p *packages) groups(k *keyMap) []keyGroup { return packagesKeys(k) }

func packagesKeys(k *keyMap) []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Packages", []binding{k.owned, k.narrow, k.sort, k.reverse, k.scrollDown, k.scrollUp, k.copyPath}},
	}
}

// A packageOrder is an order of the packages. For numbers, the largest is first.
type packageOrder uint8

const (
	packagesByStored packageOrder = iota
	packagesByWasted
	packagesByShared
	packagesByFiles
	packagesByVersions // those with most versions first
	packagesByName
	packagesByType
	packagesByLayer
	packageOrders

	packagesReversed packageOrder = 1 << 4 // added to one of these to reverse it
)

// base returns the order without its direction, and whether it is reversed.
func (o packageOrder) base() (by packageOrder, back bool) {
	return o &^ packagesReversed, o&packagesReversed != 0
}

func (o packageOrder) String() string {
	return [packageOrders]string{"stored", "wasted", "shared", "files", "versions", "name", "type", "layer"}[o]
}

// text says, for the menu, what comes first.
func (o packageOrder) text() string {
	return [packageOrders]string{
		"stored bytes, most first", "wasted bytes, most first", "bytes shared with other packages, most first", "number of files",
		"number of installed versions", "name", "type", "layer that adds it, lowest first",
	}[o]
}

// compare orders two packages. Equal ones keep their order.
func (o packageOrder) compare(a, b *analyze.Package, versionsOfA, versionsOfB int32) int {
	switch o {
	case packagesByWasted:
		return cmp.Compare(b.Wasted, a.Wasted)
	case packagesByShared:
		return cmp.Compare(b.Shared, a.Shared)
	case packagesByFiles:
		return cmp.Compare(b.Files, a.Files)
	case packagesByVersions:
		return cmp.Compare(versionsOfB, versionsOfA)
	case packagesByType:
		return cmp.Compare(a.Type, b.Type)
	case packagesByLayer:
		return cmp.Compare(a.Layer, b.Layer)
	case packagesByName: // in their original order
		return 0
	}
	return cmp.Compare(b.Stored, a.Stored)
}
