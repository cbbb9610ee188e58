package analyze

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/peelhq/peel/internal/crash"
)

// seal turns the lists of the builder into slices: versions by node, children
// by name. Comparisons keep their versions. moved has the length of versions
// and is overwritten.
func (t *Tree) seal(pending []comparison, moved []int32) error {
	for i := range t.nodes {
		t.nodes[i].first, t.nodes[i].kids = 0, 0
	}
	for i := range t.versions {
		t.nodes[t.versions[i].node].first++
	}
	for n := len(t.nodes) - 1; n > 0; n-- {
		t.nodes[t.nodes[n].parent].kids++
	}
	// Store each node's end first; counting down from there leaves the start.
	var versions, kids int32
	for i := range t.nodes {
		x := &t.nodes[i]
		x.dir = none
		if x.kids > 0 || i == 0 {
			x.dir = t.dirs
			t.dirs++
		}
		versions += x.first
		kids += x.kids
		x.first, x.kids = versions, kids
	}
	// These two touch separate data.
	var ordered sync.WaitGroup
	var broken error
	ordered.Go(func() {
		broken = crash.Do(func() error {
			t.sealChildren()
			return nil
		})
	})
	t.sealVersions(pending, moved)
	ordered.Wait()
	return broken
}

// sealVersions moves the versions to their nodes; each node's first is its end so far.
func (t *Tree) sealVersions(pending []comparison, moved []int32) {
	for i := len(t.versions) - 1; i >= 0; i-- {
		x := &t.nodes[t.versions[i].node]
		x.first--
		moved[i] = x.first
	}
	for i := range t.inodes {
		if c := t.inodes[i].carrier; c != none {
			t.inodes[i].carrier = moved[c]
		}
	}
	for i, c := range pending {
		pending[i] = comparison{moved[c.upper], moved[c.lower]}
	}
	for i := range moved { // in place, cycle by cycle
		for to := moved[i]; to != int32(i); to = moved[i] {
			t.versions[i], t.versions[to] = t.versions[to], t.versions[i]
			moved[i], moved[to] = moved[to], to
		}
	}
}

// sealChildren lists every node's children by name.
func (t *Tree) sealChildren() {
	t.children = make([]NodeID, len(t.nodes)-1)
	for n := len(t.nodes) - 1; n > 0; n-- {
		p := &t.nodes[t.nodes[n].parent]
		p.kids--
		t.children[p.kids] = NodeID(n)
	}
	// Look up names once each, not for every comparison.
	type namedNode struct {
		name string
		node NodeID
	}
	var list []namedNode
	for i := range t.nodes {
		kids := t.Children(NodeID(i))
		if t.byName(kids) {
			continue
		}
		list = list[:0]
		for _, kid := range kids {
			list = append(list, namedNode{t.nameView(kid), kid})
		}
		slices.SortFunc(list, func(a, b namedNode) int { return strings.Compare(a.name, b.name) })
		for k := range kids {
			kids[k] = list[k].node
		}
	}
}

// byName reports whether siblings are already sorted by name, as in most layers.
func (t *Tree) byName(kids []NodeID) bool {
	var last []byte
	for k, kid := range kids {
		name := t.name(kid)
		if k > 0 && bytes.Compare(last, name) >= 0 {
			return false
		}
		last = name
	}
	return true
}
