package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
)

// help is the page with every key and every sign, in place of the explorer.
type help struct {
	scroller
	shown bool
	lines prose
}

// helpColumns is the width from which on the help stands in two columns.
const helpColumns = 92

// show makes the help for w columns and h rows.
func (p *help) show(lk *look, k *keyMap, w, h int) {
	groups := k.groups()
	var left, right prose
	for _, g := range groups[:1] {
		keySection(&left, lk, g)
	}
	for _, g := range groups[1:] {
		keySection(&right, lk, g)
	}
	signSection(&left, lk)
	p.lines = nil
	if w < helpColumns {
		p.lines = append(append(append(p.lines, left...), nil), right...)
	} else {
		p.lines = beside(left, right, w/2)
	}
	p.resize(len(p.lines), h)
}

func (p *help) render(l *line, i int) {
	l.skip(1)
	p.lines.render(l, p.top+i)
}

// beside puts two proses next to each other, the right one at column w.
func beside(left, right prose, w int) prose {
	out := make(prose, max(len(left), len(right)))
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
func keySection(p *prose, lk *look, g keyGroup) {
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

// signSection adds what the signs and the words mean.
func signSection(p *prose, lk *look) {
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
		{analyze.SignNothing, "the layer says nothing of it"},
	} {
		p.add(span{st.strip[s.sign], "  " + sg.strip[s.sign] + "  "}, span{st.text, s.text})
	}
	p.gap()
	p.add(span{st.title, "Changes"}, span{st.dim, "  against the layers below"})
	for _, c := range []struct {
		change analyze.Change
		text   string
	}{
		{analyze.Added, "nothing was there"},
		{analyze.Modified, "other content"},
		{analyze.Metadata, "same content, other mode, owner, time or xattr"},
		{analyze.Identical, "the very same again"},
		{analyze.Removed, "hidden from here on"},
	} {
		p.add(
			span{st.change[c.change], fmt.Sprintf("  %s  %-9s  ", sg.change[c.change], c.change)},
			span{st.text, c.text},
		)
	}
	p.gap()
	p.add(span{st.waste, "wasted"}, span{st.text, "  stored in some layer, shown by no path"})
}
