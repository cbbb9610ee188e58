package ui

import (
	"cmp"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A fixOrder is what the view shows, and in which order: findings, or the rows of waste in one of
// their groupings.
type fixOrder uint8

const (
	fixBySize  fixOrder = iota // findings, by the bytes that they are about
	fixBySaves                 // findings, by the bytes that their fix saves
	fixGroups                  // the first of the groupings of waste, in their order
)

// grouping returns the grouping of the waste, if the view shows one.
func (o fixOrder) grouping() (grouping, bool) {
	if o < fixGroups {
		return 0, false
	}
	return grouping(o - fixGroups), true
}

func (o fixOrder) String() string {
	if g, ok := o.grouping(); ok {
		return g.String()
	}
	return [fixGroups]string{"by size", "by what is saved"}[o]
}

// orderText names the order of the findings, with a sign for its direction.
func (p *fix) orderText() string {
	if p.back {
		return p.order.String() + " " + p.lk.sg.back
	}
	return p.order.String() + " " + p.lk.sg.order
}

// menuText is the menu's text for it.
func (o fixOrder) menuText() string {
	if g, ok := o.grouping(); ok {
		return "the waste, " + [groupingCount]string{"by cause", "by layer", "path by path", "what was deleted and still ships"}[g]
	}
	return "findings, " + [fixGroups]string{"the largest first", "by what their fix saves"}[o]
}

// openOrders shows the menu of what the view can show, and in which order.
func (p *fix) openOrders() {
	var items []menuItem
	for o := range fixGroups + fixOrder(groupingCount) {
		items = append(items, menuItem{text: o.menuText(), current: o == p.order, do: func() tea.Cmd { return p.show(o) }})
	}
	openMenu(p.h, "Show", items, p.h.keys().group)
}

// show shows findings in an order, or the waste in a grouping.
func (p *fix) show(o fixOrder) tea.Cmd {
	p.order, p.linked = o, fixLink{}
	g, ok := o.grouping()
	if !ok {
		at := ""
		if f, _ := p.finding(); f != nil {
			at = f.ID
		}
		p.fill()
		p.found.to(p.rowOf(at))
		return nil
	}
	if p.waste == nil {
		w := &waste{h: p.h, lk: p.lk, opened: map[*wasteGroup]bool{}, orders: p.openOrders}
		p.waste = inFrame(p.lk, w)
		w.show(g)
		return w.adopt(&snapshot{a: p.a, commands: p.commands})
	}
	p.waste.page.(*waste).show(g) //nolint:errcheck // see above
	return nil
}

// A fixSection is a group of findings.
type fixSection uint8

// The sections, in their order on the screen.
const (
	secretSection fixSection = iota
	wastedSection
	visibleSection
	baseSection
	fixSections
)

// sectionTexts describe each section: as a title, and in detail.
var sectionTexts = [fixSections]struct{ title, about string }{
	secretSection:  {"Secrets", "Keys, tokens and passwords that the image ships: anyone who has the image can read them. Replace each one, and keep it out of the build."},
	wastedSection:  {"Wasted", "Bytes of the image's own steps that nobody can see, and that still ship. Fixing the steps makes the image smaller, and changes no file in it."},
	visibleSection: {"Visible, but rarely needed", "Nothing here is wasted: the final image shows these files. They are caches and the like, which few images need, or the same content at several paths."},
	baseSection:    {"Of the base image", "What the base image carries: bytes that it wastes itself, or that your steps hide. They ship whatever your steps do: only another base image helps."},
}

// sectionOf returns the section of a finding. Waste that no own step can fix belongs to the base
// image, except for summaries of findings in several steps.
func (w *fixWork) sectionOf(i int) fixSection {
	switch f := &w.findings[i]; {
	case f.Rule == analyze.RuleSecret:
		return secretSection
	case f.OfBase, f.Rule == analyze.RuleWaste && w.fixOf[i] < 0 && f.Layer >= 0:
		return baseSection
	case f.Rule == analyze.RuleWaste:
		return wastedSection
	}
	return visibleSection
}

// A fixRow is a finding, or the title of a section.
type fixRow struct {
	section fixSection
	finding int   // in fixWork.findings; -1 for a title
	bytes   int64 // of the section
	count   int   // of its findings
	step    int   // in fixWork.steps: the one to blame, or -1
}

// fill lists the findings to show, by section.
func (p *fix) fill() {
	p.rows, p.shown = p.rows[:0], detailKey{}
	if p.work == nil {
		return
	}
	var sections [fixSections][]int
	for i := range p.work.findings {
		f := &p.work.findings[i]
		if p.narrow.holds(f.Title, f.Message, f.Path, f.Step) {
			s := p.work.sectionOf(i)
			sections[s] = append(sections[s], i)
		}
	}
	for s, findings := range sections {
		slices.SortStableFunc(findings, func(x, y int) int { return cmp.Compare(p.weight(y), p.weight(x)) })
		if p.back {
			slices.Reverse(findings)
		}
		title := fixRow{section: fixSection(s), finding: -1, count: len(findings), step: -1}
		for _, i := range findings {
			title.bytes += p.work.findings[i].Bytes
		}
		if len(findings) > 0 {
			p.rows = append(p.rows, title)
		}
		for _, i := range findings {
			row := fixRow{section: fixSection(s), finding: i, step: -1}
			if k := p.work.findings[i].Layer; k >= 0 && k < len(p.work.stepOf) {
				row.step = p.work.stepOf[k]
			}
			p.rows = append(p.rows, row)
		}
	}
	p.found.resize(len(p.rows), p.found.page)
}

// weight returns the bytes that findings are ordered by.
func (p *fix) weight(i int) int64 {
	if at := p.work.fixOf[i]; p.order == fixBySaves && at >= 0 {
		return p.work.fixes[at].Saves
	}
	return p.work.findings[i].Bytes
}

// rowOf returns the row of a finding by its ID, else that of the first finding.
func (p *fix) rowOf(id string) int {
	first := -1
	for i, r := range p.rows {
		if r.finding < 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		if p.work.findings[r.finding].ID == id {
			return i
		}
	}
	return max(first, 0)
}
