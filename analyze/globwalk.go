package analyze

import (
	"context"
	"slices"
)

// A ticker counts work, and checks its context from time to time.
type ticker struct {
	ctx  context.Context
	left int
}

// tickWork is the amount of work between two checks: a few thousand steps, each a byte or a node,
// take at most a few milliseconds.
const tickWork = 1 << 17

// done counts n steps, and returns the context's error after the context ends.
func (t *ticker) done(n int) error {
	if t.left -= n; t.left > 0 {
		return nil
	}
	t.left = tickWork
	return t.ctx.Err()
}

// walkGlobs is the number of globs per walk of a tree. Each may have a state for every directory
// on the current path, at most 32,768.
const walkGlobs = 256

// eachMatch calls found with each node whose path matches one of globs, and the
// glob. With cover, it does not continue below a match of a glob. It calls
// found at most once for each node and glob, for a directory before its
// content. The error is the context's.
//
// If names is not nil, each part of a glob is matched once with each distinct
// name, however many nodes have it.
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

// A globWalk walks a tree with globs, and only visits places where a glob may still match.
type globWalk struct {
	t     *Tree
	globs []*pathGlob
	cover bool
	found func(n NodeID, glob int)
	work  *ticker

	names *distinctNames
	named [][]bitmap // by glob and part: the matching names, if names are known

	dirs   []walkedDir // from the root to the current directory
	states []globState // states of those directories, consecutively
}

// A globState is the progress of one glob.
type globState struct {
	glob  int
	state uint64
}

// A walkedDir is a directory whose children are being visited.
type walkedDir struct {
	kids     []NodeID // children still to visit
	from, to int      // range of its states in globWalk.states
	own      int      // number of states at the end that belong to it alone
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

// prepare matches the parts of some of the globs with all names, if these are known.
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

// step returns the state of a glob at a child of a directory with state s.
func (w *globWalk) step(n NodeID, s globState) (uint64, error) {
	g := w.globs[s.glob]
	if w.names != nil {
		of, named := int(w.names.of[n]), w.named[s.glob]
		return g.step(s.state, func(part int) bool { return named[part].has(of) }), w.work.done(1)
	}
	name := w.t.nameView(n)
	return g.step(s.state, func(part int) bool { return g.parts[part].matches(name) }), w.work.done(g.cost(s.state, name))
}

// reached calls found if a glob matches at a node, and stores its state if anything below may
// match.
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

// enter continues below a node whose states start at begin. It does not store states twice if
// they equal the parent's, because paths may be deep.
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

// cover calls f for each node that matches globs, with a bit for each matching
// glob, in the order of nodes. It accepts at most 64 globs. The error is the
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

// coverAtOnce is the maximum number of globs for cover.
const coverAtOnce = 64

// covered returns the nodes of t that gs match: with except, those that the exceptions match;
// otherwise those that the other globs match, ignoring exceptions.
func (gs Globs) covered(ctx context.Context, t *Tree, except bool) (bitmap, error) {
	found := newBitmap(len(t.nodes))
	var one Glob // all alternatives of all globs
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
