package analyze

import (
	"unicode"
	"unicode/utf8"

	"github.com/junegunn/fzf/src/util"
)

// A fuzzy query of at least leastCrossing characters may start in the parents
// of a name that contains at least leastInName of them. With fewer, it would
// match nearly everything below a directory that contains the rest.
const (
	leastCrossing = 4
	leastInName   = 2
)

// A crossing matches a pattern that starts in the parent directories of a name. It goes upward:
// the name takes as many characters of the pattern's end as it contains in order, its directory
// as many of the rest, and so on. No other division of the pattern leaves fewer characters.
// Results for a directory and a remaining length are remembered.
type crossing struct {
	t    *Tree
	part fuzzyPart
	on   bool
	of   map[crossKey]int
	slab *util.Slab
	last crossKey // the last lookup and its result
	was  int
}

// A crossKey is a directory and the number of leading pattern characters to find in it and its
// parents.
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

// score returns the quality of the match of a node whose name contains tail
// characters of the pattern's end, -1 without a match. It is half the sum of
// the parts' scores, so that matches within a name sort first.
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

// above returns the score of the remaining pattern in a directory and its parents, -1 without a
// match.
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

// piece returns part of the pattern.
func (c *crossing) piece(from, to int) fuzzyPart {
	return fuzzyPart{c.part.pattern[from:to], c.part.matchCase}
}

// tail returns how many characters of the pattern's end name contains in order.
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
