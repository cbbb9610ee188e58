package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// A grouping is a way to look at the waste.
type grouping uint8

const (
	groupCause    grouping = iota // by cause, then by the layer to blame
	groupLayer                    // by the layer to blame, then by cause
	groupFindings                 // what is to be changed in the build
	groupPath                     // every version, largest first
	groupGone                     // the same of what the final image does not show
	groupingCount
)

func (g grouping) String() string {
	return [groupingCount]string{"by cause", "by layer", "what to mend", "by path", "deleted, still shipped"}[g]
}

// waste is the view of what is wasted: groups that open, and below them what the
// selected row means and what to do about it.
type waste struct {
	list
	h        host
	lk       *look
	a        *analyze.Analysis
	commands []string     // by layer
	sorted   *wasteGroups // nil until it has been made
	grouping grouping
	opened   map[*wasteGroup]bool
	touched  bool // the reader has opened or closed something
	parts    []wastePart
	count    int // of rows

	narrow narrowing

	detail     scroller
	lines      styledLines // of the detail
	described  wasteRow
	wide, high int
}

// A wasteRow is a group, a finding, or one version.
type wasteRow struct {
	group   *wasteGroup
	finding *analyze.Finding
	waste   int32 // index in Analysis.Waste, of a version
	depth   int
}

// openWaste is its row in the table of views.
func openWaste(h host, s *snapshot) (body, tea.Cmd) {
	p := &waste{h: h, lk: h.look(), opened: map[*wasteGroup]bool{}}
	return inFrame(p.lk, p), p.adopt(s)
}

// adopt has the waste of an analysis grouped. What was grouped before is shown
// until that has come.
func (p *waste) adopt(s *snapshot) tea.Cmd {
	p.a, p.commands, p.wide = s.a, s.commands, 0
	return p.groupCmd()
}

