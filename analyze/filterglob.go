package analyze

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// wild are the characters that make a glob of a word, with the backslash that
// takes their meaning away.
const wild = `*?[]{}\`

func isGlob(word string) bool { return strings.ContainsAny(word, wild) }

var (
	errGlob  = errors.New("no glob: a [ or { without its end, or a \\ at the end")
	errLarge = fmt.Errorf("it stands for more than %d globs", maxPatterns)
	errSlash = errors.New("a slash inside of brackets or behind a backslash")
	errDeep  = fmt.Errorf("more than %d parts between slashes", maxSteps)
)

// plainGlobs returns what a glob stands for without its braces.
func plainGlobs(glob string) ([]string, error) {
	if !doublestar.ValidatePattern(glob) {
		return nil, errGlob
	}
	all, ok := alternatives(glob, nil)
	if !ok {
		return nil, errLarge
	}
	return all, nil
}

// globParts cuts a glob of absolute paths at its slashes.
func globParts(glob string) ([]string, error) {
	parts := strings.Split(glob, "/")[1:]
	if len(parts) > maxSteps {
		return nil, errDeep
	}
	for _, part := range parts {
		if !doublestar.ValidatePattern(part) {
			return nil, errSlash
		}
	}
	return parts, nil
}

// named returns the names that match a glob without slashes. What stands before
// its first sign and behind its last one is looked at first: that leaves few
// names to the library.
func (s *names) named(ctx context.Context, glob string) (bitmap, error) {
	head := []byte(glob)
	if i := strings.IndexAny(glob, wild); i >= 0 {
		head = []byte(glob[:i])
	}
	tail := []byte(glob[strings.LastIndexAny(glob, wild)+1:])
	simple := glob == string(head)+"*"+string(tail)
	return s.where(ctx, func(name []byte) bool {
		if len(name) < len(head)+len(tail) && simple || !bytes.HasPrefix(name, head) || !bytes.HasSuffix(name, tail) {
			return false
		}
		return simple || doublestar.MatchUnvalidated(glob, string(name))
	})
}

// maxSteps is how many parts a glob of paths has at most to be matched part by
// part: a machine word has a bit for each state.
const maxSteps = 62

// A pathGlob is a glob of absolute paths, cut at its slashes. A path is matched
// on its way down the tree. A state is a set of numbers: how many of the
// parts the names so far can have used up. A directory's state follows from its
// parent's and its own name, and so every directory is looked at once.
type pathGlob struct {
	t     *Tree
	names []uint32 // by node, as in named
	any   []bool   // part i is "**": any number of names
	named []bitmap // the names that match part i; nil for "**" and "*"
	dirs  []uint64 // the states, by a node's place among directories
}

// newPathGlob makes a glob of parts ready for a tree.
func newPathGlob(ctx context.Context, t *Tree, parts []string) (*pathGlob, error) {
	names := t.distinct()
	g := &pathGlob{t: t, names: names.of, any: make([]bool, len(parts)), named: make([]bitmap, len(parts)), dirs: make([]uint64, t.dirs)}
	for i, part := range parts {
		g.any[i] = part == "**"
		if g.any[i] || part == "*" {
			continue
		}
		var err error
		if g.named[i], err = names.named(ctx, part); err != nil {
			return nil, err
		}
	}
	g.dirs[t.nodes[Root].dir] = g.settled(1)
	for n := 1; n < len(t.nodes); n++ { // parents before their children
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if dir := t.nodes[n].dir; dir != none {
			g.dirs[dir] = g.step(NodeID(n))
		}
	}
	return g, nil
}

// settled adds what "**" gives for no name at all.
func (g *pathGlob) settled(state uint64) uint64 {
	for i, anyNames := range g.any {
		if anyNames && state>>i&1 != 0 {
			state |= 1 << (i + 1)
		}
	}
	return state
}

// step returns the state at n.
func (g *pathGlob) step(n NodeID) uint64 {
	x := &g.t.nodes[n]
	from := g.dirs[g.t.nodes[x.parent].dir]
	if from == 0 {
		return 0
	}
	var to uint64
	for i := range g.any {
		switch {
		case from>>i&1 == 0:
		case g.any[i]:
			to |= 1 << i
		case g.named[i] == nil || g.named[i].has(int(g.names[n])):
			to |= 1 << (i + 1)
		}
	}
	return g.settled(to)
}

// matches reports whether n's path matches.
func (g *pathGlob) matches(n NodeID) bool {
	var state uint64
	if dir := g.t.nodes[n].dir; dir != none {
		state = g.dirs[dir]
	} else {
		state = g.step(n)
	}
	return state>>len(g.any)&1 != 0
}
