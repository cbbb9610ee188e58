package ui

import (
	"cmp"
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A wasteGroup is waste with something in common.
type wasteGroup struct {
	cause analyze.Cause // NotShadowed if the group has several causes
	by    int           // the layer that caused it; -1 if there are several
	bytes int64
	count int
	kids  []*wasteGroup // most bytes first; nil if the group has rows
	rows  []int32       // indices in Analysis.Waste, largest first
}

// wasteGroups is an analysis's waste in all groupings. It is made once, off the event loop, and
// doesn't change.
type wasteGroups struct {
	a *analyze.Analysis

	byCause  []*wasteGroup // then by layer
	byLayer  []*wasteGroup // that caused it, then by cause
	findings []analyze.Finding
	gone     *wasteGroup // versions of paths that the final image doesn't show
	all      *wasteGroup
}

// groupWaste groups an analysis's waste, and computes its findings. It takes several passes over
// the rows.
//
// only limits the waste to versions whose path, cause or causing build step contains a text.
func groupWaste(a *analyze.Analysis, only narrowing, commands []string) *wasteGroups {
	findings, _ := analyze.Advise(context.Background(), a, analyze.AdviceOptions{}) // this context never ends
	b := &wasteGroups{a: a, findings: findings, gone: &wasteGroup{by: -1}, all: &wasteGroup{by: -1}}
	last := max(len(a.Layers)-1, 0)
	type key struct {
		cause analyze.Cause
		by    int
	}
	leaves := map[key]*wasteGroup{}
	steps := make([]bool, len(commands)) // whether they contain the text
	for i, c := range commands {
		steps[i] = only.holds(c)
	}
	for i, w := range a.Waste.All() {
		if !(w.By >= 0 && w.By < len(steps) && steps[w.By]) && !only.holds(w.Path(), w.Cause.String()) {
			continue
		}
		k := key{w.Cause, w.By}
		leaf := leaves[k]
		if leaf == nil {
			leaf = &wasteGroup{cause: w.Cause, by: w.By}
			leaves[k] = leaf
		}
		leaf.add(i, w)
		b.all.add(i, w)
		if w.Node < 0 {
			b.gone.add(i, w)
		} else if _, ok := a.Tree.At(w.Node, last); !ok {
			b.gone.add(i, w)
		}
	}
	b.byCause = grouped(leaves, func(k key) wasteGroup { return wasteGroup{cause: k.cause, by: -1} })
	b.byLayer = grouped(leaves, func(k key) wasteGroup { return wasteGroup{by: k.by} })
	return b
}

// eachGroup calls f with every group and its subgroups.
func (b *wasteGroups) eachGroup(f func(*wasteGroup)) {
	for _, groups := range [][]*wasteGroup{b.byCause, b.byLayer} {
		for _, g := range groups {
			f(g)
			for _, kid := range g.kids {
				f(kid)
			}
		}
	}
}

func (g *wasteGroup) add(i int, w *analyze.Waste) {
	g.bytes += w.Bytes
	g.count++
	g.rows = append(g.rows, int32(i))
}

// grouped puts leaves into groups that above returns. Groups and leaves are sorted by bytes,
// most first.
func grouped[K comparable](leaves map[K]*wasteGroup, above func(K) wasteGroup) []*wasteGroup {
	type head struct {
		cause analyze.Cause
		by    int
	}
	groups := map[head]*wasteGroup{}
	for k, leaf := range leaves {
		g := above(k)
		h := head{g.cause, g.by}
		if groups[h] == nil {
			groups[h] = &g
		}
		p := groups[h]
		p.bytes += leaf.bytes
		p.count += leaf.count
		p.kids = append(p.kids, leaf)
	}
	out := make([]*wasteGroup, 0, len(groups))
	for _, g := range groups {
		slices.SortFunc(g.kids, mostBytesFirst)
		out = append(out, g)
	}
	slices.SortFunc(out, mostBytesFirst)
	return out
}

func mostBytesFirst(a, b *wasteGroup) int {
	return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.cause, b.cause), cmp.Compare(a.by, b.by))
}

// groupedMsg delivers the groups of an analysis's waste.
type groupedMsg struct {
	p      *waste
	groups *wasteGroups
	text   string // the text that narrows them
}

func (msg groupedMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	if msg.groups.a == msg.p.a && msg.text == msg.p.narrow.text {
		msg.p.install(msg.groups)
	}
	return nil
}

// groupCmd groups the waste of the current analysis.
func (p *waste) groupCmd() tea.Cmd {
	a, only, commands := p.a, p.narrow, p.commands
	return func() tea.Msg { return groupedMsg{p, groupWaste(a, only, commands), only.text} }
}
