package report

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
)

// mapCells is the maximum number of cells in a page's treemap: smaller ones are merged into one
// cell per directory.
const mapCells = 6000

// mapNameBytes bounds the names of all cells, as JSON writes them.
const mapNameBytes = 500_000

// nameRunes bounds a single name, a file system's own limit; paths may be made
// of many.
const nameRunes = 255

// A treemap shows every stored byte of an image exactly once: an inode's
// content is at the path whose entry stores it or, if it is visible only under
// another name, at that one. The largest come first; the rest of a directory is
// merged into one restCell for visible and one for wasted bytes, so that all
// sums are exact.
type treemap struct {
	cells []cell

	// What the rests sum up.
	restVersions int
	restBytes    int64
}

// cellKind says what a cell stands for.
type cellKind uint8

// The kinds of cells. The first two have cells below them and no bytes of their
// own.
const (
	dirCell     cellKind = iota // a directory
	fileCell                    // a path with several versions that have bytes
	versionCell                 // a version with bytes
	restCell                    // the smaller versions below a directory that have no cell
)

// A cell is one row of the treemap.
type cell struct {
	parent int    // index of the cell above; -1 for the root
	name   string // below the parent's, safe to show; "" for a rest, and for a version of the file above
	kind   cellKind

	// Of a versionCell and a restCell.
	bytes int64
	cause analyze.Cause // NotShadowed: the bytes are visible; of a rest, that of most bytes
	layer int           // carries the bytes; of a rest, the layer that carries most of them
	by    int           // hid them; -1 if none did, or of a rest

	// Of a restCell.
	versions int
	most     int64 // bytes that layer carries
}

// MarshalJSON writes the cell as an array, whose meaning page.js repeats.
func (c cell) MarshalJSON() ([]byte, error) {
	switch c.kind {
	case versionCell:
		return json.Marshal([]any{c.parent, c.name, c.kind, c.bytes, c.cause, c.layer, c.by})
	case restCell:
		return json.Marshal([]any{c.parent, c.name, c.kind, c.bytes, c.cause, c.layer, c.by, c.versions, c.most})
	}
	return json.Marshal([]any{c.parent, c.name, c.kind})
}

// A piece is the bytes of one version, visible or wasted.
type piece struct {
	bytes int64
	cause analyze.Cause
	layer int
	by    int
}

// A candidate may become a cell. It is a node, or a piece of one.
type candidate struct {
	node   analyze.NodeID // -1: the piece alone
	order  int            // among equals: pieces as they were found, before nodes by their IDs
	weight int64
	parent int
	piece  piece

	pathless bool // it is a row of waste that belongs to no node
}

// candidates is a heap, the heaviest first.
type candidates []candidate

func (h candidates) Len() int      { return len(h) }
func (h candidates) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *candidates) Push(x any) {
	c, _ := x.(candidate)
	*h = append(*h, c)
}
func (h *candidates) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
func (h candidates) Less(i, j int) bool {
	a, b := &h[i], &h[j]
	return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.node, b.node), cmp.Compare(a.parent, b.parent), cmp.Compare(a.order, b.order)) < 0
}

// mapper makes a treemap.
type mapper struct {
	a    *analyze.Analysis
	view *analyze.View // the final union
	heap candidates
	out  treemap

	names  int   // bytes of all names so far
	byNode []int // of the analysis' waste, in the order of its nodes
}

// newTreemap returns the treemap of an image with at most limit cells, rests
// left aside; half of one once ctx has ended.
func newTreemap(ctx context.Context, a *analyze.Analysis, limit int) treemap {
	last := a.Tree.LayerCount() - 1
	m := &mapper{a: a, view: a.Tree.View(analyze.Spec{Mode: analyze.Union, At: last}), byNode: make([]int, a.Waste.Len())}
	nodes := make([]analyze.NodeID, a.Waste.Len())
	for i, w := range a.Waste.Until(ctx) {
		m.byNode[i], nodes[i] = i, w.Node
	}
	if ctx.Err() != nil {
		return m.out
	}
	slices.SortStableFunc(m.byNode, func(i, j int) int { return cmp.Compare(nodes[i], nodes[j]) })
	m.push(candidate{node: analyze.Root, parent: none, weight: m.weight(analyze.Root)})
	for len(m.heap) > 0 && len(m.out.cells) < limit && m.names < mapNameBytes && ctx.Err() == nil {
		c, _ := heap.Pop(&m.heap).(candidate)
		m.settle(c)
	}
	m.rests()
	return m.out
}

const none = -1

func (m *mapper) push(c candidate) {
	if c.weight > 0 || c.node == analyze.Root {
		heap.Push(&m.heap, c)
	}
}

// weight is the importance of a node: its stored bytes, or its wasted bytes
// scaled as if the image's waste were the whole image, so that a map of the
// waste alone has details too.
func (m *mapper) weight(n analyze.NodeID) int64 {
	wasted := m.view.Wasted(n)
	return max(m.view.Bytes(n)+wasted, m.scaled(wasted))
}

func (m *mapper) scaled(wasted int64) int64 {
	t := m.a.Totals
	if t.Wasted <= 0 {
		return 0
	}
	return int64(float64(wasted) * (float64(t.Stored) / float64(t.Wasted)))
}

func (m *mapper) pieceWeight(p piece) int64 {
	if p.cause == analyze.NotShadowed {
		return p.bytes
	}
	return max(p.bytes, m.scaled(p.bytes))
}

