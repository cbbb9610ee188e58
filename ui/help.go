package ui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// help is the page with the keys of the body that it was opened from, and with every sign.
type help struct {
	scroller
	h       host
	lk      *look
	own     []keyGroup // of the body that it was opened from
	always  []keyGroup
	signs   bool // explain the signs
	filters bool // explain the filter's grammar

	narrow narrowing
	wide   int
	lines  styledLines
}

// helpColumns is the minimum width for help in two columns.
const helpColumns = 88

// openHelp shows the help for the body on the screen.
func (m *model) openHelp() {
	top := m.top()
	_, filters := top.(*explorer)
	p := &help{h: m, lk: &m.lk, own: top.groups(m.km), always: []keyGroup{m.km.programGroup()}, filters: filters}
	if !isViewer(top) {
		p.always = append([]keyGroup{m.km.paletteGroup()}, p.always...)
	}
	if m.a != nil { // otherwise only the picker is open
		p.always, p.signs = append([]keyGroup{m.viewKeys()}, p.always...), true
	}
	m.open(p)
}

// isViewer reports whether a body is a page with a file.
func isViewer(b body) bool {
	f, ok := b.(*framed)
	if !ok {
		return false
	}
	_, ok = f.page.(*viewer)
	return ok
}

func (p *help) title(int) (left, right string) {
	return "Help", p.lk.outOfSight(p.hidden())
}

func (p *help) chips() []chip { return p.narrow.chips(p.lk, p.remake) }

// remake makes the lines again.
func (p *help) remake() tea.Cmd {
	p.wide, p.top = 0, 0
	return nil
}

func (p *help) foot() string                { return "esc closes" }
func (p *help) hints(k *keyMap) []hint      { return []hint{{k.down, k.up}, {k.narrow}} }
func (p *help) groups(k *keyMap) []keyGroup { return helpKeys(k) }
func (p *help) restyle()                    { p.wide = 0 }

func helpKeys(k *keyMap) []keyGroup { return []keyGroup{k.moving(), {"Help", []binding{k.narrow}}} }

func (p *help) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.help.matches(k):
		p.h.closePage()
		return nil, true
	case keys.narrow.matches(k):
		p.narrow.ask(p.h, p.remake)
		return nil, true
	case keys.back.matches(k) && p.narrow.on():
		p.narrow.drop()
		p.wide = 0
		return nil, true
	}
	return nil, p.scroller.key(p.h.keys(), k)
}

func (p *help) mouse(msg tea.MouseMsg, _, _ int) tea.Cmd {
	p.wheel(msg)
	return nil
}

func (p *help) resize(w, h int) {
	if w != p.wide {
		p.wide = w
		p.make()
	}
	p.scroller.resize(len(p.lines), h)
}

// make writes the help: on the left the keys of the body that it was opened from, on the right what
// is the same everywhere; or everything in one column.
func (p *help) make() {
	var left, right styledLines
	for _, g := range p.own {
		keySection(&left, p.lk, g)
	}
	if p.filters {
		filterSection(&left, p.lk)
	}
	for _, g := range p.always {
		keySection(&right, p.lk, g)
	}
	if p.signs {
		signSection(&right, p.lk)
	}
	if p.narrow.on() {
		all := append(append(left, nil), right...)
		p.lines, _ = p.narrow.lines(all, func(i int) bool { return len(all[i]) > 0 && all[i][0].st == p.lk.st.title })
		if len(p.lines) == 0 {
			p.lines.add(span{p.lk.st.dim, "no line of the help contains " + p.lk.text(p.narrow.text)})
		}
		p.lines = wrapLast(p.lines, p.wide-2)
		return
	}
	if p.wide < helpColumns {
		p.lines = wrapLast(append(append(left, nil), right...), p.wide-2)
	} else {
		half := p.wide / 2
		p.lines = beside(wrapLast(left, half-2), wrapLast(right, p.wide-half-2), half)
	}
}

// wrapLast wraps the last text of each line to w columns. The rest goes below that text, so that
// the column on the left has only keys.
func wrapLast(lines styledLines, w int) styledLines {
	out := make(styledLines, 0, len(lines))
	for _, spans := range lines {
		last := len(spans) - 1
		if last < 1 || width(lineText(spans)) <= w {
			out = append(out, spans)
			continue
		}
		text := spans[last]
		body := strings.TrimLeft(text.text, " ")
		indent := width(lineText(spans)) - width(body)
		for i, part := range wrapWords(body, max(w-indent, 1)) {
			if i == 0 {
				lead := text.text[:len(text.text)-len(body)]
				out = append(out, append(slices.Clone(spans[:last]), span{text.st, lead + part}))
			} else {
				out = append(out, []span{{style{}, strings.Repeat(" ", indent)}, {text.st, part}})
			}
		}
	}
	return out
}

