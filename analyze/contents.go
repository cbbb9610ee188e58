package analyze

import (
	"context"
	"slices"

	"github.com/peelhq/peel/source"
)

// A Content is the data of one entry of a layer: the bytes of a regular file, under one of its
// names.
type Content struct {
	t       *Tree
	version int32 // the name; none for data without a node
	inode   int32 // its own, or in Tree.inodes
	entry   int32
	layer   uint16
}

// Layer returns the layer that stores the content. A hard link to it may be in a higher layer.
func (c Content) Layer() int { return int(c.layer) }

// Entry returns the index of the layer's entry that stores it.
func (c Content) Entry() int { return int(c.entry) }

// Path returns the absolute path of the name.
func (c Content) Path() string {
	if c.version == none {
		return c.t.orphanPath(c.inode)
	}
	return c.t.Path(c.t.versions[c.version].node)
}

// Size returns the bytes of content, including the holes of a sparse file.
func (c Content) Size() int64 { return c.t.layers[c.layer].Entries.Size(int(c.entry)) }

// Hidden returns why no name of the final union reaches the content and the layer that hid its
// last name; NotShadowed and -1 if a name does.
func (c Content) Hidden() (cause Cause, by int) {
	if c.inode != own {
		i := &c.t.inodes[c.inode]
		return i.cause, byLayer(i.by)
	}
	v := &c.t.versions[c.version]
	return v.cause, byLayer(v.by)
}

// Showing selects contents by visibility.
type Showing uint8

// Contents that some name of the final union reaches, contents that none reaches, or both.
const (
	Either Showing = iota
	OnlyVisible
	OnlyHidden
)

// Among selects contents of an image. Layer must be set, to -1 for all layers; otherwise the zero
// value selects everything.
type Among struct {
	Layer   int     // that stores them; -1 for any
	At      NodeID  // they have a name at or below this node
	Showing Showing // visible in the final union, or not
	Filter  Filter  // matches a name, as in a view of all versions
}

// contents returns the contents of each layer in stored order, each once, however many names it
// has. It prefers names that are visible in the final union, then the tree's order.
func (t *Tree) contents(ctx context.Context, among Among) ([][]Content, error) {
	named, err := t.namesAmong(ctx, among)
	if err != nil {
		return nil, err
	}
	out := make([][]Content, len(t.layers))
	add := func(c Content) {
		_, by := c.Hidden()
		visible := by < 0
		if among.Layer >= 0 && int(c.layer) != among.Layer || among.Showing == OnlyVisible && !visible || among.Showing == OnlyHidden && visible {
			return
		}
		out[c.layer] = append(out[c.layer], c)
	}
	linked := map[int32]int32{} // the name of each inode
	for i := range t.versions {
		v := &t.versions[i]
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if v.kind != source.File || v.inode == none || named != nil && !named.has(int(v.node)) {
			continue
		}
		if v.inode == own {
			add(Content{t: t, version: int32(i), inode: own, entry: v.entry, layer: v.layer})
		} else if known, ok := linked[v.inode]; !ok || t.versions[known].by != notHidden && v.by == notHidden {
			linked[v.inode] = int32(i)
		}
	}
	for id, i := range linked {
		add(Content{t: t, version: i, inode: id, entry: t.inodes[id].entry, layer: t.inodes[id].layer})
	}
	if among.At == Root && among.Filter.Empty() {
		for _, id := range t.orphans {
			if i := &t.inodes[id]; t.layers[i.layer].Entries.Type(int(i.entry)) == source.File && !inMap(linked, id) {
				add(Content{t: t, version: none, inode: id, entry: i.entry, layer: i.layer})
			}
		}
	}
	for _, all := range out {
		slices.SortFunc(all, func(a, b Content) int { return int(a.entry - b.entry) })
	}
	return out, nil
}

func inMap(m map[int32]int32, key int32) bool { _, ok := m[key]; return ok }

// namesAmong returns the nodes of the selected contents, nil for all.
func (t *Tree) namesAmong(ctx context.Context, among Among) (bitmap, error) {
	if among.At == Root && among.Filter.Empty() {
		return nil, ctx.Err()
	}
	var view *View
	if !among.Filter.Empty() {
		var err error
		if view, err = t.View(Spec{Mode: Everything}).Filter(ctx, among.Filter); err != nil {
			return nil, err
		}
	}
	below, named := newBitmap(len(t.nodes)), newBitmap(len(t.nodes))
	for n := range t.nodes { // parents come first
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if NodeID(n) != among.At && (n == 0 || !below.has(int(t.nodes[n].parent))) {
			continue
		}
		below.set(n)
		if view == nil || view.Matches(NodeID(n)) {
			named.set(n)
		}
	}
	return named, nil
}