// install shows waste that has been grouped. What was open and selected stays so, by what the groups
// are about.
func (p *waste) install(b *wasteGroups) {
	opened := map[*wasteGroup]bool{}
	switch {
	case p.narrow.on(): // what is found is to be seen
		b.eachGroup(func(g *wasteGroup) { opened[g] = true })
	case !p.touched || p.sorted == nil: // the largest cause is open
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
	left = "Waste " + p.lk.sg.dot + " " + human.Size(bytes) + " in " + counted(n, "version") + p.narrow.chip(p.lk)
	return left, fmt.Sprintf("%s %s", p.grouping, p.lk.sg.order)
}

func (p *waste) foot() string { return "" }

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
		p.openGroupings()
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

// openGroupings shows the ways in which the waste can be looked at.
func (p *waste) openGroupings() {
	var items []menuItem
	for g := range groupingCount {
		items = append(items, menuItem{text: g.String(), current: g == p.grouping, do: func() tea.Cmd {
			p.grouping, p.cursor, p.top = g, 0, 0
			p.fill()
			return nil
		}})
	}
	openMenu(p.h, "Show the waste", items, p.h.keys().group)
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

// goTo goes to a version in the files view, where it still shows, or to the path
// that a finding is about.
func (p *waste) goTo(r wasteRow) tea.Cmd {
	if f := r.finding; f != nil {
		return p.showFiles(f)
	}
	w := p.a.Waste.At(int(r.waste))
	if w.Node < 0 {
		return p.h.say("AUFS's bookkeeping has no path among the files")
	}
	mode := analyze.Union
	if w.By == w.Layer {
		mode = analyze.Everything // no union ever showed it
	}
	return p.h.jump(w.Node, w.Layer, mode)
}

// showFiles shows the files that a finding is about, and no others: of waste, those
// of which its layer hides a version for its cause; of what is visible, those of its
// layer that the final image shows; else those at its path.
func (p *waste) showFiles(f *analyze.Finding) tea.Cmd {
	n, ok := p.a.Tree.Lookup(f.Path)
	if !ok || f.Path == "" || f.Layer < 0 {
		return p.h.say("this is not about files of one folder: its text says what it is about")
	}
	text, from, mode := filterText(f.Path), f.Layer-1, analyze.Everything
	for c := range causeTexts {
		if f.Rule == analyze.RuleWaste && strings.HasPrefix(f.ID, analyze.RuleWaste+"/"+c.String()+"/") {
			text += " cause:" + c.String() + " !type:dir"
			if mode = analyze.Range; f.Layer == 0 || c == analyze.Duplicate {
				mode = analyze.Alone
			}
		}
	}
	layer := f.Layer
	if f.Rule == analyze.RuleVisible { // what of that layer the final image shows
		text += fmt.Sprintf(" layer:%d !type:dir", f.Layer)
		layer, mode = max(len(p.a.Layers)-1, 0), analyze.Union
	}
	filter, err := analyze.ParseFilter(text)
	if err != nil {
		return p.h.fail(err)
	}
	return p.h.jumpTo(n, max(from, 0), layer, mode, filter)
}

// filterText writes a path as a term of a filter.
func filterText(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if strings.IndexByte("*?[]{} \\\"", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// version returns the version that a row is about: the wasted one, or what a
// finding's layer has at its path. If there is none, why says so.
func (p *waste) version(r wasteRow) (v analyze.Version, why string) {
	switch {
	case r.group != nil:
		return v, "this is a group of " + counted(r.group.count, "version") + ": " + p.h.keys().toggle.first() + " opens it"
	case r.finding != nil:
		n, ok := p.a.Tree.Lookup(r.finding.Path)
		if !ok || r.finding.Path == "" || r.finding.Layer < 0 {
			return v, "this is not about a single path"
		}
		for _, v := range slices.Backward(p.a.Tree.Versions(n)) {
			if v.Layer() <= r.finding.Layer && v.Change() != analyze.Removed {
				return v, ""
			}
		}
		return v, "no layer up to that one has the path"
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

// view opens a page on the version of a row, or says why there is none.
func (p *waste) view(r wasteRow) tea.Cmd {
	v, why := p.version(r)
	if why != "" {
		return p.h.say(why)
	}
	return viewVersion(p.h, v)
}

// askExtract asks where to, and writes the version of a row.
func (p *waste) askExtract(r wasteRow) tea.Cmd {
	v, why := p.version(r)
	if why != "" {
		return p.h.say(why)
	}
	return askExtract(p.h, Extraction{Taken: []Taken{{Node: v.Node(), Layer: v.Layer(), Alone: true}}}, p.wide)
}

// copy copies the path that a row is about, or the text of a group.
func (p *waste) copy(r wasteRow) tea.Cmd {
	switch {
	case r.group != nil:
		return p.h.say("a group has no path to copy: " + p.h.keys().toggle.first() + " opens it")
	case r.finding != nil:
		return copyText(p.h, p.lk.line(r.finding.Advice), "advice")
	}
	w := p.a.Waste.At(int(r.waste))
	return copyText(p.h, w.Path(), "path")
}

// askExport asks for a file, and writes what is listed then to it.
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

// listed returns a function that gives the versions that are listed: those of a
// group that is closed count as listed too.
func (p *waste) listed() func() analyze.WasteRows {
	a, groups := p.a, p.sorted.byCause
	switch p.grouping {
	case groupLayer:
		groups = p.sorted.byLayer
	case groupPath, groupFindings:
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
	first, others := k.otherViews("waste")
	return slices.Concat([]hint{{k.down, k.up}, {k.toggle}, {k.group}, {k.narrow}}, first, []hint{{k.view}},
		others, []hint{{k.openAll, k.foldAll}, {k.scrollDown, k.scrollUp}})
}

func (p *waste) groups(k *keyMap) []keyGroup { return wasteKeys(k) }

func wasteKeys(k *keyMap) []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Waste", []binding{k.toggle, k.open, k.close, k.narrow, k.view, k.openAll, k.foldAll, k.group, k.scrollDown, k.scrollUp}},
		{"Take out", []binding{k.copyPath, k.extract, k.export}},
	}
}
