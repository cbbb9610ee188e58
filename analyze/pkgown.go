package analyze

import (
	"context"
	"slices"

	"github.com/peelhq/peel/source"
)

// own assigns every version to its package and computes the sums.
func (f *packageFinder) own(ctx context.Context) (*Packages, error) {
	t := f.t
	f.order()
	p := &Packages{t: t, owner: make([]int32, len(t.versions)), also: map[int32][]int32{}}
	inTree := f.inTrees()
	var listed []int32
	for i := range t.versions {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.owner[i] = none
		v := &t.versions[i]
		if v.change == Removed || v.kind == source.Dir || f.first == nil {
			continue
		}
		if listed = f.listed(listed[:0], v, inTree); len(listed) > 0 {
			p.owner[i] = listed[0]
			if len(listed) > 1 {
				p.also[int32(i)] = slices.Clone(listed[1:])
			}
		}
	}
	p.Rows, p.Flaws = f.rows, f.flaws
	p.sum()
	for _, x := range f.insides {
		if i := t.inLayer(x.node, x.layer); i != none {
			if row := f.holders[x.holder].at(x.layer); row != none {
				p.Rows[row].Shared += Version{t, i}.Stored()
			}
		}
	}
	return p, ctx.Err()
}

// An insider is a package inside a file that another package owns.
type insider struct {
	holder int32
	node   NodeID
	layer  int
}

// inTrees returns for each node the nearest directory, at or above it, that a package owns
// completely, or none. It returns nil if there is no such directory.
func (f *packageFinder) inTrees() []NodeID {
	if len(f.trees) == 0 {
		return nil
	}
	t := f.t
	in := make([]NodeID, len(t.nodes))
	in[Root] = none
	for n := NodeID(1); int(n) < len(in); n++ { // a parent's number is lower
		in[n] = in[t.nodes[n].parent]
		if len(f.trees[n]) > 0 {
			in[n] = n
		} else if in[n] != none && f.npm[in[n]] && t.nameView(n) == "node_modules" {
			in[n] = none
		}
	}
	return in
}

// listed appends the packages that list a version, sorted by name.
func (f *packageFinder) listed(rows []int32, v *version, inTree []NodeID) []int32 {
	layer := int32(v.layer)
	add := func(c *claim) {
		if layer < c.from || layer >= c.to {
			return
		}
		if row := f.holders[c.holder].at(int(layer)); row != none && !slices.Contains(rows, row) {
			rows = append(rows, row)
		}
	}
	for at := f.first[v.node]; at != none; at = f.claims[at].next {
		add(&f.claims[at])
	}
	if len(inTree) > 0 && inTree[v.node] != none {
		all := f.trees[inTree[v.node]]
		for i := range all {
			add(&all[i])
		}
	}
	slices.Sort(rows)
	return rows
}

// sum adds up what each package owns. Content belongs to an inode: if it has several names, it
// belongs to the first of all packages that list one of them.
func (p *Packages) sum() {
	t := p.t
	var rows []int32
	for i := range t.versions {
		v := &t.versions[i]
		bytes := t.carried(int32(i))
		if bytes == 0 {
			continue
		}
		rows = p.rowsOf(rows[:0], int32(i))
		p.give(rows, int(v.layer), bytes, t.deadFrom(v) != notHidden)
	}
	p.sumOrphans()
}

// sumOrphans adds up content that is not visible itself but may have other names, such as AUFS's
// bookkeeping.
func (p *Packages) sumOrphans() {
	t := p.t
	if len(t.orphans) == 0 {
		return
	}
	listed := make(map[int32][]int32, len(t.orphans)) // rows, by inode
	for _, id := range t.orphans {
		listed[id] = nil
	}
	for i := range t.versions {
		id := t.versions[i].inode
		if rows, ok := listed[id]; ok && p.owner[i] != none {
			listed[id] = p.addListed(rows, int32(i))
		}
	}
	for _, id := range t.orphans {
		i := &t.inodes[id]
		if bytes := t.stored(i.layer, i.entry); bytes > 0 {
			rows := listed[id]
			slices.Sort(rows)
			p.give(rows, int(i.layer), bytes, i.by != notHidden)
		}
	}
}

// give counts bytes for the first of some rows, and as shared for the others.
func (p *Packages) give(rows []int32, layer int, bytes int64, dead bool) {
	wasted := int64(0)
	if dead {
		wasted = bytes
	}
	if len(rows) == 0 {
		p.Unowned.add(layer, bytes, wasted)
		return
	}
	p.Rows[rows[0]].add(layer, bytes, wasted)
	for _, other := range rows[1:] {
		p.Rows[other].Shared += bytes
	}
}

// rowsOf appends the rows that list the content of version i by any of its names; the first owns
// it.
func (p *Packages) rowsOf(rows []int32, i int32) []int32 {
	v := &p.t.versions[i]
	if v.inode >= 0 && len(p.t.shared[v.inode]) > 0 {
		for _, name := range p.t.shared[v.inode] {
			rows = p.addListed(rows, name)
		}
		slices.Sort(rows)
		return rows
	}
	return p.addListed(rows, i)
}

// addListed appends the rows that list version i and are not included yet.
func (p *Packages) addListed(rows []int32, i int32) []int32 {
	if o := p.owner[i]; o != none && !slices.Contains(rows, o) {
		rows = append(rows, o)
	}
	for _, o := range p.also[i] {
		if !slices.Contains(rows, o) {
			rows = append(rows, o)
		}
	}
	return rows
}

// order sorts the rows by name, so that the lowest of several is the first.
func (f *packageFinder) order() {
	place := make([]int32, len(f.rows))
	byName := make([]int32, len(f.rows))
	for i := range byName {
		byName[i] = int32(i)
	}
	slices.SortFunc(byName, func(a, b int32) int { return comparePackages(&f.rows[a], &f.rows[b]) })
	rows := make([]Package, len(f.rows))
	for to, from := range byName {
		place[from], rows[to] = int32(to), f.rows[from]
	}
	f.rows = rows
	seen := map[*packageSpan]bool{} // holders share spans
	for i := range f.holders {
		spans := f.holders[i].spans
		if len(spans) == 0 || seen[&spans[0]] {
			continue
		}
		seen[&spans[0]] = true
		for j := range spans {
			if spans[j].pkg != none {
				spans[j].pkg = place[spans[j].pkg]
			}
		}
	}
}
