package analyze

import (
	"context"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// Two trees are compared in one simultaneous walk from the roots: children are
// sorted by name, so the children of two nodes are merged like two sorted
// lists. For each pair of nodes, the visible versions in the two unions are
// compared; if neither is visible, nothing below is. Paths are built only for
// differences that are listed.
//
// The walk is made twice: first to find the files whose contents must be read,
// and then, with their checksums, to count.

// A differ compares two unions.
type differ struct {
	before, after side
	pending       []couple[int32]
	most          int // maximum number of listed paths; 0: all
	found         []found
	each          func(*found) // receives every path instead of found; may be nil
	out           *Difference
}

// A side is one of the unions with its counters.
type side struct {
	a       *Analysis
	t       *Tree
	at      int
	visible []int64            // bytes by layer that stores them
	diffID  []int32            // by layer: a number for its diffID, shared by equal layers; none if unknown
	counted map[int32]struct{} // inodes with several names, one of which was visited
}

// A couple is a pair of nodes, one from each side, or none if a side lacks it.
type couple[T ~int32] struct{ before, after T }

// found is a path that differs.
type found struct {
	nodes         couple[NodeID]
	versions      couple[int32]
	before, after int64 // bytes
	change        Change
	what          What
}

// rank sorts attribute changes after everything else.
func (f *found) rank() int {
	if f.change == Metadata {
		return 1
	}
	return 0
}

func newDiffer(before, after Side, most int) *differ {
	d := &differ{before: newSide(before), after: newSide(after), most: most, out: &Difference{}}
	numbers := map[string]int32{}
	for _, s := range []*side{&d.before, &d.after} {
		for k, l := range s.t.layers {
			if l.DiffID == "" {
				continue
			}
			if _, ok := numbers[l.DiffID]; !ok {
				numbers[l.DiffID] = int32(len(numbers))
			}
			s.diffID[k] = numbers[l.DiffID]
		}
	}
	return d
}

func newSide(s Side) side {
	t := s.Analysis.Tree
	return side{
		a: s.Analysis, t: t, at: min(max(s.At, -1), len(t.layers)-1),
		visible: make([]int64, len(t.layers)), diffID: slices.Repeat([]int32{none}, len(t.layers)), counted: map[int32]struct{}{},
	}
}

func (d *differ) sameTree() bool { return d.before.t == d.after.t }

// walk calls visit for every path that is visible on either side, with its
// nodes and visible versions. Directories come before their content, children
// in order of names. The root is always visible, although it may have no
// version.
func (d *differ) walk(ctx context.Context, visit func(nodes couple[NodeID], versions couple[int32])) error {
	b, a := &d.before, &d.after
	stack := []couple[NodeID]{{Root, Root}}
	for n := 0; len(stack) > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		v := couple[int32]{b.showing(p.before), a.showing(p.after)}
		if v.before == none && v.after == none && p.before != Root {
			continue
		}
		visit(p, v)
		from := len(stack)
		stack = d.merge(stack, b.kids(p.before, v.before), a.kids(p.after, v.after))
		slices.Reverse(stack[from:])
	}
	return nil
}

func (s *side) showing(n NodeID) int32 {
	if n == none {
		return none
	}
	return s.t.at(n, s.at)
}

// kids returns the children of n, whose visible version is v; none unless it is a directory.
func (s *side) kids(n NodeID, v int32) []NodeID {
	if n == Root || v != none && s.t.versions[v].kind == source.Dir {
		return s.t.Children(n)
	}
	return nil
}

// merge appends the children of two nodes, sorted by name.
func (d *differ) merge(dst []couple[NodeID], before, after []NodeID) []couple[NodeID] {
	b, a := d.before.t, d.after.t
	for len(before) > 0 && len(after) > 0 {
		order := 0
		if !d.sameTree() || before[0] != after[0] {
			order = strings.Compare(b.nameView(before[0]), a.nameView(after[0]))
		}
		p := couple[NodeID]{none, none}
		if order <= 0 {
			p.before, before = before[0], before[1:]
		}
		if order >= 0 {
			p.after, after = after[0], after[1:]
		}
		dst = append(dst, p)
	}
	for _, n := range before {
		dst = append(dst, couple[NodeID]{n, none})
	}
	for _, n := range after {
		dst = append(dst, couple[NodeID]{none, n})
	}
	return dst
}

// settle computes the checksums needed to compare files.
func (d *differ) settle(ctx context.Context) error {
	err := d.walk(ctx, func(_ couple[NodeID], v couple[int32]) {
		if v.before == none || v.after == none {
			return
		}
		if _, known := d.content(v); !known {
			d.pending = append(d.pending, v)
		}
	})
	if err != nil {
		return err
	}
	wanted := map[*source.Layer][]int{}
	for _, v := range d.pending {
		fromLayer, b := d.before.t.carrier(v.before)
		toLayer, a := d.after.t.carrier(v.after)
		from, to := d.before.t.layers[fromLayer], d.after.t.layers[toLayer]
		if source.Differ(from, int(b), to, int(a)) {
			continue // without checksums they count as different
		}
		wanted[from] = append(wanted[from], int(b))
		wanted[to] = append(wanted[to], int(a))
	}
	d.pending = nil
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReaders)
	for layer, entries := range wanted {
		group.Go(func() error {
			return crash.Do(func() error { return layer.Sum(ctx, entries) })
		})
	}
	return group.Wait()
}

