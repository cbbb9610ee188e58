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
	any    []*pathGlob
	except bool
}

// Globs name what any of them names, but for their exceptions, whatever the
// order.
type Globs []Glob

// Bounds on a glob: of bytes, of the globs that its alternatives make, of their
// parts between slashes.
const (
	maxGlob     = 1024
	maxPatterns = 256
)

// maxGlobs bounds the globs of one setting, alternatives counted: each takes a
// step for every path.
const maxGlobs = 4096

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
	}
	all, err := plainGlobs(rest)
	switch {
	case errors.Is(err, errGlob):
		return g, fmt.Errorf("%q is not a glob: a bracket or brace is not closed, or a backslash ends it", text)
	case err != nil:
		return g, fmt.Errorf("%q stands for more than %d globs", text, maxPatterns)
	}
	for _, one := range all {
		p, err := newCover(one)
		if err != nil {
			return g, fmt.Errorf("%q: %w", text, err)
		}
		g.any = append(g.any, p)
	}
	return g, nil
}

// newCover reads a glob without alternatives that also names what lies below.
func newCover(glob string) (*pathGlob, error) {
	text, rooted := strings.CutPrefix(glob, "/")
	text = covering(text)
	if text == "" && glob != "" {
		return newPathGlob(nil)
	}
	parts := strings.Split(text, "/")
	for _, part := range parts {
		if part == "." || part == ".." || part == "" {
			return nil, errors.New("it names no path, for a component is empty, a dot or two")
		}
	}
	if len(parts) == 1 && !rooted {
		parts = []string{"**", parts[0]}
	}
	return newPathGlob(parts)
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

var (
	errGlob  = errors.New("not a glob: a [ or { without its end, or a \\ at the end")
	errLarge = fmt.Errorf("it stands for more than %d globs", maxPatterns)
	errSlash = errors.New("a slash inside of brackets or behind a backslash")
	errDeep  = fmt.Errorf("more than %d parts between slashes", maxParts)
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
// and its closing brace are; -1 if there is no pair.
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

// String returns g as it was written.
func (g Glob) String() string { return g.text }

// addGlob reads one more glob of a setting.
func addGlob(have Globs, text string) (Globs, error) {
	g, err := ParseGlob(text)
	if err != nil {
		return have, err
	}
	all := len(g.any)
	for _, other := range have {
		all += len(other.any)
	}
	if all > maxGlobs {
		return have, fmt.Errorf("more than %d globs, alternatives counted", maxGlobs)
	}
	return append(have, g), nil
}
