package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/peelhq/peel/source"
)

// leastVisible is what a finding of RuleVisible must be about, in bytes: a few
// empty files that every package manager leaves are not worth a word.
const leastVisible = 100_000

// A visibleKey tells the findings of RuleVisible apart.
type visibleKey struct {
	layer int // carries the bytes
	class class
}

// visible finds what shows in the final union, and is seldom wanted there. Only
// what user layers carry is the reader's to leave out.
func (ad *adviser) visible() []Finding {
	t := ad.t
	groups := map[visibleKey]*group{}
	for n := range t.nodes {
		c := ad.classes[n]
		if c == noClass || !c.about().unwanted {
			continue
		}
		layer, bytes := ad.shipped(NodeID(n))
		if bytes == 0 || layer < ad.a.Totals.BaseLayers {
			continue
		}
		if ad.opts.Ignore != nil && ad.opts.Ignore(t.Path(NodeID(n))) {
			continue
		}
		k := visibleKey{layer, c}
		g := groups[k]
		if g == nil {
			g = &group{where: newPlace()}
			groups[k] = g
		}
		g.bytes += bytes
		g.versions++
		g.where.add(t, NodeID(n), bytes)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b visibleKey) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.class, b.class))
	})
	var found []Finding
	for _, k := range keys {
		g := groups[k]
		if g.bytes < leastVisible {
			continue
		}
		about := k.class.about()
		path, in := ad.root(&g.where, k.class), ""
		if path != "" {
			in = " in " + path
		}
		f := Finding{
			Rule: RuleVisible, Severity: Note,
			Title:   upperFirst(about.what) + " left in the image",
			Message: fmt.Sprintf("%s that layer %d adds show in the image, %s%s.", upperFirst(about.what), k.layer, filesAndBytes(g), in),
			Advice:  about.advice,
			Path:    path, Layer: k.layer, Bytes: g.bytes, Versions: g.versions,
			Step: ad.step(k.layer), Line: ad.lines[k.layer],
		}
		f.ID = identity(f, about.id)
		found = append(found, f)
	}
	return found
}

// root returns the path of the highest directory of a class that a place is in;
// that of what several of them have in common, "" if that is the root.
func (ad *adviser) root(where *place, c class) string {
	t := ad.t
	n := where.heights[len(where.heights)-1].node
	for n != Root && ad.classes[n] == c && ad.classes[t.nodes[n].parent] == c {
		n = t.nodes[n].parent
	}
	if n == Root {
		return ""
	}
	return t.Path(n)
}

// shipped returns the layer that carries the content showing at n, and the bytes
// that would go if n and all of its class went: none where a name that is not of
// the class shows too. Several names of one class count at the first of them.
func (ad *adviser) shipped(n NodeID) (layer int, bytes int64) {
	t := ad.t
	last := len(t.layers) - 1
	i := t.at(n, last)
	if i == none || t.versions[i].inode == none || t.versions[i].kind != source.File {
		return 0, 0
	}
	first := n
	for _, name := range t.shared[t.versions[i].inode] {
		other := t.versions[name].node
		if t.at(other, last) != name {
			continue
		}
		if ad.classes[other] != ad.classes[n] {
			return 0, 0
		}
		first = min(first, other)
	}
	if first != n {
		return 0, 0
	}
	from, entry := t.carrier(i)
	return int(from), t.stored(from, entry)
}
