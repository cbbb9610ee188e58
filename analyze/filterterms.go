package analyze

import (
	"context"
	"regexp"
	"strings"

	"github.com/peelhq/peel/source"
)

// wordTerm holds for nodes whose name holds a word.
func wordTerm(word string) term {
	return term{node: func(ctx context.Context, v *View) (nodeTest, error) {
		names := v.t.distinct()
		named, err := names.holding(ctx, newLiteral(word))
		return func(n NodeID) bool { return named.has(int(names.of[n])) }, err
	}}
}

// nameTerm holds for nodes whose name matches a glob.
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

// belowTerm holds for a path and all that is below it.
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

// pathTerm holds for paths that match a glob.
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

// regexpTerm holds for paths in which an expression finds something.
func regexpTerm(re *regexp.Regexp) term {
	return term{slow: true, node: func(_ context.Context, v *View) (nodeTest, error) {
		var buf []byte
		return func(n NodeID) bool {
			buf = v.t.appendPath(buf[:0], n)
			return re.Match(buf)
		}, nil
	}}
}

// sizeTerm holds for what has so many bytes of its own. Directories have none,
// and no size.
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

// changeTerm holds for versions that are one of some changes.
func changeTerm(changes []Change) term {
	var in [len(changeNames)]bool
	for _, c := range changes {
		in[c] = true
	}
	return term{version: func(v *View, i int32) bool { return in[v.t.versions[i].change] }}
}

// news is what the version that a view shows is to the view's layer or range.
type news uint8

const (
	newsAdded      news = iota
	newsChanged         // content, or attributes alone
	newsRemoved         // which only views of a layer alone, of a range and of Everything show
	newsUnmodified      // of a lower layer than the union's, or the same again
)

var newsNames = [...]string{"added", "changed", "removed", "unmodified"}

// newsOf returns what version i is, which v shows.
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

// hereTerm holds for nodes of which the version that the view shows is one of some
// news.
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

// layerTerm holds for versions of some layers.
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

// typeTerm holds for versions of some types, as they are stored. A removal has
// none.
func typeTerm(types []source.Type) term {
	var in [256]bool
	for _, t := range types {
		in[t] = true
	}
	return term{version: func(v *View, i int32) bool {
		return v.t.versions[i].change != Removed && in[Version{v.t, i}.Type()]
	}}
}

// causeTerm holds for nodes of which a version is hidden for one of some causes,
// as far as the view goes: in a union those that are hidden there, in a range
// those that it hides, of a layer alone its own, and otherwise all.
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

// hides reports whether it is within the view that a shadowed version is hidden.
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
