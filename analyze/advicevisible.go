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
		k := visibleKey{layer, c}
		g := groups[k]
		if g == nil {
			g = &group{where: newCommonDir(ad.nest)}
			groups[k] = g
		}
		g.bytes += bytes
		g.versions++
		g.where.add(NodeID(n), bytes)
		if ad.keepRows {
			g.rows = append(g.rows, t.at(NodeID(n), len(t.layers)-1))
		}
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
			in = " in " + gapped(path)
		}
		f := Finding{
			Rule: RuleVisible, Severity: Note,
			Title:   upperFirst(about.what) + " left in the image",
			Message: fmt.Sprintf("%s that layer %d adds show in the image, %s%s.", upperFirst(about.what), k.layer, filesAndBytes(g), in),
			Path:    path, Layer: k.layer, Bytes: g.bytes, Versions: g.versions,
			Step: ad.step(k.layer).text, Line: ad.lines[k.layer],
		}
		f.ID = ad.identity(f, about.id)
		if ad.keepRows {
			f.from = &findingSource{key: groupKey{by: k.layer, class: k.class}, group: g, shows: true}
		}
		advice := ad.classAdvice(k.class, k.layer)
		if tool := ad.toolOf(k.layer); tool != nil {
			advice = tool.less
		}
		f.setAdvice(advice)
		found = append(found, f)
	}
	return found
}

// root returns the path of the highest directory of a class that a place is in;
// that of what several of them have in common, "" if that is the root.
func (ad *adviser) root(where *commonDir, c class) string {
	t := ad.t
	n := where.heights[len(where.heights)-1].node
	for n != Root && ad.classes[n] == c && ad.classes[t.nodes[n].parent] == c {
		n = t.nodes[n].parent
	}
	if n == Root {
		return ""
	}
	return t.shortPath(n)
}

// shipped returns the layer that carries the content showing at n, and the bytes
// that would go if n and all of its class went: none where a name that is not of
// the class shows too. Several names of one class count at the first of them.
func (ad *adviser) shipped(n NodeID) (layer int, bytes int64) {
	t := ad.t
	i := t.at(n, len(t.layers)-1)
	if i == none || t.versions[i].inode == none || t.versions[i].kind != source.File {
		return 0, 0
	}
	if inode := t.versions[i].inode; inode != own {
		if as := ad.shownAs(inode); as.mixed || as.first != none && as.first != n {
			return 0, 0
		}
	}
	from, entry := t.carrier(i)
	return int(from), t.stored(from, entry)
}

// shownAs is how a file that may have several names shows in the final union.
type shownAs struct {
	first NodeID // of the nodes that name it; none if it has but one name
	mixed bool   // they are of several classes
}

// shownAs goes through an inode's names once, however many ask for it.
func (ad *adviser) shownAs(inode int32) shownAs {
	as, known := ad.shown[inode]
	if known {
		return as
	}
	t := ad.t
	as.first = none
	for _, i := range t.shared[inode] {
		v := &t.versions[i]
		switch {
		case v.by != notHidden || v.flags&duplicate != 0:
		case as.first == none:
			as.first = v.node
		default:
			as.mixed = as.mixed || ad.classes[v.node] != ad.classes[as.first]
			as.first = min(as.first, v.node)
		}
	}
	ad.shown[inode] = as
	return as
}