func (p *help) render(l *line, i int) {
	l.skip(1)
	p.lines.render(l, p.top+i)
}

// beside puts two proses next to each other, the right one at column w.
func beside(left, right styledLines, w int) styledLines {
	out := make(styledLines, max(len(left), len(right)))
	for i := range out {
		at := 0
		if i < len(left) {
			for _, s := range left[i] {
				out[i] = append(out[i], s)
				at += width(s.text)
			}
		}
		if i < len(right) {
			out[i] = append(out[i], span{style{}, fmt.Sprintf("%*s", max(w-at, 1), "")})
			out[i] = append(out[i], right[i]...)
		}
	}
	return out
}

// keySection adds a group of keys.
func keySection(p *styledLines, lk *look, g keyGroup) {
	p.gap()
	p.add(span{lk.st.title, g.title})
	for _, b := range g.keys {
		key := b.Help().Key
		p.add(
			span{lk.st.key, "  " + key + fmt.Sprintf("%*s", max(12-width(key), 1), "")},
			span{lk.st.text, b.Help().Desc},
		)
	}
}

// signSection explains the signs and the words.
func signSection(p *styledLines, lk *look) {
	st, sg := &lk.st, &lk.sg
	p.gap()
	p.add(span{st.title, "The strip"}, span{st.dim, "  one column a layer"})
	for _, s := range []struct {
		sign analyze.Sign
		text string
	}{
		{analyze.SignShows, "this version shows"},
		{analyze.SignCovered, "a higher layer covers or removes this one"},
		{analyze.SignRemoved, "removed by this layer"},
		{analyze.SignNothing, "the layer doesn't mention it"},
	} {
		p.add(span{st.strip[s.sign], "  " + sg.strip[s.sign] + "  "}, span{st.text, s.text})
	}
	p.gap()
	p.add(span{st.title, "Changes"}, span{st.dim, "  against the layers below"})
	for _, c := range []struct {
		change analyze.Change
		text   string
	}{
		{analyze.Added, "new: the path didn't exist"},
		{analyze.Modified, "other content"},
		{analyze.Metadata, "same content, other mode, owner, time or xattr"},
		{analyze.Identical, "exactly the same again"},
		{analyze.Removed, "hidden from here on"},
	} {
		p.add(
			span{st.change[c.change], fmt.Sprintf("  %s  %-9s  ", sg.change[c.change], c.change)},
			span{st.text, c.text},
		)
	}
	p.gap()
	p.add(span{st.dim, "  " + sg.base + "  "}, span{st.text, "a layer of the base image"})
	p.add(span{st.key, "  " + sg.marked + "  "}, span{st.text, "a marked path"})
	wasted := sg.bar
	if lk.signsTellWaste() {
		wasted = sg.waste
	}
	p.add(span{st.bar, "  " + strings.Repeat(sg.bar, 2)}, span{st.wasteBar, wasted}, span{st.text, "  share of the whole; the second part is wasted"})
	p.add(span{st.waste, "wasted"}, span{st.text, "  stored in some layer, shown by no path"})
}

// filterSection explains the grammar of a filter.
func filterSection(p *styledLines, lk *look) {
	st := &lk.st
	p.gap()
	p.add(span{st.title, "Filters"}, span{st.dim, "  terms between spaces; all must hold"})
	for _, s := range [][2]string{
		{"conf", "in the name; case counts if typed"},
		{"*.so", "the name as a glob: * ? [a-z] {a,b}"},
		{"/etc/**", "the path as a glob, ** any folders"},
		{"/usr/lib", "the path, and all below it"},
		{"re:^/a.*z$", "the path as a regular expression"},
		{">10MB", "size: > >= < <= = and 1MB-5MB"},
		{"wasted:>1MB", "wasted bytes, likewise"},
		{"layer:2-5", "the layer of the version shown"},
		{"change:added", "its change: modified,metadata..."},
		{"here:added", "in this layer: changed,removed..."},
		{"cause:removed", "why a version of it is hidden"},
		{"uid:0", "owner; also gid:, owner:1000:33"},
		{"mode:setuid", "setgid writable, 0644 -4000 /6000"},
		{"mtime:>2024-05", "its time, in UTC; 2024-05..2024-06"},
		{"type:file", "dir symlink hardlink link char..."},
		{"!*.so", "not that"},
		{`a\ b "a b"`, "a space in a term"},
	} {
		key := s[0]
		p.add(span{st.key, "  " + key + fmt.Sprintf("%*s", max(15-len(key), 1), "")}, span{st.text, s[1]})
	}
}
