package analyze

import (
	"context"
	"fmt"
	"maps"

	"github.com/peelhq/peel/source"
)

// maxDifferences is the maximum number of differences that SameUnion returns.
const maxDifferences = 10

// SameUnion compares the final unions of two images: paths, types, attributes, link targets,
// devices, hard links, and contents; same says whether two contents are equal. It returns the
// differences, at most ten sentences. It ignores the time of directories without an entry.
func SameUnion(ctx context.Context, a, b *Tree, same func(a, b ContentPlace) bool) ([]string, error) {
	c := &unionComparison{a: a, b: b, same: same, there: map[ContentPlace]ContentPlace{}, back: map[ContentPlace]ContentPlace{}}
	type pair struct{ a, b NodeID }
	for stack := []pair{{Root, Root}}; len(stack) > 0 && len(c.found) < maxDifferences; {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		x, y := a.shownBelow(p.a), b.shownBelow(p.b)
		for len(x) > 0 || len(y) > 0 {
			switch {
			case len(y) == 0 || len(x) > 0 && a.nameView(x[0]) < b.nameView(y[0]):
				c.differ(a.Path(x[0]), "is missing")
				x = x[1:]
			case len(x) == 0 || a.nameView(x[0]) > b.nameView(y[0]):
				c.differ(b.Path(y[0]), "is new")
				y = y[1:]
			default:
				c.node(x[0], y[0])
				stack = append(stack, pair{x[0], y[0]})
				x, y = x[1:], y[1:]
			}
		}
	}
	c.root()
	return c.found, nil
}

// shownBelow returns the children of n in the final union.
func (t *Tree) shownBelow(n NodeID) []NodeID {
	var out []NodeID
	for _, kid := range t.Children(n) {
		if t.at(kid, len(t.layers)-1) != none {
			out = append(out, kid)
		}
	}
	return out
}

// unionComparison is a comparison in progress.
type unionComparison struct {
	a, b        *Tree
	same        func(a, b ContentPlace) bool
	there, back map[ContentPlace]ContentPlace // pairs of inodes, in both directions
	found       []string
}

func (c *unionComparison) differ(path, how string) {
	if len(c.found) < maxDifferences {
		c.found = append(c.found, path+" "+how)
	}
}

// root compares the root's attributes if both images have an entry for it.
func (c *unionComparison) root() {
	i, j := c.a.at(Root, len(c.a.layers)-1), c.b.at(Root, len(c.b.layers)-1)
	if i == none && j == none {
		return
	}
	if i == none || j == none {
		c.differ("/", "has an entry in only one of the images")
		return
	}
	c.versions("/", i, j)
}

// node compares the visible versions at one path.
func (c *unionComparison) node(m, n NodeID) {
	c.versions(c.a.Path(m), c.a.at(m, len(c.a.layers)-1), c.b.at(n, len(c.b.layers)-1))
}

func (c *unionComparison) versions(path string, i, j int32) {
	v, w := &c.a.versions[i], &c.b.versions[j]
	switch {
	case v.kind != w.kind:
		c.differ(path, fmt.Sprintf("is a %s, not a %s", w.kind, v.kind))
		return
	case (v.inode == none) != (w.inode == none):
		c.differ(path, "is a hard link to something else")
		return
	case v.entry == none || w.entry == none:
		if (Version{c.a, i}).Mode() != (Version{c.b, j}).Mode() || (Version{c.a, i}).UID() != (Version{c.b, j}).UID() || (Version{c.a, i}).GID() != (Version{c.b, j}).GID() {
			c.differ(path, "has other attributes")
		}
		return
	}
	p, q := ContentPlace{int(v.layer), int(v.entry)}, ContentPlace{int(w.layer), int(w.entry)}
	if v.inode != none {
		p, q = c.a.place(i), c.b.place(j)
		if to, ok := c.there[p]; ok && to != q {
			c.differ(path, "is no longer the same file as another name")
		}
		if from, ok := c.back[q]; ok && from != p {
			c.differ(path, "is the same file as another name now")
		}
		c.there[p], c.back[q] = q, p
	}
	e, f := c.a.layers[p.Layer].Entries.At(p.Entry), c.b.layers[q.Layer].Entries.At(q.Entry)
	g, h := c.a.lastHeader(i), c.b.lastHeader(j)
	switch {
	case g.Mode != h.Mode || g.UID != h.UID || g.GID != h.GID || !g.Time.Equal(h.Time) || !maps.Equal(fileXattrs(e.Xattrs), fileXattrs(f.Xattrs)):
		c.differ(path, "has other attributes")
	case v.kind == source.Symlink && e.Link != f.Link:
		c.differ(path, "is a link to something else")
	case e.Major != f.Major || e.Minor != f.Minor:
		c.differ(path, "is another device")
	case v.kind == source.File && v.inode != none && (e.Size != f.Size || !c.same(p, q)):
		c.differ(path, "has other content")
	}
}

// place returns where the content of version i is stored.
func (t *Tree) place(i int32) ContentPlace {
	layer, entry := t.carrier(i)
	return ContentPlace{int(layer), int(entry)}
}
