package ui

import (
	"context"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// A grouping is a way to group the waste.
type grouping uint8

const (
	groupCause grouping = iota // by cause, then by the layer that caused it
	groupLayer                 // by the layer that caused it, then by cause
	groupPath                  // every version, largest first
	groupGone                  // the same for files that the final image doesn't show
	groupingCount
)

func (g grouping) String() string {
	return [groupingCount]string{"by cause", "by layer", "by path", "deleted, still shipped"}[g]
}

// waste is the page with the wasted bytes: groups that open, and below them what the selected
// row means and what to do about it. It belongs to the view of fixes, which shows it in place
// of the findings.
type waste struct {
	list
	h        host
	lk       *look
	a        *analyze.Analysis
	commands []string     // by layer
	sorted   *wasteGroups // nil until it is computed
	grouping grouping
	opened   map[*wasteGroup]bool
	touched  bool // the user has opened or closed something
	parts    []wastePart
	count    int // number of rows

	narrow narrowing
	orders func() // opens the menu of orders and groupings

	detail     scroller
	lines      styledLines // of the detail
	described  wasteRow
	wide, high int
}

// A wasteRow is a group or one version.
type wasteRow struct {
	group *wasteGroup
	waste int32 // index in Analysis.Waste, for a version
	depth int
}

// show shows the waste in a grouping.
func (p *waste) show(g grouping) {
	p.grouping, p.cursor, p.top = g, 0, 0
	p.fill()
}

// adopt groups the waste of an analysis. The previous groups are shown until it is done.
func (p *waste) adopt(s *snapshot) tea.Cmd {
	p.a, p.commands, p.wide = s.a, s.commands, 0
	return p.groupCmd()
}

// install shows new groups. Groups stay open or selected if they describe the same thing.
func (p *waste) install(b *wasteGroups) {
	opened := map[*wasteGroup]bool{}
	switch {
	case p.narrow.on(): // matches must be visible
		b.eachGroup(func(g *wasteGroup) { opened[g] = true })
	case !p.touched || p.sorted == nil: // open the largest cause
		for _, g := range b.byCause[:min(1, len(b.byCause))] {
			opened[g] = true
		}
	default:
		type key struct {
			cause  analyze.Cause
			by     int
			parent grouping
			leaf   bool
		}
		was := map[key]bool{}
		each := func(b *wasteGroups, f func(key, *wasteGroup)) {
			for i, groups := range [][]*wasteGroup{b.byCause, b.byLayer} {
				for _, g := range groups {
					f(key{g.cause, g.by, grouping(i), false}, g)
					for _, kid := range g.kids {
						f(key{kid.cause, kid.by, groupCause, true}, kid)
					}
				}
			}
		}
		each(p.sorted, func(k key, g *wasteGroup) { was[k] = was[k] || p.opened[g] })
		each(b, func(k key, g *wasteGroup) {
			if was[k] {
				opened[g] = true
			}
		})
	}
	p.sorted, p.a, p.opened = b, b.a, opened
	p.fill()
}

func (p *waste) title(int) (left, right string) {
	t := p.a.Totals
	bytes, n := t.Wasted, p.a.Waste.Len()
	if p.narrow.on() && p.sorted != nil {
		bytes, n = p.sorted.all.bytes, p.sorted.all.count
	}
	left = "Waste " + p.lk.sg.dot + " " + human.Size(bytes) + " in " + counted(n, "version")
	return left, fmt.Sprintf("%s %s", p.grouping, p.lk.sg.order)
}

func (p *waste) chips() []chip { return p.narrow.chips(p.lk, p.groupCmd) }
func (p *waste) asideClicked() { p.orders() }
func (p *waste) foot() string  { return "" }

func (p *waste) restyle() { p.wide = 0 }

func (p *waste) resize(w, h int) {
	detail := 0
	if h >= 14 {
		detail = min(max(h*2/5, 5), 14)
	}
	p.list.resize(p.count, h-1-detail-min(detail, 1)) // without the head, the detail and the line above it
	r, ok := p.current()
	if w != p.wide || detail != p.high || r != p.described {
		if r != p.described {
			p.detail.top = 0
		}
		p.wide, p.high, p.described = w, detail, r
		p.lines = p.lines[:0]
		if ok {
			p.describe(r)
		}
	}
	p.detail.resize(len(p.lines), detail)
}

func (p *waste) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	if p.list.key(keys, k) {
		return nil, true
	}
	r, ok := p.current()
	switch {
	case keys.narrow.matches(k):
		p.narrow.ask(p.h, p.groupCmd)
	case keys.back.matches(k) && p.narrow.on():
		p.narrow.drop()
		return p.groupCmd(), true
	case keys.group.matches(k):
		p.orders()
	case keys.scrollDown.matches(k):
		p.detail.scrollBy(1)
	case keys.scrollUp.matches(k):
		p.detail.scrollBy(-1)
	case keys.export.matches(k) && p.sorted != nil:
		return p.askExport(), true
	case keys.openAll.matches(k), keys.foldAll.matches(k):
		p.all(keys.openAll.matches(k))
	case !ok:
		return nil, false
	case keys.toggle.matches(k), keys.open.matches(k):
		if r.group == nil {
			return p.goTo(r), true
		}
		if keys.open.matches(k) && p.opened[r.group] {
			p.move(1)
			break
		}
		p.flip(r.group)
	case keys.close.matches(k):
		p.collapse(r)
	case keys.view.matches(k):
		return p.view(r), true
	case keys.extract.matches(k):
		return p.askExtract(r), true
	case keys.copyPath.matches(k):
		return p.copy(r), true
	default:
		return nil, false
	}
	return nil, true
}

