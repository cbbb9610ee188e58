package analyze

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// A Query is text to search for.
//
// Without a slash it is looked for in names. With one, it is looked for in
// paths, its last slash being the one before a node's name: "lib/foo" finds
// /usr/lib/foobar, and not all that lies below that. Case counts if the text
// holds an upper-case letter.
//
// A fuzzy query finds names that hold its characters in this order, whatever
// stands between them. One of four characters or more may begin in the directories
// above, if two of them or more are in the name: "numcorepy" finds
// /numpy/core/umath.py. With slashes, its parts are looked for like this from
// the name upwards, each in the nearest directory that has it: "u/l/ssl" finds
// /usr/share/doc/libssl3.
type Query struct {
	Text  string
	Fuzzy bool
}

// A Found is the nodes of a tree that a query matches, whatever a view shows of
// them. It is immutable and safe for concurrent use.
type Found struct {
	t       *Tree
	query   Query
	in      bitmap  // of nodes
	ranks   []int32 // of a fuzzy query, by node: how well it matches; nil otherwise
	matcher matcher
}

// Find returns the nodes that q matches, Root never among them. Names are
// matched once each, however many nodes bear them; that and one pass over the
// nodes is what it takes. An empty query matches nothing. The error is the
// context's.
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

// cutLast cuts a path behind its last slash.
func cutLast(path string) (above, last string) {
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}

// eachNamed calls f with every node but Root whose name is among those given,
// parents first.
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

// endsIn reports whether the path of directory n, with a slash behind it, ends
// in l.
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

// Len returns how many nodes the query matches.
func (f *Found) Len() int { return f.in.count() }

// Has reports whether the query matches n. Of a node that a later tree of the
// same image has more, it does not say so.
func (f *Found) Has(n NodeID) bool { return int(n) < len(f.t.nodes) && f.in.has(int(n)) }

// Tree returns the tree that was searched.
func (f *Found) Tree() *Tree { return f.t }

// Query returns what was searched for.
func (f *Found) Query() Query { return f.query }

// In returns the nodes that the query matches and v shows.
func (f *Found) In(ctx context.Context, v *View) (*Set, error) {
	return newSet(ctx, f.t, f.in, v.Shows)
}

// Ranked returns the nodes of s by how well a fuzzy query matches them, the best
// first; among equals by path as the tree has them. It is for fuzzy queries
// alone.
func (f *Found) Ranked(s *Set) []NodeID {
	counts := []int32{}
	s.in.each(func(n int) {
		r := int(f.ranks[n])
		if r >= len(counts) {
			counts = append(counts, make([]int32, r+1-len(counts))...)
		}
		counts[r]++
	})
	at := int32(0) // where the nodes of a rank begin: those of better ones stand before
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

// A matcher tells where in a name a query matches.
type matcher interface {
	// spans appends the places in name, as pairs of where each begins and
	// where it ends, in bytes.
	spans(name []byte, dst []int) []int
}

// Spans appends to dst[:0] where in n's name the query matches, as pairs of
// where a piece begins and where it ends, in bytes. Of a path, only what is in
// the name counts. It appends nothing if the query does not match n.
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
