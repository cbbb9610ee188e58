package ui

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// describeLayer writes the details of the layer under the cursor, on w columns.
func (p *differences) describeLayer(w int) styledLines {
	var out styledLines
	if p.layers.cursor >= len(p.c.diff.Layers) {
		return out
	}
	st := &p.lk.st
	wrapped := func(how style, text string) {
		for _, row := range wrap(text, max(w, 8)) {
			out.add(span{how, row})
		}
	}
	g := &p.c.diff.Layers[p.layers.cursor]
	change := layerChange(g)
	wrapped(st.change[change], layerWords[change])
	for side, k := range [2]int{g.Before, g.After} {
		if k < 0 {
			continue
		}
		t := p.c.sides[side].Analysis.Layers[k]
		wrapped(st.text, fmt.Sprintf("%s: layer %d, %s, wasted %s", sideWords[side], k, human.Size(t.Stored), human.Size(t.Wasted)))
		wrapped(st.dim, fmt.Sprintf("%s, diffID %s", counted(t.Entries, "entry"), cmp.Or(p.lk.line(t.Layer.DiffID), "unknown")))
		if t.Layer.Err != nil {
			wrapped(st.failure, "cannot be read: "+p.lk.line(t.Layer.Err.Error()))
		}
	}
	out.gap()
	for _, text := range wrap(cut(p.stepOf(g), commandShown, p.lk.sg.tail), max(w, 8)) {
		out.add(span{st.text, text})
	}
	return out
}

// describePath writes the details of a node of the tree, on w columns.
func (p *differences) describePath(node int32, w int) styledLines {
	var out styledLines
	st, sg := &p.lk.st, &p.lk.sg
	n := p.c.tree.Node(int(node))
	s := p.rows.sizes(node)
	if n.Change != analyze.Added {
		out.add(span{st.dim, "then "}, span{st.text, size(s.before)})
	}
	if n.Change != analyze.Removed {
		out.add(span{st.dim, "now  "}, span{st.text, size(s.after)})
	}
	if p.c.tree.End(int(node)) > int(node)+1 {
		out.add(span{st.text, counted(n.Differing, "path")}, span{st.dim, " differ here, by "}, span{st.text, human.Size(n.Moved)})
	}
	if n.Change != analyze.Identical {
		words := n.Change.String()
		if text := n.What.String(); text != "" {
			words += ": " + text
		}
		out.add(span{st.change[n.Change], words})
	}
	if n.Change != analyze.Identical && n.Old != nil && n.New != nil {
		was := func(what, is, old string) {
			if is != old {
				out.add(span{st.dim, fmt.Sprintf("%-6s", what)}, span{st.text, is}, span{st.waste, " " + sg.was + " " + old})
			}
		}
		was("type", n.New.Kind().String(), n.Old.Kind().String())
		was("mode", fmt.Sprintf("%04o", n.New.Mode()), fmt.Sprintf("%04o", n.Old.Mode()))
		was("owner", fmt.Sprintf("%d:%d", n.New.UID(), n.New.GID()), fmt.Sprintf("%d:%d", n.Old.UID(), n.Old.GID()))
		was("time", timeOf(*n.New), timeOf(*n.Old))
		newTo, _ := n.New.Target()
		oldTo, _ := n.Old.Target()
		was("link", p.lk.text(newTo), p.lk.text(oldTo))
	}
	out.gap()
	for side, v := range [2]*analyze.Version{n.Old, n.New} {
		if v == nil {
			continue
		}
		head := fmt.Sprintf("%s: layer %d, by ", sideWords[side], v.Layer())
		for i, text := range wrap(cut(p.c.commands[side][v.Layer()], commandShown, sg.tail), max(w-len(head), 8)) {
			if i > 0 {
				head = strings.Repeat(" ", len(head))
			}
			out.add(span{st.dim, head}, span{st.text, text})
		}
	}
	return out
}
