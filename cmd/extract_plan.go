package cmd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source"
)

// item is one path to write.
type item struct {
	name  string // below the directory, with slashes: "etc/passwd"
	v     analyze.Version
	known bool // v is valid; if not, a directory about which nothing is known
}

// body is a file's content, and the names that share it: the first is written,
// the others are linked to it.
type body struct {
	layer *source.Layer
	entry int
	items []item
}

// plan lists what to write: directories (a parent before its children), contents, and links.
// Making it writes nothing.
type plan struct {
	tree *analyze.Tree
	moment
	dirs     []item
	bodies   []*body
	symlinks []symlink
	notes    []string // about what is left out

	made   map[analyze.NodeID]bool // directories that are in dirs
	walked map[analyze.NodeID]bool // nodes that are in the plan with everything below them
	byData map[stored]*body
}

// symlink is a symlink to write, with its target.
type symlink struct {
	item
	target string
}

// stored is where a content is stored.
type stored struct{ layer, entry int }

func newPlan(t *analyze.Tree, m moment) *plan {
	return &plan{
		tree: t, moment: m,
		made:   map[analyze.NodeID]bool{},
		walked: map[analyze.NodeID]bool{},
		byData: map[stored]*body{},
	}
}

// add plans a path, everything below it, and the directories above it. It reports false if there is
// nothing to write: the layer removes the path.
func (p *plan) add(n analyze.NodeID) bool {
	if n == analyze.Root {
		p.below(n, "")
		return true
	}
	return p.walk(n, strings.TrimPrefix(p.tree.Path(n), "/"))
}

// walk plans a node and everything below it, and reports whether that is anything.
func (p *plan) walk(n analyze.NodeID, name string) bool {
	if p.walked[n] {
		return true
	}
	v, ok := p.version(p.tree, n)
	if !ok || v.Change() == analyze.Removed {
		// The layer may hold something further down.
		return p.alone() && p.below(n, name)
	}
	p.walked[n] = true
	p.parents(n, name)
	if v.Kind() == source.Dir {
		p.dir(n, name)
		p.below(n, name)
	} else {
		p.leaf(item{name, v, true})
	}
	return true
}

// below plans what is below a directory.
func (p *plan) below(n analyze.NodeID, name string) bool {
	something := false
	for _, c := range p.tree.Children(n) {
		something = p.walk(c, join(name, p.tree.Name(c))) || something
	}
	return something
}

// parents plans the directories above a path, the highest first.
func (p *plan) parents(n analyze.NodeID, name string) {
	up := p.tree.Parent(n)
	if up == analyze.Root || p.made[up] {
		return
	}
	name = name[:len(name)-len(p.tree.Name(n))-1]
	p.parents(up, name)
	p.dir(up, name)
}

// dir plans a directory once. A directory that the layer does not mention gets its attributes
// from the union.
func (p *plan) dir(n analyze.NodeID, name string) {
	if p.made[n] {
		return
	}
	p.made[n] = true
	v, ok := p.version(p.tree, n)
	if p.alone() && (!ok || v.Change() == analyze.Removed) {
		v, ok = p.tree.At(n, p.layer.n)
	}
	ok = ok && v.Kind() == source.Dir && !v.Implied()
	p.dirs = append(p.dirs, item{name, v, ok})
}

// leaf plans a path that isn't a directory.
func (p *plan) leaf(it item) {
	switch it.v.Kind() {
	case source.File:
		p.file(it)
	case source.Symlink:
		target, ok := it.v.Target()
		if !ok {
			p.notes = append(p.notes, "left out "+clean.Text(it.name)+": a link to a missing file")
			return
		}
		p.symlinks = append(p.symlinks, symlink{it, target})
	default:
		p.notes = append(p.notes, "left out "+clean.Text(it.name)+": a "+kindNames[it.v.Kind()])
	}
}

func (p *plan) file(it item) {
	layer, entry, ok := it.v.Content()
	if !ok {
		p.notes = append(p.notes, "left out "+clean.Text(it.name)+": a link to a missing file")
		return
	}
	key := stored{layer.Index, entry}
	b := p.byData[key]
	if b == nil {
		b = &body{layer: layer, entry: entry}
		p.byData[key] = b
		p.bodies = append(p.bodies, b)
	}
	b.items = append(b.items, it)
}

// sorted returns the contents in the order in which they are stored, lowest
// layer first, and how many bytes they are.
func (p *plan) sorted() (bodies []*body, bytes int64) {
	bodies = slices.SortedFunc(slices.Values(p.bodies), func(a, b *body) int {
		return cmp.Or(cmp.Compare(a.layer.Index, b.layer.Index), cmp.Compare(a.entry, b.entry))
	})
	for _, b := range bodies {
		bytes += b.items[0].v.Size()
	}
	return bodies, bytes
}

// names calls fn with every path that is to be written.
func (p *plan) names(fn func(name string)) {
	for _, d := range p.dirs {
		fn(d.name)
	}
	for _, b := range p.bodies {
		for _, it := range b.items {
			fn(it.name)
		}
	}
	for _, s := range p.symlinks {
		fn(s.name)
	}
}

// join appends a component to a path that is relative to the directory.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
