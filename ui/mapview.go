package ui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// mapView is the view of directories by layer: a row for each directory, a column for each layer,
// and in each cell what the layer stores there. The cursor is a cell. Bytes that are dead after
// its layer are shaded, so they die as the user moves from layer to layer.
type mapView struct {
	list
	h        host
	lk       *look
	a        *analyze.Analysis
	commands []string // by layer

	zoomed  bool              // the rows take the room of the detail
	visited bool              // the view was on the screen
	sums    *analyze.LayerMap // nil until it is computed
	scale   int64             // bytes of a full cell: the largest layer
	rows    []row

	request mapRequest
	seq     int // of the request
	have    int // the request whose rows are shown
	busy    bool

	layer  int            // of the cursor's cell
	first  int            // the first layer on the screen
	anchor analyze.NodeID // the user's choice: the cursor is on it, or on its nearest parent
	narrow narrowing

	cells      []analyze.MapCell // of the row that is drawn
	detail     scroller
	lines      styledLines // of the detail
	described  mapCellID
	wide, high int
}

// A mapCellID is a cell of the map.
type mapCellID struct {
	node  analyze.NodeID
	layer int
}

// openMap opens the view, for the table of views.
func openMap(h host, s *snapshot) (body, tea.Cmd) {
	p := &mapView{h: h, lk: h.look(), layer: max(s.a.Read()-1, 0)}
	return inFrame(p.lk, p), p.adopt(s)
}

// adopt takes another analysis. It shows the old sums until the new ones are ready.
func (p *mapView) adopt(s *snapshot) tea.Cmd {
	atTop := p.a != nil && p.layer == p.a.Read()-1
	p.a, p.commands, p.wide = s.a, s.commands, 0
	if atTop {
		p.layer = max(p.a.Read()-1, 0)
	}
	if !p.visited {
		return nil
	}
	return p.ask()
}

// shown computes the sums when the view is first on the screen.
func (p *mapView) shown() tea.Cmd {
	if p.visited {
		return nil
	}
	p.visited = true
	return p.ask()
}

// waits reports whether rows are being computed that keys may be about.
func (p *mapView) waits() bool { return p.busy }

func (p *mapView) restyle() { p.wide = 0 }

func (p *mapView) title(w int) (left, right string) {
	dot := " " + p.lk.sg.dot + " "
	left = "Map"
	if p.layers() > 0 {
		live, covered, removed := p.after(analyze.Root)
		left += dot + fmt.Sprintf("after layer %d", p.layer) + dot + human.Size(live) + " live"
		if more := left + ", " + human.Size(covered) + " covered, " + human.Size(removed) + " removed"; width(more) <= w {
			left = more
		}
	}
	sign := p.lk.sg.order
	if _, back := p.request.order.base(); back {
		sign = p.lk.sg.back
	}
	right = fmt.Sprintf("by %s %s", p.request.order, sign)
	if p.list.rows > p.page {
		right = fmt.Sprintf("%s of %s %s %s", human.Comma(int64(p.cursor+1)), human.Comma(int64(p.list.rows)), p.lk.sg.dot, right)
	}
	return left, right
}

// chips returns the filter and the order of the rows.
func (p *mapView) chips() []chip {
	var out []chip
	if p.request.order != bySize {
		text := "by " + p.request.order.String()
		if _, back := p.request.order.base(); back {
			text += " " + p.lk.sg.back
		}
		out = append(out, chip{text, func() tea.Cmd { return p.orderBy(bySize) }})
	}
	return append(out, p.narrow.chips(p.lk, p.ask)...)
}

// after returns what is live, covered and removed of a directory's bytes after the
// cursor's layer.
func (p *mapView) after(n analyze.NodeID) (live, covered, removed int64) {
	p.cells = p.sums.AppendCells(p.cells[:0], n, p.layer)
	for _, c := range p.cells {
		live, covered, removed = live+c.Live, covered+c.Covered, removed+c.Removed
	}
	return live, covered, removed
}

// foot returns the scale, and the meaning of the signs.
func (p *mapView) foot() string {
	sg := &p.lk.sg
	if p.layers() == 0 {
		return ""
	}
	scale := "full cell " + human.Size(p.scale)
	legend := fmt.Sprintf("  %s live  %s covered  %s removed  %s later",
		sg.strip[analyze.SignShows], sg.strip[analyze.SignCovered], sg.strip[analyze.SignRemoved], sg.strip[analyze.SignNothing])
	if width(scale+legend)+4 > p.wide {
		return scale
	}
	return scale + legend
}

func (p *mapView) resize(w, h int) {
	detail := 2
	if h >= 14 {
		detail = min(max(h/4, 5), 8)
	}
	if p.zoomed {
		detail = 0
	}
	p.list.resize(len(p.rows), h-1-detail-min(detail, 1)) // without the head, the detail and the line above it
	c := p.columns(w)
	margin := min(1, (c.n-1)/2)
	p.first = max(min(p.first, p.layer-margin), p.layer+margin-c.n+1)
	p.first = max(min(p.first, p.layers()-c.n), 0)
	id := mapCellID{analyze.Root, p.layer}
	if p.cursor < len(p.rows) {
		id.node = p.rows[p.cursor].node
	}
	if w != p.wide || detail != p.high || id != p.described {
		if id != p.described {
			p.detail.top = 0
		}
		p.wide, p.high, p.described = w, detail, id
		p.lines = p.lines[:0]
		if p.sums != nil && len(p.rows) > 0 {
			p.describe(id)
		}
	}
	p.detail.resize(len(p.lines), detail)
}

// layers returns how many layers the map has.
func (p *mapView) layers() int {
	if p.sums == nil {
		return 0
	}
	return p.sums.Tree().LayerCount()
}

