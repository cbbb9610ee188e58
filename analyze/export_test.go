package analyze

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

// Told parses rules from text such as "max-layers 3 warn; forbid *.pem; forbid .git".
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

// Hold calls Check without the advice on waste.
func Hold(t testing.TB, a *Analysis, rules string) *Outcome {
	t.Helper()
	o, err := hold(t.Context(), a, Told(t, rules), CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// MadeUpRule adds a rule after all others until the test ends: no layer may have more entries
// than the limit.
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

// SomeGlobs returns globs of up to three parts.
func SomeGlobs() []string { return someGlobs(3) }

// Cover returns, as bits, which globs match each node of a tree: as found in one walk, and as
// each glob matches the node's path by itself. A test compares the two.
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

// AdviseAtMost is Advise with another bound on the findings of one rule.
func AdviseAtMost(a *Analysis, most int) []Finding {
	ad := newAdviser(a)
	ad.most = most
	found, _ := ad.advise(context.Background(), a.Waste, AdviceOptions{}) // the context doesn't end
	return found
}

// PlainAdvice compares the data behind findings with a simple, slow computation that visits all
// names of each inode, all versions and all parent directories. It returns the differences, or
// "" if there are none.
func PlainAdvice(a *Analysis) string {
	t, ad := a.Tree, newAdviser(a)
	last := len(t.layers) - 1
	for n := range ad.classes {
		ad.classes[n] = class(n % 3) // so that the names of one file differ in class
	}
	for n := range NodeID(len(t.nodes)) {
		if layer, bytes := ad.shipped(n); fmt.Sprint(layer, bytes) != plainText(plainShipped(ad, n)) {
			return fmt.Sprintf("%s: shipped %d %d, want %s", t.Path(n), layer, bytes, plainText(plainShipped(ad, n)))
		}
		versions := t.Versions(n)
		for k := range last + 1 {
			at, in := int32(none), int32(none)
			for _, v := range versions {
				if v.Layer() <= k && !v.Duplicate() {
					at = v.i
				}
				if v.Layer() == k && !v.Duplicate() {
					in = v.i
				}
			}
			if at != none && t.versions[at].change == Removed {
				at = none
			}
			if t.at(n, k) != at || t.inLayer(n, k) != in {
				return fmt.Sprintf("%s, layer %d: shows version %d and has %d, want %d and %d", t.Path(n), k, t.at(n, k), t.inLayer(n, k), at, in)
			}
		}
		for m := range n {
			want := n
			for b := m; want != b; {
				if want > b {
					want = t.nodes[want].parent
				} else {
					b = t.nodes[b].parent
				}
			}
			if got := ad.nest.above(n, m); got != want {
				return fmt.Sprintf("above %s and %s: %s, want %s", t.Path(n), t.Path(m), t.Path(got), t.Path(want))
			}
		}
	}
	for _, w := range a.Waste.All() {
		if w.Node == none {
			continue
		}
		want := false
		if upper := t.inLayer(w.Node, w.By); upper != none && t.versions[upper].inode >= 0 {
			for i := range t.versions {
				v := &t.versions[i]
				want = want || v.inode == t.versions[upper].inode && v.node != w.Node && int(v.layer) == w.By && v.change == Added
			}
		}
		if got := ad.linkedAnew(w); got != want {
			return fmt.Sprintf("%s, layer %d: linked anew by %d: %v, want %v", t.Path(w.Node), w.Layer, w.By, got, want)
		}
	}
	return ""
}

func plainText(layer int, bytes int64) string { return fmt.Sprint(layer, bytes) }

// plainShipped is a simple version of adviser.shipped.
func plainShipped(ad *adviser, n NodeID) (layer int, bytes int64) {
	t := ad.t
	last := len(t.layers) - 1
	i := t.at(n, last)
	if i == none || t.versions[i].inode == none || t.versions[i].kind != source.File {
		return 0, 0
	}
	for other := range NodeID(len(t.nodes)) {
		o := t.at(other, last)
		if o == none || other == n || t.versions[i].inode == own || t.versions[o].inode != t.versions[i].inode {
			continue
		}
		if other < n || ad.classes[other] != ad.classes[n] {
			return 0, 0
		}
	}
	from, entry := t.carrier(i)
	return int(from), t.stored(from, entry)
}

// AppendFolded exports appendFolded for tests.
var AppendFolded = appendFolded

// Unlike returns the differences between a view and one made node by node, or "" if there are
// none.
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
	v.PrepareStrips()
	want.PrepareStrips()
	if !slices.Equal(v.strips.bits, want.strips.bits) {
		return "signs"
	}
	return ""
}

// Bunches returns how many bunches a view passes over.
func Bunches(t *Tree) int { return len(gather(t).list) }

// FirstView makes a view as if it were the first of its tree.
func FirstView(t *Tree, s Spec) *View { return newView(t, s, gather(t)) }

// LookInto returns what a search for secrets sees in a file, in the form "KIND LINE,KIND LINE",
// or "?" for content that it doesn't understand.
func LookInto(name, content string) string {
	l := lookInto(name, []byte(content))
	text := strings.ReplaceAll(strings.TrimSpace(string(l.encode())), "\n", ",")
	if decoded := decodeLook(l.encode()); fmt.Sprint(decoded) != fmt.Sprint(l) {
		return fmt.Sprintf("%v, decoded as %v", l, decoded)
	}
	return text
}

// CommandSecrets returns the secrets in a build step.
func CommandSecrets(text string) []string {
	var found []string
	for _, s := range commandSecrets(text) {
		found = append(found, text[s.from:s.to])
	}
	return found
}

// SetMaxSums sets the bound on the sums of a LayerMap and returns a function that restores it.
func SetMaxSums(n int) func() {
	was := maxSums
	maxSums = n
	return func() { maxSums = was }
}