// settle makes a candidate's cell, and makes its children candidates.
func (m *mapper) settle(c candidate) {
	at := len(m.out.cells)
	name := shown("")
	switch {
	case c.node != none:
		name = shown(m.a.Tree.Name(c.node))
	case c.pathless:
		w := m.a.Waste.At(c.order)
		name = shown(w.Path())
	}
	if text, err := json.Marshal(name); err == nil { // a string never fails
		m.names += len(text)
	}
	if c.node == none {
		m.out.cells = append(m.out.cells, versionOf(c.parent, name, c.piece))
		return
	}
	own := m.own(c.node)
	below := m.below(c.node)
	if c.node != analyze.Root && len(own) == 1 && !below {
		m.out.cells = append(m.out.cells, versionOf(c.parent, name, own[0]))
		return
	}
	kind := fileCell
	if below || c.node == analyze.Root {
		kind = dirCell
	}
	m.out.cells = append(m.out.cells, cell{parent: c.parent, name: name, kind: kind})
	for i, p := range own {
		m.push(candidate{node: none, order: i, parent: at, weight: m.pieceWeight(p), piece: p})
	}
	for _, kid := range m.a.Tree.Children(c.node) {
		m.push(candidate{node: kid, parent: at, weight: m.weight(kid)})
	}
	if c.node == analyze.Root {
		for _, i := range m.wasteOf(none) {
			w := m.a.Waste.At(i)
			p := wasted(&w)
			m.push(candidate{node: none, order: i, parent: at, weight: m.pieceWeight(p), piece: p, pathless: true})
		}
	}
}

func versionOf(parent int, name string, p piece) cell {
	return cell{parent: parent, name: name, kind: versionCell, bytes: p.bytes, cause: p.cause, layer: p.layer, by: p.by}
}

// below reports whether there are bytes below n.
func (m *mapper) below(n analyze.NodeID) bool {
	for _, kid := range m.a.Tree.Children(n) {
		if m.view.Bytes(kid)+m.view.Wasted(kid) > 0 {
			return true
		}
	}
	return false
}

// own returns the bytes of n itself, those that show first, then the wasted
// ones, oldest first.
func (m *mapper) own(n analyze.NodeID) []piece {
	var out []piece
	if v, ok := m.view.Version(n); ok {
		// Nothing shows below a file: all that is visible here is its own.
		if layer, _, ok := v.Content(); ok && m.view.Bytes(n) > 0 {
			out = append(out, piece{bytes: m.view.Bytes(n), layer: layer.Index, by: none})
		}
	}
	for _, i := range m.wasteOf(n) {
		w := m.a.Waste.At(i)
		out = append(out, wasted(&w))
	}
	return out
}

func wasted(w *analyze.Waste) piece { return piece{w.Bytes, w.Cause, w.Layer, w.By} }

// wasteOf returns the indices of the wasted versions of n itself, or of those without a node if
// n is none.
func (m *mapper) wasteOf(n analyze.NodeID) []int {
	nodeAt := func(i int) analyze.NodeID { return m.a.Waste.At(m.byNode[i]).Node }
	first := sort.Search(len(m.byNode), func(i int) bool { return nodeAt(i) >= n })
	end := first
	for end < len(m.byNode) && nodeAt(end) == n {
		end++
	}
	return m.byNode[first:end]
}

// rests sums up what has no cell.
func (m *mapper) rests() {
	sums := map[restKey]*restSum{}
	add := func(parent int, p piece) {
		key := restKey{parent, p.cause != analyze.NotShadowed}
		s := sums[key]
		if s == nil {
			s = &restSum{layers: map[int]int64{}, causes: map[analyze.Cause]int64{}}
			sums[key] = s
		}
		s.versions++
		s.bytes += p.bytes
		s.layers[p.layer] += p.bytes
		s.causes[p.cause] += p.bytes
	}
	for _, c := range m.heap {
		if c.node == none {
			add(c.parent, c.piece)
			continue
		}
		stack := []analyze.NodeID{c.node}
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			stack = append(stack[:len(stack)-1], m.a.Tree.Children(n)...)
			for _, p := range m.own(n) {
				add(c.parent, p)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b restKey) int {
		if c := cmp.Compare(a.parent, b.parent); c != 0 || a.wasted == b.wasted {
			return c
		}
		if b.wasted {
			return -1
		}
		return 1
	})
	for _, key := range keys {
		s := sums[key]
		layer, most := largest(s.layers)
		cause, _ := largest(s.causes)
		m.out.cells = append(m.out.cells, cell{
			parent: key.parent, kind: restCell, bytes: s.bytes, cause: cause, layer: layer, by: none, versions: s.versions, most: most,
		})
		m.out.restVersions += s.versions
		m.out.restBytes += s.bytes
	}
}

// A restKey distinguishes rests: those of a cell, visible and wasted.
type restKey struct {
	parent int
	wasted bool
}

type restSum struct {
	versions int
	bytes    int64
	layers   map[int]int64
	causes   map[analyze.Cause]int64
}

// largest returns the key of the most bytes, the lowest among equals.
func largest[K cmp.Ordered](sums map[K]int64) (key K, most int64) {
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		if sums[k] > most {
			key, most = k, sums[k]
		}
	}
	return key, most
}

// shown returns a name for a page.
func shown(name string) string {
	return cutRunes(clean.Text(name), nameRunes)
}

// cutRunes leaves out the middle of a text of more than most runes.
func cutRunes(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	half := (most - 1) / 2
	return string(r[:half]) + "…" + string(r[len(r)-half:])
}
