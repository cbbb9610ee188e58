package analyze

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/junegunn/fzf/src/algo"
	"github.com/junegunn/fzf/src/util"
	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
)

// scoring initializes the tables of fzf's algorithm on the first search, so that they don't delay
// the start.
var scoring = sync.OnceFunc(func() { algo.Init("path") })

// slabSize limits the memory of one comparison, and with it the time: if pattern times name needs
// more, fzf's linear algorithm computes the score.
const slabSize = 16 << 10

// A fuzzyPart is one slash-separated part of a fuzzy query.
type fuzzyPart struct {
	pattern   []rune
	matchCase bool
}

func newFuzzyPart(text string, matchCase bool) fuzzyPart {
	if !matchCase {
		text = strings.ToLower(text)
	}
	return fuzzyPart{[]rune(text), matchCase}
}

// score returns the quality of a match in name; false without a match. Like fzf, it prefers
// matches at the start of words and without gaps.
func (p fuzzyPart) score(name []byte, slab *util.Slab) (int, bool) {
	if len(p.pattern) == 0 {
		return 0, true
	}
	chars := util.ToChars(name)
	r, _ := algo.FuzzyMatchV2(p.matchCase, false, true, &chars, p.pattern, false, slab)
	return r.Score, r.Start >= 0
}

// Ranks: the score, then the shorter name. A score is at most a few dozen for each typed
// character, so ranks stay small.
const lengths = 1 << 5

func rank(score, length int) int32 {
	return int32(max(score, 0)*lengths + lengths - 1 - min(length, lengths-1))
}

// fuzzy finds the matches of f's query.
func (f *Found) fuzzy(ctx context.Context) error {
	scoring()
	t := f.t
	matchCase := strings.ContainsFunc(f.query.Text, unicode.IsUpper)
	var parts []fuzzyPart
	above, last := cutLast(f.query.Text)
	for text := range strings.SplitSeq(above, "/") {
		if text != "" {
			parts = append(parts, newFuzzyPart(text, matchCase))
		}
	}
	part := newFuzzyPart(last, matchCase)
	f.matcher = fuzzyMatcher{part}
	names := t.distinct()
	scores, err := names.scores(ctx, part)
	if err != nil {
		return err
	}
	f.ranks = make([]int32, len(t.nodes))
	up := upward{t: t, parts: parts, of: map[NodeID]int{}, slab: util.MakeSlab(slabSize, slabSize)}
	cross := newCrossing(t, part, above)
	for n := 1; n < len(t.nodes); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		x := &t.nodes[n]
		score := int(scores[names.of[n]])
		if score < 0 {
			if score = cross.score(NodeID(n), -1-score); score < 0 {
				continue
			}
		}
		if len(parts) > 0 {
			more := up.score(x.parent)
			if more < 0 {
				continue
			}
			score += more
		}
		f.in.set(n)
		f.ranks[n] = rank(score, len(t.name(NodeID(n))))
	}
	return nil
}

// scores returns the quality of the match for each name. Without a match it is -1 minus the
// number of characters at the pattern's end that the name contains.
func (s *names) scores(ctx context.Context, p fuzzyPart) ([]int32, error) {
	out := make([]int32, len(s.from))
	workers := min(max(runtime.GOMAXPROCS(0), 1), 8)
	share := (len(out) + workers - 1) / workers
	var g errgroup.Group
	for from := 0; from < len(out); from += share {
		g.Go(func() (err error) {
			defer crash.Catch(&err)
			slab := util.MakeSlab(slabSize, slabSize)
			for i := from; i < min(from+share, len(out)); i++ {
				if i%checkEvery == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				score, ok := p.score(s.at(uint32(i)), slab)
				if !ok {
					score = -1 - p.tail(s.at(uint32(i)))
				}
				out[i] = int32(score)
			}
			return nil
		})
	}
	return out, g.Wait()
}

// upward searches parent directories for the parts before the last slash. The result for a
// directory holds for everything in it.
type upward struct {
	t     *Tree
	parts []fuzzyPart
	of    map[NodeID]int
	slab  *util.Slab
}

// score returns the sum of the parts' scores in dir and its parents, -1 if a part does not match.
func (u *upward) score(dir NodeID) int {
	if s, ok := u.of[dir]; ok {
		return s
	}
	sum, i := 0, len(u.parts)-1
	for n := dir; i >= 0 && n != Root; n = u.t.nodes[n].parent {
		if s, ok := u.parts[i].score(u.t.name(n), u.slab); ok {
			sum += s
			i--
		}
	}
	if i >= 0 {
		sum = -1
	}
	u.of[dir] = sum
	return sum
}

type fuzzyMatcher struct{ part fuzzyPart }

func (m fuzzyMatcher) spans(name []byte, dst []int) []int {
	if len(m.part.pattern) == 0 {
		return dst
	}
	pattern := m.part.pattern
	chars := util.ToChars(name)
	_, at := algo.FuzzyMatchV2(m.part.matchCase, false, true, &chars, pattern, true, util.MakeSlab(slabSize, slabSize))
	if at == nil { // it starts in the parent directories
		if pattern = pattern[len(pattern)-m.part.tail(name):]; len(pattern) == 0 {
			return dst
		}
		_, at = algo.FuzzyMatchV2(m.part.matchCase, false, true, &chars, pattern, true, util.MakeSlab(slabSize, slabSize))
	}
	if at == nil {
		return dst
	}
	hit := map[int]bool{}
	for _, i := range *at {
		hit[i] = true
	}
	for i, b := 0, 0; b < len(name); i++ { // character i starts at byte b
		_, size := utf8.DecodeRune(name[b:])
		if hit[i] {
			if n := len(dst); n > 0 && dst[n-1] == b {
				dst[n-1] = b + size
			} else {
				dst = append(dst, b, b+size)
			}
		}
		b += size
	}
	return dst
}
