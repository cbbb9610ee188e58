package ui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// fix is the view of what to change in the build: on the left the Dockerfile, or the image's
// steps if it is unknown, with what each step stores and wastes; on the right the findings, and
// below them the details of the selected one, its fix, and the patch. Chosen fixes are planned
// off the event loop, and the header shows the resulting image.
//
// Findings, fixes and plans come from analyze. The menu of orders also offers the rows of waste
// in groups, on a page of its own (waste.go).
type fix struct {
	h        host
	lk       *look
	a        *analyze.Analysis
	commands []string // by layer, in words, clean

	order fixOrder
	back  bool    // findings are in reverse order
	waste *framed // shows the groupings; nil until one is requested

	layout  fixLayout
	divide  int  // columns of the left frame; 0: depends on the width
	divided bool // the divider between the frames is being dragged
	zoomed  bool // the pane with the focus has the whole screen
	focus   fixPane
	linked  fixLink // the selection that the panes were last linked for

	work  *fixWork           // nil until it is computed
	begun *analyze.Analysis  // for which the computation began
	late  bool               // it takes long, so keys no longer wait
	halt  context.CancelFunc // of the computation in progress

	build   list // its rows are those of work
	found   list
	rows    []fixRow
	narrow  narrowing
	chipped bool // the last row of the findings has chips

	plan    fixPlan
	patches map[int]string // patches by fix; "" while one is made

	detail scroller
	lines  styledLines
	shown  detailKey // what the lines are about
}

// A fixPane is a part of the view.
type fixPane uint8

const (
	buildPane fixPane = iota // the Dockerfile, or the steps
	foundPane                // the findings
	aboutPane                // the details of one finding
	fixPanes
)

// openFix opens the view, for the table of views.
func openFix(h host, s *snapshot) (body, tea.Cmd) {
	p := &fix{h: h, lk: h.look(), focus: foundPane}
	return p, p.adopt(s)
}

// adopt takes another analysis of the same image. It shows the old findings until the new ones
// are ready: see pending.
func (p *fix) adopt(s *snapshot) tea.Cmd {
	p.a, p.commands = s.a, s.commands
	if p.waste != nil {
		return p.waste.adopt(s)
	}
	return nil
}

// grouped returns the page that shows the waste in the chosen grouping; nil if the view shows
// findings.
func (p *fix) grouped() *framed {
	if _, ok := p.order.grouping(); ok {
		return p.waste
	}
	return nil
}

func (p *fix) restyle() {
	p.shown = detailKey{}
	if p.waste != nil {
		p.waste.restyle()
	}
}

func (p *fix) arrange(at rect) {
	if w := p.grouped(); w != nil {
		w.arrange(at)
		return
	}
	p.layout = arrangeFix(at, p.divide, p.focus, p.zoomed)
	if p.focus == aboutPane && !p.layout.alone {
		p.focus = foundPane
	}
	n := 0
	if p.work != nil {
		n = len(p.work.build)
	}
	p.build.resize(n, p.layout.panes[buildPane].h-1)
	found := p.layout.panes[foundPane]
	p.chipped = len(p.chips()) > 0 && chipsFit(found.w, found.h)
	p.found.resize(len(p.rows), found.h-1-p.chipRows())
	p.link()
	p.describe(p.layout.panes[aboutPane])
}

// chips returns the filter of the findings, or of the waste.
func (p *fix) chips() []chip {
	if w := p.grouped(); w != nil {
		return w.chips()
	}
	var out []chip
	if p.order != fixBySize || p.back {
		out = append(out, chip{p.orderText(), func() tea.Cmd {
			p.back = false
			return p.show(fixBySize)
		}})
	}
	return append(out, p.narrow.chips(p.lk, p.refill)...)
}

// chipRows is the number of rows of the findings that chips take.
func (p *fix) chipRows() int {
	if p.chipped {
		return 1
	}
	return 0
}

// A fixLink is the place of the cursor in one pane when the other was made to follow it.
type fixLink struct {
	work    *fixWork
	build   bool // the Dockerfile leads
	row     int
	visible int // rows of the pane that follows
}

// roomAbove is the number of lines of the Dockerfile above the one that the view goes to.
const roomAbove = 2

// link makes the pane without the focus follow the other one: to the line of the finding, or to
// the first finding of the line.
func (p *fix) link() {
	if p.work == nil {
		return
	}
	l := fixLink{p.work, p.focus == buildPane, p.found.cursor, p.build.page}
	if l.build {
		l.row, l.visible = p.build.cursor, p.found.page
	}
	if l == p.linked {
		return
	}
	p.linked = l
	if !l.build {
		if s := p.stepOfRow(p.found.cursor); s >= 0 {
			p.build.to(p.work.steps[s].first - roomAbove)
			p.build.to(p.work.steps[s].last)
			p.build.to(p.work.steps[s].first)
		}
		return
	}
	s := p.step()
	if s < 0 || p.stepOfRow(p.found.cursor) == s {
		return
	}
	if i := slices.IndexFunc(p.rows, func(r fixRow) bool { return r.step == s }); i >= 0 {
		p.found.to(i)
	}
}

// step returns the step under the cursor of the pane that leads; -1 if its row belongs to none.
func (p *fix) step() int {
	switch {
	case p.work == nil:
		return -1
	case p.focus == buildPane && p.build.cursor < len(p.work.build):
		return p.work.build[p.build.cursor].step
	}
	return p.stepOfRow(p.found.cursor)
}

func (p *fix) stepOfRow(i int) int {
	if i >= len(p.rows) {
		return -1
	}
	return p.rows[i].step
}

// finding returns the finding under the cursor, or nil, and the number of the fix that resolves it,
// or -1.
func (p *fix) finding() (f *analyze.Finding, fix int) {
	if p.work == nil || p.found.cursor >= len(p.rows) || p.rows[p.found.cursor].finding < 0 {
		return nil, -1
	}
	i := p.rows[p.found.cursor].finding
	return &p.work.findings[i], p.work.fixOf[i]
}

func (p *fix) groups(k *keyMap) []keyGroup { return fixKeys(k) }

func (p *fix) hints(k *keyMap) []hint {
	if w := p.grouped(); w != nil {
		return w.hints(k)
	}
	first, others := k.otherViews("fix")
	return slices.Concat([]hint{{k.down, k.up}, {k.chooseFix}, {k.toggle}, {k.chooseAll}, {k.export}, {k.group}, {k.nextPane}}, first,
		[]hint{{k.copyPath}, {k.narrow}}, others, []hint{{k.view}, {k.extract}, {k.zoom}, {k.scrollDown, k.scrollUp}})
}

func fixKeys(k *keyMap) []keyGroup {
	return []keyGroup{
		k.moving(),
		{"Fix", []binding{k.chooseFix, k.chooseAll, k.toggle, k.open, k.close, k.group, k.reverse, k.narrow, k.view, k.openAll, k.foldAll}},
		{"Panes", []binding{k.nextPane, k.priorPane, k.scrollDown, k.scrollUp, k.zoom, k.narrower, k.wider}},
		{"Take out", []binding{k.copyPath, k.extract, k.export}},
	}
}
