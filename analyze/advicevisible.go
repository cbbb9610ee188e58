package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/peelhq/peel/source"
)

// leastVisible is the minimum size of a finding of RuleVisible, in bytes. Every package manager
// leaves a few empty files.
const leastVisible = 100_000

// A visibleKey identifies a finding of RuleVisible.
type visibleKey struct {
	layer int // the layer that stores the bytes
	class class
}

// visible finds visible files that an image seldom needs. It reports only user layers, because
// readers can't change the base.
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

// root returns the path of the highest directory of a class that contains a node; for several
// nodes, their common directory, or "" if that is the root.
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

// shipped returns the layer that stores the content visible at n, and the bytes
// saved by removing n and its class: none if a name outside of the class is
// visible too. Several names in one class count at the first one.
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

// shownAs says how a file with several names appears in the final union.
type shownAs struct {
	first NodeID // first node that names it; none if it has only one name
	mixed bool   // its names have different classes
}

// shownAs walks an inode's names only once.
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
