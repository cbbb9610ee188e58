package analyze

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A Glob matches paths of an image and everything below them: "/var/cache",
// "*.pem", "**/.git/**". Its form decides where it matches:
//
//	*.pem, .git       one component: at any depth
//	/srv, srv/*.key   a slash at the start or inside: from the root
//	**/a/b            any number of directories before a/b
//	.git/, .git/**    like .git, which includes everything below anyway
//	!/etc/ssl         an exception: excludes paths that the other globs match
//
// "*" and "?" match anything except a slash, "[a-z]" matches one character of a
// class, "{a,b}" matches alternatives, and a backslash quotes the next
// character.
type Glob struct {
	text   string // as written
	any    []*pathGlob
	except bool
}

// Globs match what any of them matches, except for exceptions, whatever the order.
type Globs []Glob

// Limits on a glob: bytes, globs after expanding alternatives, and slash-separated parts.
const (
	maxGlob     = 1024
	maxPatterns = 256
)

// maxGlobs is the maximum number of globs in one setting after expanding alternatives: each takes
// a step for every path.
const maxGlobs = 4096

// ParseGlob parses a glob. It expands alternatives itself, because the library takes exponential
// time for some: 11 seconds for 25 times "{a,aa}".
func ParseGlob(text string) (Glob, error) {
	g := Glob{text: text}
	rest, except := strings.CutPrefix(text, "!")
	g.except = except
	switch {
	case rest == "":
		return g, errors.New("an empty glob matches nothing")
	case len(text) > maxGlob:
		return g, fmt.Errorf("a glob of %d bytes: the maximum is %d", len(text), maxGlob)
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

// newCover parses a glob without alternatives that also matches everything below.
func newCover(glob string) (*pathGlob, error) {
	text, rooted := strings.CutPrefix(glob, "/")
	text = covering(text)
	if text == "" && glob != "" {
		return newPathGlob(nil)
	}
	parts := strings.Split(text, "/")
	for _, part := range parts {
		if part == "." || part == ".." || part == "" {
			return nil, errors.New(`it matches no path, because a part of it is empty, "." or ".."`)
		}
	}
	if len(parts) == 1 && !rooted {
		parts = []string{"**", parts[0]}
	}
	return newPathGlob(parts)
}

// covering returns a pattern without redundant ends, which only say that everything below is
// included.
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
	errGlob  = errors.New("not a glob: a [ or { isn't closed, or a \\ ends it")
	errLarge = fmt.Errorf("it stands for more than %d globs", maxPatterns)
	errSlash = errors.New("a slash inside brackets or after a backslash")
	errDeep  = fmt.Errorf("more than %d parts between slashes", maxParts)
)

// plainGlobs expands the braces of a glob.
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

// alternatives appends the expansion of a glob to all: "ac" and "bc" for "{a,b}c". It returns
// false if there are too many.
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

// firstBraces returns the position of the first opening brace, and those of its commas and its
// closing brace; -1 if there is no pair.
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

// String returns g as written.
func (g Glob) String() string { return g.text }

// addGlob parses another glob of a setting.
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