// content returns the differences between two versions apart from attributes.
// known is false if that requires missing checksums; they count as different
// then.
func (d *differ) content(v couple[int32]) (what What, known bool) {
	bt, at := d.before.t, d.after.t
	if bt == at && v.before == v.after {
		return 0, true
	}
	b, a := &bt.versions[v.before], &at.versions[v.after]
	switch {
	case b.kind != a.kind:
		return WhatType, true
	case b.kind == source.Dir:
		return 0, true
	case b.inode == none && a.inode == none:
		if (Version{bt, v.before}).Link() == (Version{at, v.after}).Link() {
			return 0, true
		}
		return WhatLink, true
	case b.inode == none || a.inode == none:
		return WhatContent, true
	case bt == at && b.inode == a.inode && b.inode != own:
		return 0, true
	}
	what = [...]What{source.Symlink: WhatLink, source.Char: WhatDevice, source.Block: WhatDevice, source.Fifo: WhatDevice}[b.kind]
	if what == 0 {
		what = WhatContent
	}
	bl, bi := bt.carrier(v.before)
	al, ai := at.carrier(v.after)
	same, known := bt.sameCarried(bl, bi, at, al, ai)
	if diffID := d.after.diffID[al]; !known && diffID != none && diffID == d.before.diffID[bl] && bi == ai {
		same, known = true, true // the same entry of the same layer
	}
	if same {
		return 0, known
	}
	return what, known
}

// count adds a path to the totals of the sides and, if it differs, to the findings.
func (d *differ) count(nodes couple[NodeID], v couple[int32]) {
	f := found{nodes: nodes, versions: v, before: d.before.bytes(v.before), after: d.after.bytes(v.after)}
	switch {
	case nodes.before == Root && (v.before == none || v.after == none):
		f.change, f.what = Identical, d.attributes(v)
	case v.before == none:
		f.change = Added
	case v.after == none:
		f.change = Removed
	default:
		f.change = Identical
		f.what, _ = d.content(v)
		if f.what == 0 && f.before != f.after {
			f.what = WhatStorage
		}
		f.what |= d.attributes(v)
	}
	switch {
	case f.change != Identical:
	case f.what&whatMatters != 0:
		f.change = Modified
	case f.what != 0:
		f.change = Metadata
	}
	if f.before != f.after {
		d.out.Grown++
	}
	total := &d.out.Changes[f.change]
	total.Paths++
	total.Before += f.before
	total.After += f.after
	switch {
	case d.each != nil:
		d.each(&f)
		return
	case f.change == Identical:
		return
	}
	const spare = 1 << 12 // rows collected between two prunings
	if d.most > 0 && len(d.found) >= d.most+spare {
		d.prune(d.most)
	}
	d.found = append(d.found, f)
}

// bytes returns the bytes of a visible version, unless they were counted at another name.
func (s *side) bytes(v int32) int64 {
	if v == none {
		return 0
	}
	id := s.t.versions[v].inode
	if id == none || s.t.versions[v].kind != source.File {
		return 0
	}
	if len(s.t.shared) > 0 {
		if _, several := s.t.shared[id]; several {
			if _, done := s.counted[id]; done {
				return 0
			}
			s.counted[id] = struct{}{}
		}
	}
	layer, entry := s.t.carrier(v)
	n := s.t.stored(layer, entry)
	s.visible[layer] += n
	return n
}

// attributes returns which attributes differ. A directory without an entry has the attributes
// that engines give it; its time is unknown and equals any time.
func (d *differ) attributes(v couple[int32]) What {
	if d.sameTree() && v.before == v.after {
		return 0
	}
	b, named := d.before.entry(v.before)
	a, alsoNamed := d.after.entry(v.after)
	var what What
	if b.Mode != a.Mode {
		what |= WhatMode
	}
	if b.UID != a.UID || b.GID != a.GID {
		what |= WhatOwner
	}
	if named && alsoNamed && !b.Time.Equal(a.Time) {
		what |= WhatTime
	}
	if !maps.Equal(b.Xattrs, a.Xattrs) {
		what |= WhatXattrs
	}
	return what
}

// entry returns the entry of a version, if it has one.
func (s *side) entry(v int32) (source.Entry, bool) {
	if v != none {
		if e, ok := s.t.attributes(v); ok {
			return e, true
		}
	}
	return source.Entry{Mode: impliedMode}, false
}
