package analyze_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// facts describes an image as lines. The lines come from peel, from the naive overlay or from
// the sections of a fixture with the same names.
type facts struct {
	tree    []string // TYPE MODE SIZE LAYER CHANGE PATH [-> LINK], of the final union
	removed []string // LAYER PATH, of every removed version
	waste   []string // BYTES CAUSE layer N by N PATH
	totals  []string
	layers  []string
	flaws   []string // LAYER PATH
}

// sections maps the names of a fixture's sections to the facts.
func (f *facts) sections() map[string]*[]string {
	return map[string]*[]string{
		"tree": &f.tree, "removed": &f.removed, "waste": &f.waste, "totals": &f.totals, "layers": &f.layers, "flaws": &f.flaws,
	}
}

// quoted returns a path in the form that fixtures use.
func quoted(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` || strings.ContainsAny(s, " \"") {
		return q
	}
	return s
}

func linkArrow(link string) string {
	if link == "" {
		return ""
	}
	return " -> " + quoted(link)
}

func totalsLine(entries int, stored, wasted int64) string {
	return fmt.Sprintf("entries %d stored %d visible %d wasted %d", entries, stored, stored-wasted, wasted)
}

func layerLine(k, entries int, stored, wasted, hides int64, changes map[string]int) string {
	line := fmt.Sprintf("%d entries %d stored %d wasted %d hides %d", k, entries, stored, wasted, hides)
	for _, change := range []string{"added", "modified", "metadata", "identical", "removed"} {
		if n := changes[change]; n > 0 {
			line += fmt.Sprintf(" %s %d", change, n)
		}
	}
	return line
}

// peelFacts returns the facts according to peel.
func peelFacts(a *analyze.Analysis) *facts {
	f := &facts{totals: []string{totalsLine(a.Totals.Entries, a.Totals.Stored, a.Totals.Wasted)}}
	t := a.Tree
	for _, n := range byPath(t) {
		if v, ok := t.At(n, t.LayerCount()-1); ok {
			f.tree = append(f.tree, fmt.Sprintf("%s %04o %s %d %s %s%s",
				v.Type(), v.Mode(), sizeOf(v), v.Layer(), v.Change(), quoted(t.Path(n)), linkArrow(v.Link())))
		}
		for _, v := range t.Versions(n) {
			if v.Change() == analyze.Removed {
				f.removed = append(f.removed, fmt.Sprintf("%d %s", v.Layer(), quoted(t.Path(n))))
			}
		}
	}
	for _, w := range a.Waste.All() {
		f.waste = append(f.waste, fmt.Sprintf("%d %s layer %d by %d %s", w.Bytes, w.Cause, w.Layer, w.By, quoted(w.Path())))
	}
	for k, l := range a.Layers {
		f.layers = append(f.layers, layerLine(k, l.Entries, l.Stored, l.Wasted, l.Hides, map[string]int{
			"added": l.Changes.Added, "modified": l.Changes.Modified, "metadata": l.Changes.Metadata,
			"identical": l.Changes.Identical, "removed": l.Changes.Removed,
		}))
	}
	for _, flaw := range a.Flaws {
		if flaw.Layer >= 0 {
			f.flaws = append(f.flaws, fmt.Sprintf("%d %s", flaw.Layer, quoted(flaw.Path)))
		}
	}
	slices.Sort(f.flaws)
	return f
}

func sizeOf(v analyze.Version) string {
	if e, ok := v.Entry(); ok && (e.Type == source.Char || e.Type == source.Block) {
		return fmt.Sprintf("%d:%d", e.Major, e.Minor)
	}
	return fmt.Sprint(v.Size())
}

// byPath returns the tree's nodes in the order of their paths.
func byPath(t *analyze.Tree) []analyze.NodeID {
	nodes := make([]analyze.NodeID, t.Len())
	for i := range nodes {
		nodes[i] = analyze.NodeID(i)
	}
	slices.SortFunc(nodes, func(a, b analyze.NodeID) int { return strings.Compare(t.Path(a), t.Path(b)) })
	return nodes
}

var typeWords = map[byte]string{'0': "file", '1': "hardlink", '2': "symlink", '3': "char", '4': "block", '5': "dir", '6': "fifo"}

// naiveFacts returns the facts according to the naive overlay. Where several causes are equally
// right, it joins them: "removed|overwritten".
func naiveFacts(o *overlay) *facts {
	f := &facts{flaws: slices.Sorted(slices.Values(o.flaws))}
	last := map[string]*nversion{}
	if len(o.unions) > 0 {
		last = o.unions[len(o.unions)-1]
	}
	for _, p := range slices.Sorted(maps.Keys(last)) {
		v := last[p]
		size := "0"
		if n := v.inode; n != nil && v.typ != '1' && (n.kind == '3' || n.kind == '4') {
			size = fmt.Sprintf("%d:%d", n.major, n.minor)
		} else if n != nil {
			size = fmt.Sprint(len(n.content))
		}
		f.tree = append(f.tree, fmt.Sprintf("%s %04o %s %d %s %s%s",
			typeWords[v.typ], v.mode, size, v.layer, v.change, quoted(p), linkArrow(v.link)))
	}
	changes := make([]map[string]int, len(o.unions))
	hides := make([]int64, len(o.unions))
	for k := range changes {
		changes[k] = map[string]int{}
	}
	for _, p := range slices.Sorted(maps.Keys(o.versions)) {
		for _, v := range o.versions[p] {
			if v.change == "removed" {
				f.removed = append(f.removed, fmt.Sprintf("%d %s", v.layer, quoted(p)))
			}
			if !v.dup {
				changes[v.layer][v.change]++
			}
		}
	}
	var dead []*inode
	for _, n := range o.inodes {
		if n.died >= 0 {
			dead = append(dead, n)
			hides[n.died] += n.stored
		}
	}
	slices.SortStableFunc(dead, func(a, b *inode) int {
		return cmp.Or(cmp.Compare(b.stored, a.stored), strings.Compare(a.carrier.path, b.carrier.path), cmp.Compare(a.carrier.layer, b.carrier.layer))
	})
	for _, n := range dead {
		f.waste = append(f.waste, fmt.Sprintf("%d %s layer %d by %d %s",
			n.stored, strings.Join(slices.Sorted(maps.Keys(n.causes)), "|"), n.carrier.layer, n.died, quoted(n.carrier.path)))
	}
	var entries int
	var stored int64
	for k := range o.unions {
		entries, stored = entries+o.entries[k], stored+o.stored[k]
		f.layers = append(f.layers, layerLine(k, o.entries[k], o.stored[k], o.wasted(k), hides[k], changes[k]))
	}
	f.totals = []string{totalsLine(entries, stored, o.wasted(-1))}
	return f
}

// text returns all facts, section by section.
func (f *facts) text() string {
	var b strings.Builder
	for _, name := range []string{"tree", "removed", "waste", "totals", "layers", "flaws"} {
		fmt.Fprintf(&b, "-- %s --\n", name)
		for _, line := range *f.sections()[name] {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

// fixtureFacts returns the facts that a fixture states; the other sections are nil.
func fixtureFacts(im *testkit.Image) *facts {
	f := &facts{}
	for name, lines := range f.sections() {
		*lines = im.Want[name]
	}
	return f
}

// differences lists, section by section, the lines that got and want don't share. It skips
// sections that want doesn't state.
func differences(got, want *facts) string {
	var b strings.Builder
	theirs := got.sections()
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		a, w := *theirs[name], *want.sections()[name]
		if w == nil {
			continue
		}
		if !slices.EqualFunc(a, w, sameLine) {
			fmt.Fprintf(&b, "%s:\n     got:\n\t%s\n    want:\n\t%s\n", name, strings.Join(a, "\n\t"), strings.Join(w, "\n\t"))
		}
	}
	return b.String()
}

// sameLine compares two lines word by word. A word of want may list several alternatives.
func sameLine(got, want string) bool {
	return slices.EqualFunc(strings.Fields(got), strings.Fields(want), func(g, w string) bool {
		return g == w || slices.Contains(strings.Split(w, "|"), g)
	})
}
