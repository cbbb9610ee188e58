// Package lazy compiles regular expressions when they are first used. A program that
// compiles all of its own at the start takes milliseconds for it, each time it is run,
// and needs few of them.
package lazy

import (
	"regexp"
	"sync"
)

// A Regexp is a regular expression that is compiled when it is first used. Its methods
// are those of regexp.Regexp, and may be called by several goroutines.
type Regexp struct {
	pattern string
	once    sync.Once
	re      *regexp.Regexp
}

// all are what New has returned. It is called while packages are initialized, which one
// goroutine does.
var all []*Regexp

// New returns the pattern, for a variable of a package. A malformed one panics when it
// is used; Check finds it before.
func New(pattern string) *Regexp {
	r := &Regexp{pattern: pattern}
	all = append(all, r)
	return r
}

// Check compiles every pattern of the program, and returns the first error. It is for a
// test.
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

// MatchString reports whether s holds a match.
func (r *Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// FindString returns the first match in s, "" if there is none.
func (r *Regexp) FindString(s string) string { return r.compiled().FindString(s) }

// FindStringSubmatch returns the first match in s and those of its groups, nil if there is none.
func (r *Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }

// FindStringSubmatchIndex is FindStringSubmatch by offsets in bytes, two for each.
func (r *Regexp) FindStringSubmatchIndex(s string) []int {
	return r.compiled().FindStringSubmatchIndex(s)
}

// FindStringIndex returns where the first match in s begins and ends, in bytes; nil if there is none.
func (r *Regexp) FindStringIndex(s string) []int { return r.compiled().FindStringIndex(s) }

// FindAllStringSubmatchIndex is FindStringSubmatchIndex of up to n matches, all for -1.
func (r *Regexp) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringSubmatchIndex(s, n)
}

// ReplaceAllString returns src with repl for every match; $1 in it is a group.
func (r *Regexp) ReplaceAllString(src, repl string) string {
	return r.compiled().ReplaceAllString(src, repl)
}

// ReplaceAllStringFunc returns src with what repl makes of every match.
func (r *Regexp) ReplaceAllStringFunc(src string, repl func(string) string) string {
	return r.compiled().ReplaceAllStringFunc(src, repl)
}

// Split cuts s at its matches, into n pieces at most, any number for -1.
func (r *Regexp) Split(s string, n int) []string { return r.compiled().Split(s, n) }
