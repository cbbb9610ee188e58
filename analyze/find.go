package analyze

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// A Query is a search text.
//
// Without a slash, it searches names. With a slash, it searches paths, where its last slash is
// the one before a node's name: "lib/foo" finds /usr/lib/foobar, but not its content. It is
// case-sensitive if the text has an upper-case letter.
//
// A fuzzy query finds names that contain its characters in this order, with gaps. If it has four
// characters or more, it may start in parent directories, provided that at least two characters
// are in the name: "numcorepy" finds /numpy/core/umath.py. With slashes, its parts are searched
// from the name upwards, each in the nearest directory that matches: "u/l/ssl" finds
// /usr/share/doc/libssl3.
type Query struct {
	Text  string
	Fuzzy bool
}

// A Found is the set of a tree's nodes that match a query, independent of views. It is immutable
// and safe for concurrent use.
type Found struct {
	t       *Tree
	query   Query
	in      bitmap  // of nodes
	ranks   []int32 // for a fuzzy query, the quality of the match by node; otherwise nil
	matcher matcher
}

// Find returns the nodes that match q, never Root. It matches each distinct
// name once and takes one pass over the nodes. An empty query matches nothing.
// The error is the context's.
func (t *Tree) Find(ctx context.Context, q Query) (*Found, error) {
	f := &Found{t: t, query: q, in: newBitmap(len(t.nodes))}
	if q.Text == "" {
		return f, nil
	}
	if q.Fuzzy {
		return f, f.fuzzy(ctx)
	}
	above, last := cutLast(q.Text)
	l := newLiteral(q.Text)
	name := literal{text: l.text[len(above):], fold: l.fold}
	f.matcher = literalMatcher{l: name, prefix: above != ""}
	names := t.distinct()
	var named bitmap
	var err error
	var buf folder
	if above == "" {
		named, err = names.holding(ctx, l)
	} else {
		named, err = names.where(ctx, func(b []byte) bool { return bytes.HasPrefix(buf.name(l, b[:min(len(b), len(last))]), name.text) })
	}
	if err != nil {
		return nil, err
	}
	dirs := literal{text: l.text[:len(above)], fold: l.fold}
	err = t.eachNamed(ctx, named, func(n NodeID) {
		if above == "" || t.endsIn(t.nodes[n].parent, dirs, &buf) {
			f.in.set(int(n))
		}
	})
	return f, err
}

// cutLast splits a path after its last slash.
func cutLast(path string) (above, last string) {
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}

// eachNamed calls f for every node, except Root, with one of the given names, parents first.
func (t *Tree) eachNamed(ctx context.Context, named bitmap, f func(n NodeID)) error {
	of := t.distinct().of
	for n := 1; n < len(t.nodes); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if named.has(int(of[n])) {
			f(NodeID(n))
		}
	}
	return nil
}

// endsIn reports whether the path of directory n, plus a slash, ends in l.
func (t *Tree) endsIn(n NodeID, l literal, buf *folder) bool {
	rest := l.text
	for {
		var ok bool
		if rest, ok = bytes.CutSuffix(rest, []byte("/")); !ok {
			return false
		}
		if len(rest) == 0 {
			return true
		}
		if n == Root {
			return false
		}
		name := buf.name(l, t.name(n))
		if len(rest) <= len(name) {
			return bytes.HasSuffix(name, rest)
		}
		if rest, ok = bytes.CutSuffix(rest, name); !ok {
			return false
		}
		n = t.nodes[n].parent
	}
}

// Len returns the number of matching nodes.
func (f *Found) Len() int { return f.in.count() }

// Has reports whether n matches. It is false for nodes that only a later tree of the same image
// has.
func (f *Found) Has(n NodeID) bool { return int(n) < len(f.t.nodes) && f.in.has(int(n)) }

// Tree returns the searched tree.
func (f *Found) Tree() *Tree { return f.t }

// Query returns the query.
func (f *Found) Query() Query { return f.query }

// In returns the matching nodes that v shows.
func (f *Found) In(ctx context.Context, v *View) (*Set, error) {
	return newSet(ctx, f.t, f.in, v.Shows)
}

// Ranked returns the nodes of s, sorted by the quality of a fuzzy match, best
// first, then by path. Only for fuzzy queries.
func (f *Found) Ranked(s *Set) []NodeID {
	counts := []int32{}
	s.in.each(func(n int) {
		r := int(f.ranks[n])
		if r >= len(counts) {
			counts = append(counts, make([]int32, r+1-len(counts))...)
		}
		counts[r]++
	})
	at := int32(0) // first index of the current rank
	for r := range slices.Backward(counts) {
		counts[r], at = at, at+counts[r]
	}
	out := make([]NodeID, at)
	s.in.each(func(n int) {
		r := f.ranks[n]
		out[counts[r]] = NodeID(n)
		counts[r]++
	})
	return out
}

// A matcher finds the matches of a query in a name.
type matcher interface {
	// spans appends the matches in name, as pairs of start and end in bytes.
	spans(name []byte, dst []int) []int
}

// Spans appends to dst[:0] the matches of the query in n's name, as pairs of
// start and end in bytes. For a path, only matches in the name count. It
// appends nothing if n does not match.
func (f *Found) Spans(n NodeID, dst []int) []int {
	dst = dst[:0]
	if f.matcher == nil || !f.Has(n) {
		return dst
	}
	return f.matcher.spans(f.t.name(n), dst)
}

type literalMatcher struct {
	l      literal
	prefix bool
}

func (m literalMatcher) spans(name []byte, dst []int) []int {
	if len(m.l.text) == 0 {
		return dst
	}
	var buf folder
	name = buf.name(m.l, name)
	if m.prefix {
		return append(dst, 0, len(m.l.text))
	}
	for at := 0; ; {
		i := bytes.Index(name[at:], m.l.text)
		if i < 0 {
			return dst
		}
		dst = append(dst, at+i, at+i+len(m.l.text))
		at += i + len(m.l.text)
	}
}
