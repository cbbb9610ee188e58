// Package grep searches text for lines that match a pattern: streams of any length
// in bounded memory, binary ones and UTF-16 too.
package grep

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// A Pattern describes the lines to search for. It is safe for concurrent use.
//
// No match crosses the end of a line: "\s" and "[^a]" don't match a line break; "^" and "\A"
// match at the beginning of a line, "$" and "\z" at its end. So a block of many lines can be
// searched at once.
type Pattern struct {
	literal []byte // for a pattern that is plain text; the other fields are unset then
	re      *regexp.Regexp
	source  string   // re's text
	needs   [][]byte // a matching line contains one of them; nil if unknown
	fold    bool     // needs are in lower case, and must be searched in a lower-case copy of the line

	edges bool // the pattern depends on the text around a match: ^, $, \b or \B
	cut   [2][2]func() *regexp.Regexp
}

// Options are the options for parsing a pattern.
type Options struct {
	Literal    bool // plain text, not a regular expression
	IgnoreCase bool
}

// errLineBreak is the error for a pattern that no line can match.
var errLineBreak = errors.New("a line break in the pattern: lines are searched one by one, and hold none")

// Parse parses a pattern: a regular expression in RE2's syntax
// (https://github.com/google/re2/wiki/Syntax), unless the options say otherwise.
func Parse(text string, o Options) (*Pattern, error) {
	if o.Literal && !o.IgnoreCase { // the text may also be invalid UTF-8
		if strings.ContainsRune(text, '\n') {
			return nil, errLineBreak
		}
		if text != "" {
			return &Pattern{literal: []byte(text)}, nil
		}
	}
	if o.Literal {
		text = regexp.QuoteMeta(text)
	}
	flags := syntax.Perl &^ (syntax.OneLine | syntax.ClassNL)
	if o.IgnoreCase {
		flags |= syntax.FoldCase
	}
	parsed, err := syntax.Parse(text, flags)
	if err != nil {
		return nil, malformed(err)
	}
	p := &Pattern{}
	if parsed, err = p.oneLine(parsed); err != nil {
		return nil, err
	}
	if parsed.Op == syntax.OpLiteral && parsed.Flags&syntax.FoldCase == 0 {
		return &Pattern{literal: []byte(string(parsed.Rune))}, nil
	}
	p.needs, p.fold = needed(parsed)
	p.source = parsed.String()
	if p.re, err = regexp.Compile(p.source); err != nil {
		return nil, malformed(err)
	}
	for i := range p.cut {
		for j := range p.cut[i] {
			p.cut[i][j] = sync.OnceValue(func() *regexp.Regexp { return p.inside(i == 1, j == 1) })
		}
	}
	return p, nil
}

// malformed describes what is wrong with a pattern.
func malformed(err error) error {
	if s, ok := errors.AsType[*syntax.Error](err); ok {
		if s.Code == syntax.ErrInvalidUTF8 {
			return errors.New("it is not valid UTF-8")
		}
		return fmt.Errorf("%s: %q", s.Code, s.Expr)
	}
	return err
}

// oneLine changes an expression so that its matches lie within a line.
func (p *Pattern) oneLine(re *syntax.Regexp) (*syntax.Regexp, error) {
	switch re.Op {
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, '\n') {
			return nil, errLineBreak
		}
	case syntax.OpCharClass:
		re.Rune = withoutLineBreak(re.Rune)
		if len(re.Rune) == 0 {
			re.Op = syntax.OpNoMatch
		}
	case syntax.OpAnyChar:
		re.Op = syntax.OpAnyCharNotNL
	case syntax.OpBeginText:
		re.Op = syntax.OpBeginLine
	case syntax.OpEndText:
		re.Op = syntax.OpEndLine
		re.Flags &^= syntax.WasDollar
	}
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		p.edges = true
	}
	for i, sub := range re.Sub {
		changed, err := p.oneLine(sub)
		if err != nil {
			return nil, err
		}
		re.Sub[i] = changed
	}
	return re, nil
}

// withoutLineBreak removes the line break from a class's ranges, which are pairs of first and
// last characters.
func withoutLineBreak(ranges []rune) []rune {
	var out []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		from, to := ranges[i], ranges[i+1]
		if from > '\n' || to < '\n' {
			out = append(out, from, to)
			continue
		}
		if from < '\n' {
			out = append(out, from, '\n'-1)
		}
		if to > '\n' {
			out = append(out, '\n'+1, to)
		}
	}
	return out
}

// inside returns the expression for a piece of a line. before means that the line begins before
// the piece, behind that it continues after it. On those sides, the expression keeps a
// character beside the match, which shows the match's context. Group 1 is the match.
func (p *Pattern) inside(before, behind bool) *regexp.Regexp {
	s := "(" + p.source + ")"
	if before {
		s = `\A(?s:.)(?s:.*?)` + s
	}
	if behind {
		s += "(?s:.)"
	}
	return regexp.MustCompile(s)
}

// inPiece returns the position of a match in a piece of a line without line breaks, or nil.
func (p *Pattern) inPiece(b []byte, before, behind bool) []int {
	f := finder{p: p, b: b}
	if !p.edges {
		return f.next(0)
	}
	if len(p.needs) > 0 && f.needed(0) < 0 {
		return nil
	}
	index := func(set bool) int {
		if set {
			return 1
		}
		return 0
	}
	if loc := p.cut[index(before)][index(behind)]().FindSubmatchIndex(b); loc != nil {
		return loc[2:4]
	}
	return nil
}

// finder finds the matches in one block of lines.
type finder struct {
	p       *Pattern
	b       []byte
	lowered []byte // b in lower case, made on first use
	at      []int  // next position of each of the needs; len(b) if there is no other
}

// next returns the start and end of the first match at or after from, which is the beginning of
// a line; nil if there is none.
func (f *finder) next(from int) []int {
	p := f.p
	if p.literal != nil {
		i := bytes.Index(f.b[from:], p.literal)
		if i < 0 {
			return nil
		}
		return []int{from + i, from + i + len(p.literal)}
	}
	if len(p.needs) == 0 {
		return shifted(p.re.FindIndex(f.b[from:]), from)
	}
	for from <= len(f.b) {
		i := f.needed(from)
		if i < 0 {
			return nil
		}
		start, end := lineAround(f.b, i)
		if loc := p.re.FindIndex(f.b[start:end]); loc != nil {
			return shifted(loc, start)
		}
		from = end + 1
	}
	return nil
}

func shifted(loc []int, by int) []int {
	if loc == nil {
		return nil
	}
	return []int{loc[0] + by, loc[1] + by}
}

// lineAround returns the start and end of the line that contains index i.
func lineAround(b []byte, i int) (start, end int) {
	start = bytes.LastIndexByte(b[:i], '\n') + 1
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		return start, i + n
	}
	return start, len(b)
}

// needed returns the position of the first of the needs at or after from, or -1.
func (f *finder) needed(from int) int {
	text := f.b
	if f.p.fold {
		if f.lowered == nil {
			f.lowered = lower(f.b)
		}
		text = f.lowered
	}
	if f.at == nil {
		f.at = make([]int, len(f.p.needs))
		for i := range f.at {
			f.at[i] = -1
		}
	}
	first := len(text)
	for i, need := range f.p.needs {
		if f.at[i] < from {
			if f.at[i] = len(text); from < len(text) {
				if n := bytes.Index(text[from:], need); n >= 0 {
					f.at[i] = from + n
				}
			}
		}
		first = min(first, f.at[i])
	}
	if first == len(text) {
		return -1
	}
	return first
}

// lower returns b with ASCII letters in lower case.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
