// Package lazy compiles regular expressions on first use. A program that compiles all its
// expressions at the start takes milliseconds for it on every run, and needs few of them.
package lazy

import (
	"regexp"
	"sync"
)

// A Regexp is a regular expression that is compiled on first use. Its methods are those of
// regexp.Regexp, and are safe for concurrent use.
type Regexp struct {
	pattern string
	once    sync.Once
	re      *regexp.Regexp
}

// all has every Regexp from New, which is only called during package initialization, on one
// goroutine.
var all []*Regexp

// New returns a Regexp for a package variable. A malformed pattern panics on first use; Check
// detects it earlier.
func New(pattern string) *Regexp {
	r := &Regexp{pattern: pattern}
	all = append(all, r)
	return r
}

// Check compiles every pattern of the program, and returns the first error. Call it in a test.
func Check() error {
	for _, r := range all {
		if _, err := regexp.Compile(r.pattern); err != nil {
			return err
		}
	}
	return nil
}

func (r *Regexp) compiled() *regexp.Regexp {
	r.once.Do(func() { r.re = regexp.MustCompile(r.pattern) })
	return r.re
}

// MatchString reports whether s contains a match.
func (r *Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// FindString returns the first match in s, or "".
func (r *Regexp) FindString(s string) string { return r.compiled().FindString(s) }

// FindStringSubmatch returns the first match in s and its groups, or nil.
func (r *Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }

// FindStringSubmatchIndex is FindStringSubmatch with byte offsets, two for each group.
func (r *Regexp) FindStringSubmatchIndex(s string) []int {
	return r.compiled().FindStringSubmatchIndex(s)
}

// FindStringIndex returns the start and end of the first match in s, or nil.
func (r *Regexp) FindStringIndex(s string) []int { return r.compiled().FindStringIndex(s) }

// FindAllStringSubmatchIndex is FindStringSubmatchIndex for up to n matches, or all if n is -1.
func (r *Regexp) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringSubmatchIndex(s, n)
}

// ReplaceAllString returns src with every match replaced by repl, in which $1 is a group.
func (r *Regexp) ReplaceAllString(src, repl string) string {
	return r.compiled().ReplaceAllString(src, repl)
}

// ReplaceAllStringFunc returns src with every match replaced by the result of repl.
func (r *Regexp) ReplaceAllStringFunc(src string, repl func(string) string) string {
	return r.compiled().ReplaceAllStringFunc(src, repl)
}

// Split splits s at its matches into at most n pieces, or without limit if n is -1.
func (r *Regexp) Split(s string, n int) []string { return r.compiled().Split(s, n) }
