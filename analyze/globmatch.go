package analyze

import (
	"math/bits"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// # Globs of paths
//
// A glob is split at its slashes, and a path is matched in one walk from the root to its name.
// The state of the walk is the set of numbers of parts that the components so far can have
// consumed, as bits of a word. Each further component is compared with the parts that follow
// them. So a path costs at most its components times the parts, whatever the glob:
//
//	glob /srv/**/b/*  parts  srv  **  b  *
//	path                     state
//	/                        {0}
//	/srv                     {1}, and since ** may match nothing: {1,2}
//	/srv/b                   {1,2} as ** continues, {3} as b matches
//	/srv/b/x                 {1,2} as ** continues, {4} as * matches: all parts are consumed
//
// Once a "**" is reached, the way there no longer matters, because it remains and may match
// anything: states before the last "**" are dropped.
//
// All paths below a directory start with that directory's state, so a walk over a tree
// (globwalk.go) takes one such step for each node.

// maxParts is the maximum number of parts of a path glob: a word has a bit for each number of
// parts.
const maxParts = 62

// A pathGlob is a glob of paths without alternatives, split at its slashes. Without parts it
// matches the root.
type pathGlob struct {
	parts []nameGlob
	deep  uint64 // a bit for each part that is "**"; never two in a row
}

// newPathGlob makes a glob from its parts, starting at the root.
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

// nameOnly returns the glob for the name alone if p is "**" followed by a single part, else nil.
func (p *pathGlob) nameOnly() *nameGlob {
	if len(p.parts) == 2 && p.deep == 1 {
		return &p.parts[1]
	}
	return nil
}

// start returns the state at the root.
func (p *pathGlob) start() uint64 { return p.settled(1) }

// matched reports whether a state is that of a matching path.
func (p *pathGlob) matched(state uint64) bool { return state>>len(p.parts)&1 != 0 }

// settled extends a state by letting "**" match nothing, and drops what precedes the last "**".
func (p *pathGlob) settled(state uint64) uint64 {
	deep := state & p.deep
	if deep == 0 {
		return state
	}
	last := uint64(1) << (bits.Len64(deep) - 1)
	return (state | deep<<1) &^ (last - 1)
}

// step returns the state after another component; fits tells which parts match the component.
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

// cost returns the maximum work of a step, in the unit of nameGlob.cost.
func (p *pathGlob) cost(state uint64, name string) int {
	n := 1
	for rest := state &^ p.deep; rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); i < len(p.parts) {
			n += p.parts[i].cost(name)
		}
	}
	return n
}

// covers reports whether p matches an absolute path or one of its parents.
func (p *pathGlob) covers(path string) bool {
	state := p.start()
	for name := range strings.SplitSeq(path[1:], "/") {
		switch {
		case p.matched(state):
			return true
		case state == 0:
			return false
		case name != "": // of the root
			state = p.step(state, func(part int) bool { return p.parts[part].matches(name) })
		}
	}
	return p.matched(state)
}

// covers reports whether g matches an absolute path or one of its parents.
func (g Glob) covers(path string) bool {
	for _, p := range g.any {
		if p.covers(path) {
			return true
		}
	}
	return false
}

// coverPath reports whether gs match an absolute path.
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
	head, tail string // the text before the first and after the last special character
	form       nameForm
}

// nameForm is the way to match a glob of a name.
type nameForm uint8

const (
	plainName  nameForm = iota // exactly head
	starName                   // head, then anything, then tail
	signedName                 // other special characters: the library matches it
)

// wild are the special characters of globs, including the backslash that quotes them.
const wild = `*?[]{}\`

func isGlob(word string) bool { return strings.ContainsAny(word, wild) }

// newNameGlob parses a valid glob.
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

// oneStar replaces each run of stars in a glob of one component by one star. The meaning is the
// same, but the library does not let "a***" match "a".
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

// cost returns the maximum work of matches, in bytes.
func (g *nameGlob) cost(name string) int {
	if g.form == signedName {
		return 1 + len(name)*len(g.text)/8
	}
	return 1 + len(name)
}

// matches reports whether a name matches. Checking head and tail first leaves few names to the
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
