package analyze

import (
	"context"
	"slices"
)

// A ticker counts work and looks now and then at whether it is still wanted.
type ticker struct {
	ctx  context.Context
	left int
}

// tickWork is how much work is done between two looks: some thousands of steps,
// each a byte or a node, take no longer than a few milliseconds.
const tickWork = 1 << 17

// done counts n steps, and returns the context's error once that is over.
func (t *ticker) done(n int) error {
	if t.left -= n; t.left > 0 {
		return nil
	}
	t.left = tickWork
	return t.ctx.Err()
}

// walkGlobs is how many globs are taken through a tree at once. Each may have a
// state at every directory above the place where the walk is, 32,768 at most.
const walkGlobs = 256

// eachMatch calls found with the nodes whose path one of globs matches, and with
// which it is. With cover, it does not go on with a glob below what that glob
// matches. Each node is called once for each glob at most, a directory before
// what lies below it. The error is the context's.
//
// With names, which may be nil, each part of a glob is matched once with each
// name, however many nodes bear it.
func (t *Tree) eachMatch(ctx context.Context, globs []*pathGlob, names *distinctNames, cover bool, found func(n NodeID, glob int)) error {
	work := &ticker{ctx: ctx}
	var onNames, onPaths []int
	for i, g := range globs {
		if g.nameOnly() != nil {
			onNames = append(onNames, i)
		} else {
			onPaths = append(onPaths, i)
		}
	}
	if len(onNames) > 0 {
		for n := NodeID(1); int(n) < len(t.nodes); n++ {
			name := t.nameView(n)
			for _, i := range onNames {
				g := globs[i].nameOnly()
				if err := work.done(g.cost(name)); err != nil {
					return err
				}
				if g.matches(name) {
					found(n, i)
				}
			}
		}
	}
	for some := range slices.Chunk(onPaths, walkGlobs) {
		w := globWalk{t: t, globs: globs, cover: cover, found: found, work: work}
		if err := w.prepare(names, some); err != nil {
			return err
		}
		if err := w.run(some); err != nil {
			return err
		}
	}
	return nil
}

// A globWalk takes globs down a tree, and goes only where one may still match.
type globWalk struct {
	t     *Tree
	globs []*pathGlob
	cover bool
	found func(n NodeID, glob int)
	work  *ticker

	names *distinctNames
	named [][]bitmap // by glob and part: the names that match, where names are known

	dirs   []walkedDir // from the root down to where the walk is
	states []globState // of those directories, one after the other
}

// A globState is how far one glob has come.
type globState struct {
	glob  int
	state uint64
}

// A walkedDir is a directory whose children are being walked.
type walkedDir struct {
	kids     []NodeID // those that are left
	from, to int      // its states in globWalk.states
	own      int      // how many of these belong to it alone: the last ones
}

// run walks the tree with some of the globs.
func (w *globWalk) run(some []int) error {
	for _, i := range some {
		g := w.globs[i]
		w.reached(Root, i, g.start())
	}
	w.enter(Root, 0)
	for len(w.dirs) > 0 {
		d := &w.dirs[len(w.dirs)-1]
		if len(d.kids) == 0 {
			w.states = w.states[:len(w.states)-d.own]
			w.dirs = w.dirs[:len(w.dirs)-1]
			continue
		}
		n := d.kids[0]
		d.kids = d.kids[1:]
		begin := len(w.states)
		for at := d.from; at < d.to; at++ {
			s := w.states[at]
			next, err := w.step(n, s)
			if err != nil {
				return err
			}
			w.reached(n, s.glob, next)
		}
		w.enter(n, begin)
	}
	return nil
}

// prepare matches the parts of some of the globs with all names, if these are
// known.
func (w *globWalk) prepare(names *distinctNames, some []int) error {
	if names == nil {
		return nil
	}
	w.names, w.named = names, make([][]bitmap, len(w.globs))
	for _, i := range some {
		for k := range w.globs[i].parts {
			named, err := names.matching(w.work, &w.globs[i].parts[k])
			if err != nil {
				return err
			}
			w.named[i] = append(w.named[i], named)
		}
	}
	return nil
}

// matching returns the names that a glob matches.
func (d *distinctNames) matching(work *ticker, g *nameGlob) (bitmap, error) {
	named := newBitmap(len(d.from))
	for i := range d.from {
		name := d.view(uint32(i))
		if err := work.done(g.cost(name)); err != nil {
			return nil, err
		}
		if g.matches(name) {
			named.set(i)
		}
	}
	return named, nil
}

// step returns the state of a glob at a child of the directory where it has s.
func (w *globWalk) step(n NodeID, s globState) (uint64, error) {
	g := w.globs[s.glob]
	if w.names != nil {
		of, named := int(w.names.of[n]), w.named[s.glob]
		return g.step(s.state, func(part int) bool { return named[part].has(of) }), w.work.done(1)
	}
	name := w.t.nameView(n)
	return g.step(s.state, func(part int) bool { return g.parts[part].matches(name) }), w.work.done(g.cost(s.state, name))
}

// reached calls found if a glob matches at a node, and notes its state if anything
// may match below.
func (w *globWalk) reached(n NodeID, glob int, state uint64) {
	g := w.globs[glob]
	if g.matched(state) {
		w.found(n, glob)
		if state &^= 1 << len(g.parts); w.cover {
			return
		}
	}
	if state != 0 && w.t.nodes[n].dir != none {
		w.states = append(w.states, globState{glob, state})
	}
}

// enter goes on below a node whose states begin at begin. Where they are those of
// the directory above, they are not kept twice: paths may be deep.
func (w *globWalk) enter(n NodeID, begin int) {
	if begin == len(w.states) {
		return
	}
	d := walkedDir{kids: w.t.Children(n), from: begin, to: len(w.states), own: len(w.states) - begin}
	if len(w.dirs) > 0 {
		if up := w.dirs[len(w.dirs)-1]; slices.Equal(w.states[up.from:up.to], w.states[begin:]) {
			d.from, d.to, d.own = up.from, up.to, 0
			w.states = w.states[:begin]
		}
	}
	w.dirs = append(w.dirs, d)
}

// cover calls f for each node that globs name, with a bit for each glob that
// does: 64 of them at most. It is called in the order of nodes. The error is the
// context's.
func (t *Tree) cover(ctx context.Context, globs []Glob, f func(n NodeID, by uint64)) error {
	marks := make([]uint64, len(t.nodes))
	var all []*pathGlob
	var of []int
	for i, g := range globs {
		for _, p := range g.any {
			all, of = append(all, p), append(of, i)
		}
	}
	if err := t.eachMatch(ctx, all, nil, true, func(n NodeID, i int) { marks[n] |= 1 << of[i] }); err != nil {
		return err
	}
	for n := range marks {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		marks[n] |= marks[t.nodes[n].parent]
		if marks[n] != 0 {
			f(NodeID(n), marks[n])
		}
	}
	return nil
}

// coverAtOnce is how many globs cover takes.
const coverAtOnce = 64

// covered returns the nodes of t that gs name: with except, those that its
// exceptions do, else those that the others do, whatever the exceptions say.
func (gs Globs) covered(ctx context.Context, t *Tree, except bool) (bitmap, error) {
	found := newBitmap(len(t.nodes))
	var one Glob // of all alternatives of all globs
	for _, g := range gs {
		if g.except == except {
			one.any = append(one.any, g.any...)
		}
	}
	if len(one.any) == 0 {
		return found, nil
	}
	err := t.cover(ctx, []Glob{one}, func(n NodeID, _ uint64) { found.set(int(n)) })
	return found, err
}
