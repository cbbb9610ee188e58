package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Told returns rules of text: "max-layers 3 warn; forbid *.pem; forbid .git".
func Told(t testing.TB, text string) *Rules {
	t.Helper()
	r := NoRules()
	for said := range strings.SplitSeq(text, "; ") {
		words := strings.Fields(said)
		if len(words) == 0 {
			continue
		}
		if err := r.Say(SettingNamed(words[0]), words[1]); err != nil {
			t.Fatal(err)
		}
		if len(words) == 3 {
			if err := r.Weigh(words[0], words[2]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// Hold is Check without the advice on waste.
func Hold(t testing.TB, a *Analysis, rules string) *Outcome {
	t.Helper()
	o, err := hold(t.Context(), a, Told(t, rules), CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// MadeUpRule adds a rule behind all others, for the time of a test: no layer may
// have more entries than the limit.
func MadeUpRule(t testing.TB) {
	before := settings
	t.Cleanup(func() { settings = before })
	settings = slices.Insert(slices.Clone(settings), len(rules), rule(countKind, atOnce(func(c *checker, most int64) verdict {
		v := countVerdict(most, int64(c.a.Totals.Entries), "the number of entries", "Too many entries")
		v.advice = "Make them up with care."
		return v
	}), Setting{
		Name: "max-made-up", Example: "77", Severity: Error,
		Help:  "most entries that were made up",
		Text:  "There are at most this many entries that were made up.",
		About: "The image has at most so many made-up entries",
		Dive:  []string{"highestMadeUp"},
	}))
}

// SomeGlobs are globs of few parts.
func SomeGlobs() []string { return someGlobs(3) }

// Cover returns which globs name each node of a tree, found in one walk, and what
// each by itself says of the node's path, as bits: a test holds them against each
// other.
func Cover(tb testing.TB, t *Tree, texts []string) (walked, plain []uint64) {
	tb.Helper()
	globs := make([]Glob, len(texts))
	for i, text := range texts {
		var err error
		if globs[i], err = ParseGlob(text); err != nil {
			tb.Fatal(err)
		}
	}
	walked, plain = make([]uint64, t.Len()), make([]uint64, t.Len())
	if err := t.cover(tb.Context(), globs, func(n NodeID, by uint64) { walked[n] = by }); err != nil {
		tb.Fatal(err)
	}
	for n := range plain {
		for i, g := range globs {
			if g.covers(t.Path(NodeID(n))) {
				plain[n] |= 1 << i
			}
		}
	}
	return walked, plain
}

// AppendFolded is for the tests of folding.
var AppendFolded = appendFolded

// Unlike says in what a view differs from one that was made node by node, "" if
// in nothing.
func Unlike(v *View) string {
	t := v.t
	single := &bunches{links: gather(t).links}
	for n := NodeID(len(t.nodes) - 1); n >= 0; n-- {
		above := int32(none)
		if n != Root {
			above = t.nodes[t.nodes[n].parent].dir
		}
		single.begin(t, n, above)
	}
	want := newView(t, v.spec, single)
	for n, x := range t.nodes {
		if x.dir != none && v.sums[x.dir] != want.sums[x.dir] {
			return fmt.Sprintf("%s: %+v, want %+v", t.Path(NodeID(n)), v.sums[x.dir], want.sums[x.dir])
		}
	}
	if !slices.Equal(v.signs, want.signs) {
		return "signs"
	}
	return ""
}

// Bunches returns how many bunches there are for a view to pass over.
func Bunches(t *Tree) int { return len(gather(t).list) }

// FirstView makes a view as if it were a tree's first.
func FirstView(t *Tree, s Spec) *View { return newView(t, s, gather(t)) }
