package analyze

import (
	"unicode"
	"unicode/utf8"

	"github.com/junegunn/fzf/src/util"
)

// A fuzzy query of leastCrossing characters or more may begin in the directories
// above a name that has leastInName of them: fewer would match nearly everything
// below a directory that has most of them.
const (
	leastCrossing = 4
	leastInName   = 2
)

// A crossing looks for a pattern that begins in the directories above a name. It
// goes upward: the name takes as many characters of the pattern's end as it has in
// their order, the directory above as many of those that are left, and so on. No
// other way to divide the pattern leaves fewer of them. What is left above a
// directory, and what that comes to, is looked for once.
type crossing struct {
	t    *Tree
	part fuzzyPart
	on   bool
	of   map[crossKey]int
	slab *util.Slab
	last crossKey // the last one that was looked up, and what it came to
	was  int
}

// A crossKey is a directory, and how many characters of the pattern's beginning are
// looked for in it and above.
type crossKey struct {
	dir  NodeID
	left int
}

func newCrossing(t *Tree, part fuzzyPart, above string) *crossing {
	return &crossing{
		t: t, part: part, on: above == "" && len(part.pattern) >= leastCrossing,
		of: map[crossKey]int{}, slab: util.MakeSlab(slabSize, slabSize), last: crossKey{left: -1},
	}
}

// score returns how well a node matches that has tail characters of the pattern's
// end in its name, -1 if it does not: half of what its parts come to, so that
// matches within a name stand before.
func (c *crossing) score(n NodeID, tail int) int {
	if !c.on || tail < leastInName {
		return -1
	}
	left := len(c.part.pattern) - tail
	above := c.above(crossKey{c.t.nodes[n].parent, left})
	if above < 0 {
		return -1
	}
	own, _ := c.piece(left, left+tail).score(c.t.name(n), c.slab)
	return (own + above) / 2
}

// above returns the score of what is left in a directory and above it, -1 if that is
// not there.
func (c *crossing) above(k crossKey) int {
	switch {
	case k.left == 0:
		return 0
	case k.dir == Root:
		return -1
	case k == c.last:
		return c.was
	}
	sum, ok := c.of[k]
	if !ok {
		name := c.t.name(k.dir)
		tail := c.piece(0, k.left).tail(name)
		sum = c.above(crossKey{c.t.nodes[k.dir].parent, k.left - tail})
		if sum >= 0 && tail > 0 {
			own, _ := c.piece(k.left-tail, k.left).score(name, c.slab)
			sum += own
		}
		c.of[k] = sum
	}
	c.last, c.was = k, sum
	return sum
}

// piece returns some characters of the pattern.
func (c *crossing) piece(from, to int) fuzzyPart {
	return fuzzyPart{c.part.pattern[from:to], c.part.matchCase}
}

// tail returns how many characters of the pattern's end name has in their order.
func (p fuzzyPart) tail(name []byte) int {
	n := 0
	if len(p.pattern) == 0 {
		return 0
	}
	for i := len(name); i > 0 && n < len(p.pattern); {
		r, size := utf8.DecodeLastRune(name[:i])
		i -= size
		if !p.matchCase {
			r = unicode.ToLower(r)
		}
		if r == p.pattern[len(p.pattern)-1-n] {
			n++
		}
	}
	return n
}
