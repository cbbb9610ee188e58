package analyze

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A Glob names paths of an image, and all that lies below them: "/var/cache",
// "*.pem", "**/.git/**". What follows from its form:
//
//	*.pem, .git       one component: at any depth
//	/srv, srv/*.key   a slash before or between components: from the root on
//	**/a/b            any number of directories before a/b
//	.git/, .git/**    as .git: all that lies below is named anyhow
//	!/etc/ssl         an exception: takes paths out of what the others name
//
// "*" and "?" stand for anything but a slash, "[a-z]" for one of a class,
// "{a,b}" for alternatives, and a backslash takes a sign's meaning away.
type Glob struct {
	text   string // as it was written
	any    []pattern
	except bool
}

// A pattern is a glob without alternatives.
type pattern struct {
	text     string // relative to the root, without what may follow; "" for the root itself
	last     string // its last component
	anywhere bool   // it is one component, at any depth
}

// Globs name what any of them names, but for their exceptions, whatever the
// order.
type Globs []Glob

// Bounds on a glob: of bytes, and of the patterns that its alternatives make.
const (
	maxGlob     = 1024
	maxPatterns = 256
)

// ParseGlob reads a glob. Alternatives are taken apart here, for the library
// takes exponential time over some: over 25 times "{a,aa}", 11 seconds.
func ParseGlob(text string) (Glob, error) {
	g := Glob{text: text}
	rest, except := strings.CutPrefix(text, "!")
	g.except = except
	switch {
	case rest == "":
		return g, errors.New("an empty glob names nothing")
	case len(text) > maxGlob:
		return g, fmt.Errorf("a glob of %d bytes: %d are the most", len(text), maxGlob)
	case !doublestar.ValidatePattern(rest):
		return g, fmt.Errorf("%q is not a glob: a bracket or brace is not closed, or a backslash ends it", text)
	}
	all, ok := alternatives(rest, nil)
	if !ok {
		return g, fmt.Errorf("%q stands for more than %d globs", text, maxPatterns)
	}
	for _, one := range all {
		p, err := newPattern(one)
		if err != nil {
			return g, fmt.Errorf("%q: %w", text, err)
		}
		g.any = append(g.any, p)
	}
	return g, nil
}

// newPattern reads a glob without alternatives.
func newPattern(glob string) (pattern, error) {
	text, rooted := strings.CutPrefix(glob, "/")
	text = covering(text)
	for part := range strings.SplitSeq(text, "/") {
		switch {
		case part == "." || part == ".." || part == "" && text != "" || text == "" && glob == "":
			return pattern{}, errors.New("it names no path, for a component is empty, a dot or two")
		case !doublestar.ValidatePattern(part):
			return pattern{}, errors.New("a slash inside of brackets or after a backslash")
		}
	}
	if one, ok := strings.CutPrefix(text, "**/"); ok && !rooted && !strings.Contains(one, "/") {
		text = one
	}
	return pattern{
		text: text, last: text[strings.LastIndexByte(text, '/')+1:],
		anywhere: !rooted && text != "" && !strings.Contains(text, "/"),
	}, nil
}

// alternatives appends to all what a glob stands for, "{a,b}c" for "ac" and
// "bc"; false if it is too much.
func alternatives(glob string, all []string) ([]string, bool) {
	from, cuts := firstBraces(glob)
	if from < 0 {
		return append(all, glob), len(all) < maxPatterns
	}
	ok := true
	end := cuts[len(cuts)-1] + 1
	for begin := from + 1; ok && len(cuts) > 0; cuts = cuts[1:] {
		all, ok = alternatives(glob[:from]+glob[begin:cuts[0]]+glob[end:], all)
		begin = cuts[0] + 1
	}
	return all, ok
}

// firstBraces returns where the first pair of braces opens, and where its commas
// and its closing brace are; -1 if there are none.
func firstBraces(glob string) (from int, cuts []int) {
	from = -1
	for i, depth := 0, 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\':
			i++
		case c == '[':
			i += max(strings.IndexByte(glob[i:], ']'), 0)
		case c == '{':
			if depth++; depth == 1 {
				from = i
			}
		case c == ',' && depth == 1:
			cuts = append(cuts, i)
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				return from, append(cuts, i)
			}
		}
	}
	return -1, nil
}

// covering returns a pattern without the ends that say no more than that what
// lies below is meant too.
func covering(pattern string) string {
	for {
		shorter := strings.TrimSuffix(strings.TrimSuffix(pattern, "/"), "/**")
		if shorter == "**" {
			return ""
		}
		if shorter == pattern {
			return pattern
		}
		pattern = shorter
	}
}

// String returns g as it was written.
func (g Glob) String() string { return g.text }

// matches reports whether p names the very path, which has no slash before it;
// what it names by lying above is not looked at.
func (p *pattern) matches(path string) bool {
	switch {
	case p.text == "" || path == "":
		return p.text == path
	case p.anywhere:
		path = path[strings.LastIndexByte(path, '/')+1:]
	}
	return doublestar.MatchUnvalidated(p.text, path)
}

// covers reports whether g names an absolute path, or one above it.
func (g Glob) covers(path string) bool {
	path = path[1:]
	for i := range g.any {
		p := &g.any[i]
		if p.matches("") || p.matches(path) {
			return true
		}
		for at, c := range []byte(path) {
			if c == '/' && p.matches(path[:at]) {
				return true
			}
		}
	}
	return false
}

// coveredBy adds the nodes of t that g names, or that lie below one, to those in
// marks, by node. Only paths whose last component fits are put together.
func (t *Tree) coveredBy(g Glob, marks []bool) {
	own := make([]bool, len(t.nodes))
	for i := range g.any {
		p := &g.any[i]
		own[Root] = own[Root] || p.matches("")
		for n := NodeID(1); int(n) < len(t.nodes); n++ {
			if own[n] = own[n] || own[t.nodes[n].parent]; own[n] {
				continue
			}
			own[n] = doublestar.MatchUnvalidated(p.last, t.nameView(n)) && (p.anywhere || p.matches(t.Path(n)[1:]))
		}
	}
	for n, named := range own {
		marks[n] = marks[n] || named
	}
}

// covered returns what gs name of t, by node.
func (gs Globs) covered(t *Tree) []bool {
	marks := make([]bool, t.Len())
	for _, g := range gs {
		if !g.except {
			t.coveredBy(g, marks)
		}
	}
	for n, excepted := range gs.excepted(t) {
		marks[n] = marks[n] && !excepted
	}
	return marks
}

// excepted returns what the exceptions among gs name of t, by node.
func (gs Globs) excepted(t *Tree) []bool {
	marks := make([]bool, t.Len())
	for _, g := range gs {
		if g.except {
			t.coveredBy(g, marks)
		}
	}
	return marks
}

// coverPath reports whether gs name a path.
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
