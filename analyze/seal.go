package analyze

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/peelhq/peel/internal/crash"
)

// seal turns the lists that the tree was built with into slices: versions by
// node, children by name. Comparisons go on naming the versions that they named.
// moved is as long as the versions, and written over.
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
	// Each node's end first; counting down from there leaves the beginning.
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
	// The two touch nothing that the other one does.
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

// sealVersions puts the versions where their nodes expect them, of which first is
// the end so far.
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
	// Names are looked up once each, not for every comparison.
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

// byName reports whether siblings stand by name, as those of most layers do.
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
