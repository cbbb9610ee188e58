package analyze

import (
	"math/bits"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// # Globs of paths
//
// A glob is cut at its slashes, and a path is matched in one walk from the root
// to its name. What is kept on the way is a state: the set of numbers of parts
// that the components so far can have used up, as bits of a word. One more
// component takes a look at each of the parts that follow them, so that a path
// costs its components times the parts at most, whatever the glob:
//
//	glob /srv/**/b/*  parts  srv  **  b  *
//	path                     state
//	/                        {0}
//	/srv                     {1}, and as ** may stand for nothing: {1,2}
//	/srv/b                   {1,2} as ** goes on, {3} as b fits
//	/srv/b/x                 {1,2} as ** goes on, {4} as * fits: all parts are used up
//
// Once a "**" is reached, what led to it no longer matters, for it stays and may
// stand for anything: states before the last "**" are dropped.
//
// All paths below a directory begin with that directory's state, so a walk over a
// tree (globwalk.go) takes one such step for each node.

// maxParts is how many parts a glob of paths has at most: a word has a bit for
// each number of them.
const maxParts = 62

// A pathGlob is a glob of paths without alternatives, cut at its slashes. One
// without parts names the root.
type pathGlob struct {
	parts []nameGlob
	deep  uint64 // a bit for each part that is "**"; never two in a row
}

// newPathGlob makes a glob of its parts, from the root on.
func newPathGlob(parts []string) (*pathGlob, error) {
	p := &pathGlob{}
	for i, part := range parts {
		switch {
		case len(p.parts) >= maxParts:
			return nil, errDeep
		case !doublestar.ValidatePattern(part):
			return nil, errSlash
		case part != "**":
			p.parts = append(p.parts, newNameGlob(part))
		case i == 0 || parts[i-1] != "**":
			p.deep |= 1 << len(p.parts)
			p.parts = append(p.parts, nameGlob{})
		}
	}
	return p, nil
}

// nameOnly returns the glob of the name alone that p is if it begins with "**"
// and has one more part; nil if it is another.
func (p *pathGlob) nameOnly() *nameGlob {
	if len(p.parts) == 2 && p.deep == 1 {
		return &p.parts[1]
	}
	return nil
}

// start is the state at the root.
func (p *pathGlob) start() uint64 { return p.settled(1) }

// matched reports whether a state is that of a path which matches.
func (p *pathGlob) matched(state uint64) bool { return state>>len(p.parts)&1 != 0 }

// settled adds to a state what "**" gives for no component at all, and drops what
// is before the last "**".
func (p *pathGlob) settled(state uint64) uint64 {
	deep := state & p.deep
	if deep == 0 {
		return state
	}
	last := uint64(1) << (bits.Len64(deep) - 1)
	return (state | deep<<1) &^ (last - 1)
}

// step returns the state after one more component, for which fits tells which
// parts match it.
func (p *pathGlob) step(state uint64, fits func(part int) bool) uint64 {
	next := state & p.deep
	for rest := state &^ p.deep; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		if i < len(p.parts) && fits(i) {
			next |= 1 << (i + 1)
		}
	}
	return p.settled(next)
}

// cost is how much work a step takes at most, as that of nameGlob.
func (p *pathGlob) cost(state uint64, name string) int {
	n := 1
	for rest := state &^ p.deep; rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); i < len(p.parts) {
			n += p.parts[i].cost(name)
		}
	}
	return n
}

// covers reports whether p names an absolute path or one above it.
func (p *pathGlob) covers(path string) bool {
	state := p.start()
	for name := range strings.SplitSeq(path[1:], "/") {
		switch {
		case p.matched(state):
			return true
		case state == 0:
			return false
		case name != "": // that of the root
			state = p.step(state, func(part int) bool { return p.parts[part].matches(name) })
		}
	}
	return p.matched(state)
}

// covers reports whether g names an absolute path or one above it.
func (g Glob) covers(path string) bool {
	for _, p := range g.any {
		if p.covers(path) {
			return true
		}
	}
	return false
}

// coverPath reports whether gs name an absolute path.
func (gs Globs) coverPath(path string) bool {
	named := false
	for _, g := range gs {
		if g.covers(path) {
			if g.except {
				return false
			}
			named = true
		}
	}
	return named
}

// A nameGlob is a glob of one component, without alternatives.
type nameGlob struct {
	text       string
	head, tail string // what stands before its first sign, and behind its last one
	form       nameForm
}

// nameForm is how a glob of a name is matched.
type nameForm uint8

const (
	plainName  nameForm = iota // the very name: head
	starName                   // head, then anything, then tail
	signedName                 // other signs: the library matches it
)

// wild are the characters that make a glob of a word, with the backslash that
// takes their meaning away.
const wild = `*?[]{}\`

func isGlob(word string) bool { return strings.ContainsAny(word, wild) }

// newNameGlob reads a glob that is valid.
func newNameGlob(text string) nameGlob {
	text = oneStar(text)
	first, last := strings.IndexAny(text, wild), strings.LastIndexAny(text, wild)
	switch {
	case first < 0:
		return nameGlob{text: text, head: text}
	case first == last && text[first] == '*':
		return nameGlob{text: text, head: text[:first], tail: text[last+1:], form: starName}
	}
	return nameGlob{text: text, head: text[:first], tail: text[last+1:], form: signedName}
}

// oneStar returns a glob of one component with each run of stars as one star. It
// means the same, but the library does not let "a***" match "a".
func oneStar(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '*' && strings.HasPrefix(text[i+1:], "*"):
			continue
		case c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// cost is how much work matches takes at most, in bytes that are looked at.
func (g *nameGlob) cost(name string) int {
	if g.form == signedName {
		return 1 + len(name)*len(g.text)/8
	}
	return 1 + len(name)
}

// matches reports whether a name matches. Head and tail leave few names to the
// library.
func (g *nameGlob) matches(name string) bool {
	switch {
	case g.form == plainName:
		return name == g.head
	case !strings.HasPrefix(name, g.head) || !strings.HasSuffix(name, g.tail):
		return false
	case g.form == starName:
		return len(name) >= len(g.head)+len(g.tail)
	}
	return doublestar.MatchUnvalidated(g.text, name)
}
