package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// fileKey handles the keys about the path under the cursor.
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

// sideOf returns the version of a path on a side, or on the other side if only that has it.
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

// view opens a page on the file under the cursor, as it is on a side, or on the other side if only
// that has it.
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
		return p.h.say(path + " is removed: nothing to compare it with")
	case n.Old == nil:
		return p.h.say(path + " is added: nothing to compare it with")
	}
	return compareBoth(p.pair.sideHost(p.h, now), *n.New, *n.Old, path, sideWords)
}

// extract asks for a directory, and writes the path under the cursor there: its new version, or, if
// it was removed, the old one.
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
