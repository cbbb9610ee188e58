package ui

import (
	"strconv"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// Columns of the view of fixes.
const (
	buildText  = 28 // minimum of a line of the Dockerfile, beside a bar
	findText   = 34 // minimum of a finding
	boxWidth   = 3  // "[x]"
	savesWidth = 1 + sizeWidth
)

// render draws screen row y: one row of each visible frame.
func (p *fix) render(l *line, y int) {
	if w := p.grouped(); w != nil {
		w.render(l, y)
		return
	}
	for i, f := range p.layout.frames {
		if !f.empty() && f.hasRow(y) {
			part(l, f.w, func(l *line) { p.frameRow(l, f, y, i == 1) })
		}
	}
}

// frameRow draws screen row y of the frame of the Dockerfile, or of the findings.
func (p *fix) frameRow(l *line, f rect, y int, found bool) {
	sg := &p.lk.sg
	focused := found == (p.focus != buildPane)
	pane := buildPane
	if found {
		pane = foundPane
	}
	if p.layout.panes[pane].empty() {
		pane = aboutPane
	}
	switch i := y - f.y; {
	case i == 0:
		title, aside := p.titleOf(pane)
		p.lk.edge(l, sg.topLeft, sg.topRight, title, aside, focused)
	case i == f.h-1:
		p.lk.edge(l, sg.lowLeft, sg.lowRight, "", p.footOf(found), focused)
	case found && p.layout.split > 0 && i == p.layout.split:
		title, aside := p.titleOf(aboutPane)
		p.lk.edge(l, sg.leftJoin, sg.rightJoin, title, aside, focused)
	default:
		if found && p.layout.split > 0 && i > p.layout.split {
			pane = aboutPane
		}
		in := p.layout.panes[pane]
		border := p.lk.st.frame(focused)
		l.put(border, sg.side)
		part(l, in.w, func(l *line) { p.paneRow(l, pane, y-in.y) })
		l.put(border, sg.side)
	}
}

func (p *fix) paneRow(l *line, pane fixPane, i int) {
	switch pane {
	case buildPane:
		p.buildRow(l, i)
	case foundPane:
		p.foundRow(l, i)
	default:
		l.skip(1)
		p.lines.render(l, p.detail.top+i)
	}
}

// titleOf returns the left and right part of a pane's upper border.
func (p *fix) titleOf(pane fixPane) (left, right string) {
	out := func(l *list) string { return p.lk.outOfSight(l.top, max(l.rows-l.top-l.page, 0)) }
	switch pane {
	case buildPane:
		if f := p.a.Dockerfile; f != nil {
			return p.lk.line(f.Name()), out(&p.build)
		}
		return "Steps", out(&p.build)
	case foundPane:
		left = "Findings"
		if !p.chipped {
			left += p.lk.chipTitle(p.narrow.chips(p.lk, p.refill)) // the order is at the right
		}
		if right = out(&p.found); right != "" {
			right += " " + p.lk.sg.dot + " "
		}
		return left, right + p.orderText()
	}
	left = "Finding"
	if p.work != nil && p.found.cursor < len(p.rows) {
		r := p.rows[p.found.cursor]
		left = sectionTexts[r.section].title
		if r.finding >= 0 {
			left = p.lk.line(p.work.findings[r.finding].Title)
		}
	}
	return left, p.lk.outOfSight(p.detail.hidden())
}

// footOf returns the text of the lower border: for the findings, what is chosen.
func (p *fix) footOf(found bool) string {
	switch n := p.plan.count(); {
	case !found:
		switch {
		case p.a.Dockerfile == nil:
			return "the Dockerfile is unknown"
		case p.work != nil && p.work.elsewhere > 0:
			return human.Size(p.work.elsewhere) + " in layers that no line here made"
		}
		return ""
	case n == 0:
		return ""
	case p.plan.proposal == nil:
		return human.Comma(int64(n)) + " chosen" + p.lk.sg.tail
	default:
		x := p.plan.proposal
		return human.Comma(int64(n)) + " chosen: " + human.Size(x.Before.Stored-x.After.Stored) + " less"
	}
}

// buildRow draws row i of the Dockerfile, or of the steps.
func (p *fix) buildRow(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	digits := 1
	if p.work != nil {
		digits = max(p.work.digits, 1)
	}
	m := newMeter(l.left - (1 + digits + 2 + sizeWidth + 1 + sizeWidth + 2) - buildText)
	wide := l.left-(1+digits+2+sizeWidth+m.width()+sizeWidth+2) >= buildText-8 // room for the wasted bytes
	if i == 0 {
		l.skip(1)
		l.right(st.dim, "#", digits)
		l.skip(2)
		l.right(st.dim, "stored", sizeWidth)
		m.head(l)
		if wide {
			l.right(st.dim, "wasted", sizeWidth)
		}
		l.skip(2)
		l.put(st.dim, "instruction")
		return
	}
	if i += p.build.top - 1; p.work == nil || i >= len(p.work.build) {
		l.skip(1)
		if p.work == nil && i == 0 {
			l.put(st.dim, p.waiting())
		} else if p.work != nil && p.work.a.Dockerfile == nil {
			why := wrapWords(p.lk.line(p.h.noDockerfile()), l.left-1)
			if k := i - len(p.work.build) - 1; k >= 0 && k < len(why) {
				l.put(st.dim, why[k])
			}
		}
		return
	}
	row := &p.work.build[i]
	linked := row.step >= 0 && row.step == p.step()
	switch {
	case i == p.build.cursor && (p.focus == buildPane || linked):
		l.base = st.cursor(p.focus == buildPane)
		l.put(st.key, sg.mark)
	case linked:
		l.put(st.key, sg.between)
	default:
		l.skip(1)
	}
	l.right(st.dim, strconv.Itoa(row.number), digits)
	if p.plan.touched[i] {
		l.put(st.change[analyze.Modified], sg.change[analyze.Modified])
	} else {
		l.skip(1)
	}
	l.skip(1)
	p.buildFigures(l, row, i, m, wide)
	l.skip(2)
	switch {
	case row.remark:
		l.put(st.code[commentToken], row.text)
	default:
		l.put(st.code[keywordToken], row.text[:row.word])
		l.put(st.text, row.text[row.word:])
	}
	l.fill()
}

// buildFigures draws the bytes that the step on row i stores and wastes.
func (p *fix) buildFigures(l *line, row *buildRow, i int, m meter, wide bool) {
	st := &p.lk.st
	all := sizeWidth + m.width()
	if wide {
		all += sizeWidth
	}
	if row.step < 0 || p.work.steps[row.step].first != i {
		l.skip(all)
		return
	}
	s := &p.work.steps[row.step]
	tone := st.text
	if s.stored == 0 {
		tone = st.dim
	}
	l.right(tone, human.Size(s.stored), sizeWidth)
	m.draw(l, p.lk, s.stored, s.wasted, p.work.a.Totals.Stored)
	switch {
	case wide && s.wasted > 0:
		l.right(st.waste, human.Size(s.wasted), sizeWidth)
	case wide:
		l.skip(sizeWidth)
	}
}

// foundColumns are the columns of the findings that fit.
func foundColumns(w int) (m meter, saves bool) {
	w -= 1 + boxWidth + 1 + sizeWidth + 1
	saves = w-1-savesWidth >= findText
	if saves {
		w -= savesWidth
	}
	return newMeter(w - 1 - findText), saves
}

// foundRow draws row i of the findings.
func (p *fix) foundRow(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	m, saves := foundColumns(l.left)
	if p.chipped && i == p.layout.panes[foundPane].h-1 {
		p.lk.chipLine(l, p.chips())
		return
	}
	if i == 0 {
		l.skip(1 + boxWidth + 1)
		l.right(st.dim, "bytes", sizeWidth)
		m.head(l)
		if saves {
			l.right(st.dim, "saves", savesWidth)
		}
		l.skip(1)
		l.put(st.dim, "what, where")
		return
	}
	if i += p.found.top - 1; i >= len(p.rows) {
		if i == 0 {
			l.skip(1)
			l.put(st.dim, p.nothing())
		}
		return
	}
	r := p.rows[i]
	linked := p.focus == buildPane && r.step >= 0 && r.step == p.step()
	switch {
	case i == p.found.cursor && (p.focus != buildPane || linked):
		l.base = st.cursor(p.focus == foundPane)
		l.put(st.key, sg.mark)
	case linked:
		l.put(st.key, sg.between)
	default:
		l.skip(1)
	}
	if r.finding < 0 {
		l.put(st.title, sectionTexts[r.section].title)
		l.put(st.dim, "  "+human.Size(r.bytes)+" in "+counted(r.count, "finding"))
		l.fill()
		return
	}
	p.findingCells(l, r, m, saves)
	l.fill()
}

// findingCells draws one finding.
func (p *fix) findingCells(l *line, r fixRow, m meter, saves bool) {
	st := &p.lk.st
	f, at := &p.work.findings[r.finding], p.work.fixOf[r.finding]
	switch {
	case at < 0:
		l.skip(boxWidth)
	case p.plan.chosen[at]:
		l.put(st.key, "[x]")
	default:
		l.put(st.dim, "[ ]")
	}
	l.skip(1)
	amount, wasted := st.text, int64(0)
	if f.Rule == analyze.RuleWaste {
		amount, wasted = st.waste, f.Bytes
	}
	l.right(amount, human.Size(f.Bytes), sizeWidth)
	m.draw(l, p.lk, f.Bytes, wasted, p.work.a.Totals.Stored)
	if saves {
		if at < 0 {
			l.skip(savesWidth)
		} else {
			l.right(st.dim, human.Size(p.work.fixes[at].Saves), savesWidth)
		}
	}
	l.skip(1)
	title := st.strong
	if f.Severity > analyze.Note {
		title = st.failure
		l.put(title, "! ")
	}
	if at >= 0 && len(p.work.fixes[at].Edits) == 0 && p.work.a.Dockerfile != nil {
		l.put(st.dim, "by hand: ")
	}
	l.put(title, p.lk.line(f.Title))
	if f.Path != "" {
		l.put(st.text, "  "+p.lk.text(f.Path))
	}
}

// waiting is the text until the findings are known.
func (p *fix) waiting() string {
	if !p.a.Whole() {
		return "available when all layers are read"
	}
	return "looking for possible changes" + p.lk.sg.tail
}

func (p *fix) nothing() string {
	switch {
	case p.work == nil:
		return p.waiting()
	case p.narrow.on():
		return "no finding contains " + p.lk.text(p.narrow.text)
	}
	return "nothing to change: no step wastes bytes or leaves rarely needed files behind"
}
