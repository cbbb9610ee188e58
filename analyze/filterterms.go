package analyze

import (
	"context"
	"regexp"
	"strings"

	"github.com/peelhq/peel/source"
)

// wordTerm matches nodes whose name contains a word.
func wordTerm(word string) term {
	return term{node: func(ctx context.Context, v *View) (nodeTest, error) {
		names := v.t.distinct()
		named, err := names.holding(ctx, newLiteral(word))
		return func(n NodeID) bool { return named.has(int(names.of[n])) }, err
	}}
}

// nameTerm matches nodes whose name matches a glob.
func nameTerm(glob string) (term, error) {
	texts, err := plainGlobs(glob)
	globs := make([]nameGlob, len(texts))
	for i, text := range texts {
		globs[i] = newNameGlob(text)
	}
	return term{node: func(ctx context.Context, v *View) (nodeTest, error) {
		names := v.t.distinct()
		work := &ticker{ctx: ctx}
		named := newBitmap(len(names.from))
		for i := range globs {
			more, err := names.matching(work, &globs[i])
			if err != nil {
				return nil, err
			}
			for i, w := range more {
				named[i] |= w
			}
		}
		return func(n NodeID) bool { return named.has(int(names.of[n])) }, nil
	}}, err
}

// belowTerm matches a path and everything below it.
func belowTerm(path string) term {
	return term{node: func(_ context.Context, v *View) (nodeTest, error) {
		t := v.t
		in := newBitmap(len(t.nodes))
		if top, ok := t.Lookup(path); ok {
			in.set(int(top))
			for n := top + 1; int(n) < len(t.nodes); n++ { // a parent's number is lower than its children's
				if in.has(int(t.nodes[n].parent)) {
					in.set(int(n))
				}
			}
		}
		return func(n NodeID) bool { return in.has(int(n)) }, nil
	}}
}

// pathTerm matches paths by a glob.
func pathTerm(glob string) (term, error) {
	texts, err := plainGlobs(glob)
	if err != nil {
		return term{}, err
	}
	globs := make([]*pathGlob, len(texts))
	for i, text := range texts {
		if globs[i], err = newPathGlob(strings.Split(text, "/")[1:]); err != nil {
			return term{}, err
		}
	}
	return term{node: func(ctx context.Context, v *View) (nodeTest, error) {
		in := newBitmap(len(v.t.nodes))
		err := v.t.eachMatch(ctx, globs, v.t.distinct(), false, func(n NodeID, _ int) { in.set(int(n)) })
		return func(n NodeID) bool { return in.has(int(n)) }, err
	}}, nil
}

// regexpTerm matches paths by a regular expression.
func regexpTerm(re *regexp.Regexp) term {
	return term{slow: true, node: func(_ context.Context, v *View) (nodeTest, error) {
		var buf []byte
		return func(n NodeID) bool {
			buf = v.t.appendPath(buf[:0], n)
			return re.Match(buf)
		}, nil
	}}
}

// sizeTerm matches by own size in bytes. Directories have no size.
func sizeTerm(r intRange) term {
	return ownTerm(r, func(s dirSum) int64 { return s.bytes })
}

// wastedTerm is the same for wasted bytes.
func wastedTerm(r intRange) term {
	return ownTerm(r, func(s dirSum) int64 { return s.wasted })
}

func ownTerm(r intRange, bytes func(dirSum) int64) term {
	return term{node: func(_ context.Context, v *View) (nodeTest, error) {
		return func(n NodeID) bool {
			own := bytes(v.alone(n))
			if !r.has(own) {
				return false
			}
			if own > 0 {
				return true
			}
			i := v.showing(n)
			return i != none && v.t.versions[i].kind != source.Dir
		}, nil
	}}
}

// changeTerm matches versions by their change.
func changeTerm(changes []Change) term {
	var in [len(changeNames)]bool
	for _, c := range changes {
		in[c] = true
	}
	return term{version: func(v *View, i int32) bool { return in[v.t.versions[i].change] }}
}

// news is what a shown version means for the view's layer or range.
type news uint8

const (
	newsAdded      news = iota
	newsChanged         // content, or only attributes
	newsRemoved         // shown only by views of a single layer, of a range and of Everything
	newsUnmodified      // from a lower layer than the union's, or the same again
)

var newsNames = [...]string{"added", "changed", "removed", "unmodified"}

// newsOf returns the news of version i, which v shows.
func (v *View) newsOf(i int32) news {
	x := &v.t.versions[i]
	switch {
	case x.change == Removed:
		return newsRemoved
	case v.spec.Mode == Union && int(x.layer) != v.spec.At, x.change == Identical:
		return newsUnmodified
	case x.change == Added:
		return newsAdded
	}
	return newsChanged
}

// hereTerm matches nodes by the news of the version that the view shows.
func hereTerm(all []news) term {
	var in [len(newsNames)]bool
	for _, x := range all {
		in[x] = true
	}
	return term{node: func(_ context.Context, v *View) (nodeTest, error) {
		return func(n NodeID) bool {
			i := v.showing(n)
			return i != none && in[v.newsOf(i)]
		}, nil
	}}
}

// layerTerm matches versions by layer.
func layerTerm(layers []intRange) term {
	return term{version: func(v *View, i int32) bool {
		for _, r := range layers {
			if r.has(int64(v.t.versions[i].layer)) {
				return true
			}
		}
		return false
	}}
}

// typeTerm matches versions by stored type. A removal has none.
func typeTerm(types []source.Type) term {
	var in [256]bool
	for _, t := range types {
		in[t] = true
	}
	return term{version: func(v *View, i int32) bool {
		return v.t.versions[i].change != Removed && in[Version{v.t, i}.Type()]
	}}
}

// causeTerm matches nodes with a version hidden for one of the causes, within
// the scope of the view: in a union, versions hidden there; in a range,
// versions that it hides; for a single layer, its own versions; otherwise all.
func causeTerm(causes []Cause) term {
	var in [len(causeNames)]bool
	for _, c := range causes {
		in[c] = true
	}
	return term{node: func(_ context.Context, v *View) (nodeTest, error) {
		return func(n NodeID) bool {
			from, to := v.t.versionRange(n)
			for i := from; i < to; i++ {
				if in[v.t.versions[i].cause] && v.hides(&v.t.versions[i]) {
					return true
				}
			}
			return false
		}, nil
	}}
}

// hides reports whether a shadowed version is hidden within the scope of the view.
func (v *View) hides(x *version) bool {
	switch v.spec.Mode {
	case Union:
		return int(x.by) <= v.spec.At
	case Range:
		return int(x.by) > v.spec.From && int(x.by) <= v.spec.At
	case Alone:
		return int(x.layer) == v.spec.At
	}
	return true
}