// keep makes the row under the cursor the user's choice.
func (p *mapView) keep() {
	if p.cursor < len(p.rows) {
		p.anchor = p.rows[p.cursor].node
	}
}

// walk goes to another layer.
func (p *mapView) walk(n int) { p.layer = max(min(p.layer+n, p.layers()-1), 0) }

func (p *mapView) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case p.list.key(keys, k):
		p.keep()
	case keys.mapLeft.matches(k), keys.below.matches(k):
		p.walk(-1)
	case keys.mapRight.matches(k), keys.above.matches(k):
		p.walk(1)
	case keys.narrow.matches(k):
		p.narrow.ask(p.h, p.ask)
	case keys.back.matches(k) && p.narrow.on():
		p.narrow.drop()
		return p.ask(), true
	case keys.sort.matches(k):
		openOrderMenu(p.h, p.request.order, p.orderBy)
	case keys.reverse.matches(k):
		return p.orderBy(p.request.order ^ reversed), true
	case keys.openAll.matches(k), keys.foldAll.matches(k):
		p.request.opened = opened{all: keys.openAll.matches(k)}
		return p.ask(), true
	case keys.branches.matches(k):
		p.request.screen, p.request.order, p.anchor = p.page, bySize, analyze.Root
		return p.ask(), true
	case keys.zoom.matches(k), p.zoomed && keys.back.matches(k):
		p.zoomed = !p.zoomed
	case keys.scrollDown.matches(k):
		p.detail.scrollBy(1)
	case keys.scrollUp.matches(k):
		p.detail.scrollBy(-1)
	case p.cursor >= len(p.rows):
		return nil, false
	case keys.toggle.matches(k):
		return p.enter(), true
	case keys.mapFiles.matches(k):
		return p.goTo(), true
	case keys.copyPath.matches(k):
		return copyText(p.h, p.sums.Tree().Path(p.rows[p.cursor].node), "path"), true
	case keys.extract.matches(k):
		return askExtract(p.h, Extraction{Taken: []Taken{{Node: p.rows[p.cursor].node, Layer: p.layer, Alone: true}}}, p.wide), true
	default:
		return nil, false
	}
	return nil, true
}

func (p *mapView) orderBy(by order) tea.Cmd {
	p.request.order = by
	return p.ask()
}

// enter opens or closes the directory under the cursor. If it contains no other directory, enter
// shows its files.
func (p *mapView) enter() tea.Cmd {
	r := p.rows[p.cursor]
	switch {
	case r.node == analyze.Root:
		return p.h.say("the root is always open: " + p.h.keys().mapFiles.first() + " shows its files")
	case !r.kids:
		return p.goTo()
	}
	p.request.opened.set(r.node, !p.request.opened.has(r.node))
	return p.ask()
}

// goTo shows the directory under the cursor in the files view: what the cursor's layer holds there;
// if that is nothing, the union after that layer; else any layer.
func (p *mapView) goTo() tea.Cmd {
	n := p.rows[p.cursor].node
	t := p.sums.Tree()
	mode := analyze.Everything
	p.cells = p.sums.AppendCells(p.cells[:0], n, p.layer)
	if slices.ContainsFunc(p.cells, func(c analyze.MapCell) bool { return c.Layer == p.layer }) {
		mode = analyze.Alone
	} else if _, ok := t.At(n, p.layer); ok {
		mode = analyze.Union
	}
	return p.h.jump(n, p.layer, mode)
}

func (p *mapView) mouse(msg tea.MouseMsg, x, y int) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		switch {
		case at.Button == tea.MouseWheelLeft:
			p.walk(-1)
		case at.Button == tea.MouseWheelRight:
			p.walk(1)
		case y > p.page:
			p.detail.wheel(msg)
		default:
			p.scroll(wheel(at.Button))
			p.keep()
		}
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft && !p.busy {
			return p.click(x, y, p.h.doubleClick(at.X, at.Y))
		}
	}
	return nil
}

// click selects the layer and the row at a place. A double click on a cell shows its files; a
// click on the sign of a directory, or on a selected one, opens or closes it.
func (p *mapView) click(x, y int, twice bool) tea.Cmd {
	c := p.columns(p.wide)
	layer, inGrid := c.layerAt(x, p.first)
	if inGrid && layer < p.layers() && y <= p.page {
		p.layer = layer
	}
	i := p.top + y - 1
	if y < 1 || y > p.page || i >= len(p.rows) {
		return nil
	}
	was := p.cursor
	p.to(i)
	p.keep()
	sign := c.fixed + 2*int(p.rows[i].depth)
	switch {
	case inGrid && twice:
		return p.goTo()
	case !inGrid && p.rows[i].kids && (i == was || x >= sign && x < sign+2):
		return p.enter()
	}
	return nil
}

func (p *mapView) hints(k *keyMap) []hint {
	first, others := k.otherViews("map")
	return slices.Concat([]hint{{k.mapLeft, k.mapRight}, {k.down, k.up}, {k.toggle}, {k.mapFiles}}, first,
		[]hint{{k.branches}, {k.sort}, {k.narrow}}, others, []hint{{k.openAll, k.foldAll}, {k.scrollDown, k.scrollUp}})
}

func (p *mapView) groups(k *keyMap) []keyGroup { return mapKeys(k) }

func mapKeys(k *keyMap) []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Map", []binding{
			k.mapLeft, k.mapRight, k.below, k.above, k.toggle, k.mapFiles, k.openAll, k.foldAll, k.branches, k.sort, k.reverse, k.narrow,
			k.zoom, k.scrollDown, k.scrollUp,
		}},
		{"Take out", []binding{k.copyPath, k.extract}},
	}
}