func (p *waste) flip(g *wasteGroup) {
	p.touched = true
	p.opened[g] = !p.opened[g]
	p.fill()
}

// all opens or closes every group.
func (p *waste) all(open bool) {
	if p.sorted == nil {
		return
	}
	p.touched = true
	clear(p.opened)
	if open {
		p.sorted.eachGroup(func(g *wasteGroup) { p.opened[g] = true })
	}
	p.to(0)
	p.fill()
}

// collapse closes the group under the cursor, or goes to the one above.
func (p *waste) collapse(r wasteRow) {
	if r.group != nil && p.opened[r.group] {
		p.flip(r.group)
		return
	}
	for i := p.cursor - 1; i >= 0; i-- {
		if p.row(i).depth < r.depth {
			p.to(i)
			return
		}
	}
}

// goTo goes to a version in the files view, in a layer where it still shows.
func (p *waste) goTo(r wasteRow) tea.Cmd {
	w := p.a.Waste.At(int(r.waste))
	if w.Node < 0 {
		return p.h.say("AUFS's bookkeeping has no path among the files")
	}
	mode := analyze.Union
	if w.By == w.Layer {
		mode = analyze.Everything // no union ever shows it
	}
	return p.h.jump(w.Node, w.Layer, mode)
}

// version returns the wasted version of a row. If it has none, why says so.
func (p *waste) version(r wasteRow) (v analyze.Version, why string) {
	if r.group != nil {
		return v, "this is a group of " + counted(r.group.count, "version") + ": " + p.h.keys().toggle.first() + " opens it"
	}
	w := p.a.Waste.At(int(r.waste))
	if w.Node >= 0 {
		for _, v := range p.a.Tree.Versions(w.Node) {
			if v.Layer() == w.Layer && v.Wasted() == w.Bytes {
				return v, ""
			}
		}
	}
	return v, "it has no path"
}

// view opens a page on the version of a row, or says why it has none.
func (p *waste) view(r wasteRow) tea.Cmd {
	v, why := p.version(r)
	if why != "" {
		return p.h.say(why)
	}
	return viewVersion(p.h, v)
}

// askExtract asks for a directory, and writes the version of a row.
func (p *waste) askExtract(r wasteRow) tea.Cmd {
	v, why := p.version(r)
	if why != "" {
		return p.h.say(why)
	}
	return askExtract(p.h, Extraction{Taken: []Taken{{Node: v.Node(), Layer: v.Layer(), Alone: true}}}, p.wide)
}

// copy copies the path of a version, or says that a group has none.
func (p *waste) copy(r wasteRow) tea.Cmd {
	if r.group != nil {
		return p.h.say("a group has no path to copy: " + p.h.keys().toggle.first() + " opens it")
	}
	w := p.a.Waste.At(int(r.waste))
	return copyText(p.h, w.Path(), "path")
}

// askExport asks for a file, and writes the current list to it.
func (p *waste) askExport() tea.Cmd {
	export := p.h.actions().ExportWaste
	if export == nil {
		return p.h.say(noExport)
	}
	return askFile(p.h, "waste.json", func(file string) taskFunc {
		a, listed := p.a, p.listed()
		return func(ctx context.Context, _ func(done, total int64)) (string, error) {
			return export(ctx, a, listed(), file)
		}
	})
}

// listed returns a function that returns the listed versions, including those in closed groups.
func (p *waste) listed() func() analyze.WasteRows {
	a, groups := p.a, p.sorted.byCause
	switch p.grouping {
	case groupLayer:
		groups = p.sorted.byLayer
	case groupPath:
		groups = []*wasteGroup{p.sorted.all}
	case groupGone:
		groups = []*wasteGroup{p.sorted.gone}
	}
	return func() analyze.WasteRows {
		var rows []int32
		for _, g := range groups {
			for _, leaf := range append(slices.Clip(g.kids), g) {
				rows = append(rows, leaf.rows...)
			}
		}
		return a.Waste.Pick(rows)
	}
}

func (p *waste) mouse(msg tea.MouseMsg, x, y int) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		if y > p.page {
			p.detail.wheel(msg)
		} else {
			p.list.scroll(wheel(at.Button))
		}
	case tea.MouseClickMsg:
		i := p.top + y - 1
		if at.Button != tea.MouseLeft || y < 1 || y > p.page || i >= p.count {
			return nil
		}
		was := p.cursor
		p.to(i)
		switch r := p.row(i); {
		case r.group != nil && (i == was || x < p.fixed(p.wide)+2*r.depth+2 && x >= p.fixed(p.wide)+2*r.depth):
			p.flip(r.group)
		case r.group == nil && p.h.doubleClick(at.X, at.Y):
			return p.goTo(r)
		}
	}
	return nil
}

func (p *waste) hints(k *keyMap) []hint {
	first, others := k.otherViews("fix")
	return slices.Concat([]hint{{k.down, k.up}, {k.toggle}, {k.group}, {k.narrow}}, first, []hint{{k.view}},
		others, []hint{{k.openAll, k.foldAll}, {k.scrollDown, k.scrollUp}})
}

func (p *waste) groups(k *keyMap) []keyGroup { return fixKeys(k) }
