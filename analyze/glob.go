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
	text     string // as it was written
	pattern  string // relative to the root, without what may follow; "" for the root itself
	last     string // its last component; "" if the last slash is inside of alternatives
	anywhere bool   // the pattern is one component, at any depth
	except   bool
}

// Globs name what any of them names, but for their exceptions, whatever the
// order.
type Globs []Glob

// Bounds on a glob: of bytes, and of the ways that its alternatives make.
const (
	maxGlob = 1024
	maxWays = 1024
)

// ParseGlob reads a glob.
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
		return g, fmt.Errorf("%q is no glob: a bracket or brace is not closed, or a backslash ends it", text)
	case ways(rest) > maxWays:
		return g, fmt.Errorf("%q has too many alternatives", text)
	}
	pattern, rooted := strings.CutPrefix(rest, "/")
	pattern = covering(pattern)
	if !strings.Contains(pattern, "{") {
		for part := range strings.SplitSeq(pattern, "/") {
			if part == "." || part == ".." || part == "" && pattern != "" {
				return g, fmt.Errorf("%q names no path: a component is empty, . or ..", text)
			}
		}
	}
	if one, ok := strings.CutPrefix(pattern, "**/"); ok && !rooted && !strings.Contains(one, "/") {
		pattern = one
	}
	g.pattern = pattern
	g.anywhere = !rooted && pattern != "" && !strings.Contains(pattern, "/")
	if last := pattern[lastOpenSlash(pattern)+1:]; !strings.Contains(last, "/") {
		g.last = last
	}
	return g, nil
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

// ways returns in how many ways alternatives can be chosen, at most.
func ways(pattern string) int {
	n, options := 1, []int{}
	for _, c := range pattern {
		switch {
		case c == '{':
			options = append(options, 1)
		case len(options) == 0:
		case c == ',':
			options[len(options)-1]++
		case c == '}':
			n = min(n*options[len(options)-1], maxWays+1)
			options = options[:len(options)-1]
		}
	}
	return n
}

// lastOpenSlash returns where the last slash stands that is not inside of
// brackets or braces, -1 if there is none.
func lastOpenSlash(pattern string) int {
	last, depth := -1, 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '{', '[':
			depth++
		case '}', ']':
			depth = max(depth-1, 0)
		case '/':
			if depth == 0 {
				last = i
			}
		}
	}
	return last
}

// String returns g as it was written.
func (g Glob) String() string { return g.text }

// matches reports whether g names the very path, which has no slash before it
// and is not the root; what it names by lying above is not looked at.
func (g Glob) matches(path string) bool {
	if g.anywhere {
		path = path[strings.LastIndexByte(path, '/')+1:]
	}
	return doublestar.MatchUnvalidated(g.pattern, path)
}

// covers reports whether g names an absolute path, or one above it.
func (g Glob) covers(path string) bool {
	path = path[1:]
	if g.pattern == "" {
		return true
	}
	for i := 0; i < len(path); i++ {
		if path[i] == '/' && g.matches(path[:i]) {
			return true
		}
	}
	return path != "" && g.matches(path)
}

// coveredBy adds the nodes of t that g names, or that lie below one, to those in
// marks, by node. A name is looked at once, however many paths have it, and only
// paths whose last component fits are put together.
func (t *Tree) coveredBy(g Glob, marks []bool) {
	fits := map[uint32]bool{} // names, for the last component
	own := make([]bool, len(t.nodes))
	for n := range t.nodes {
		x := &t.nodes[n]
		if NodeID(n) == Root {
			own[n] = g.pattern == ""
		} else if own[x.parent] {
			own[n] = true
		} else {
			fit, known := fits[x.name]
			if !known {
				fit = g.last == "" || doublestar.MatchUnvalidated(g.last, string(t.names.at(x.name)))
				fits[x.name] = fit
			}
			own[n] = fit && (g.anywhere || g.matches(t.Path(NodeID(n))[1:]))
		}
		marks[n] = marks[n] || own[n]
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

// excepted returns what the exceptions among gs name of t, by node; nil if there
// are none.
func (gs Globs) excepted(t *Tree) []bool {
	var marks []bool
	for _, g := range gs {
		if !g.except {
			continue
		}
		if marks == nil {
			marks = make([]bool, t.Len())
		}
		t.coveredBy(g, marks)
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
