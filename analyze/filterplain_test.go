package analyze_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// plainTerm is a term's text and its meaning, written from the grammar with the exported API
// alone.
type plainTerm struct {
	text string
	node func(v *analyze.View, n analyze.NodeID, own ownSums) bool
	one  func(v analyze.Version) bool // for versions, if node is nil
}

// ownSums are a node's sums without those of the nodes below it.
type ownSums struct{ bytes, wasted int64 }

func plainTerms() []plainTerm {
	glob := func(g string) plainTerm {
		return plainTerm{text: g, node: func(v *analyze.View, n analyze.NodeID, _ ownSums) bool {
			p := v.Tree().Path(n)
			if !strings.Contains(g, "/") {
				p = p[strings.LastIndexByte(p, '/')+1:]
			}
			return doublestar.MatchUnvalidated(g, p)
		}}
	}
	below := func(dir string) plainTerm {
		return plainTerm{text: dir, node: func(v *analyze.View, n analyze.NodeID, _ ownSums) bool {
			p := v.Tree().Path(n)
			return p == dir || strings.HasPrefix(p, dir+"/")
		}}
	}
	size := func(text string, low, high int64) plainTerm {
		return plainTerm{text: text, node: func(v *analyze.View, n analyze.NodeID, own ownSums) bool {
			of := own.bytes
			if strings.HasPrefix(text, "wasted") {
				of = own.wasted
			}
			version, ok := v.Version(n)
			return of >= low && of <= high && (of > 0 || ok && version.Kind().String() != "dir")
		}}
	}
	change := func(words ...string) plainTerm {
		return plainTerm{text: "change:" + strings.Join(words, ","), one: func(v analyze.Version) bool {
			return slices.Contains(words, v.Change().String())
		}}
	}
	here := func(words ...string) plainTerm {
		return plainTerm{text: "here:" + strings.Join(words, ","), node: func(view *analyze.View, n analyze.NodeID, _ ownSums) bool {
			v, ok := view.Version(n)
			if !ok {
				return false
			}
			s := view.Spec()
			word := map[string]string{"added": "added", "modified": "changed", "metadata": "changed", "removed": "removed", "identical": "unmodified"}[v.Change().String()]
			if s.Mode == analyze.Union && v.Layer() < s.At {
				word = "unmodified"
			}
			return slices.Contains(words, word)
		}}
	}
	kind := func(text string, words ...string) plainTerm {
		return plainTerm{text: "type:" + text, one: func(v analyze.Version) bool {
			return v.Change() != analyze.Removed && slices.Contains(words, v.Type().String())
		}}
	}
	layer := func(from, to int) plainTerm {
		return plainTerm{text: fmt.Sprintf("layer:%d-%d", from, to), one: func(v analyze.Version) bool {
			return v.Layer() >= from && v.Layer() <= to
		}}
	}
	cause := func(words ...string) plainTerm {
		return plainTerm{text: "cause:" + strings.Join(words, ","), node: func(view *analyze.View, n analyze.NodeID, _ ownSums) bool {
			s := view.Spec()
			return slices.ContainsFunc(view.Tree().Versions(n), func(v analyze.Version) bool {
				within := true
				switch s.Mode {
				case analyze.Union:
					within = v.By() >= 0 && v.By() <= s.At
				case analyze.Range:
					within = v.By() > s.From && v.By() <= s.At
				case analyze.Alone:
					within = v.Layer() == s.At
				}
				return within && slices.Contains(words, v.Cause().String())
			})
		}}
	}
	re := regexp.MustCompile(`^/a/.*b$|c`)
	return []plainTerm{
		glob("a"), glob("?"), glob("[ab]"), glob("/a/*"), glob("/*/b"), glob("/**/c"), glob("/a/**"), glob("/**/a/**"), glob("/**/*/b"),
		glob("/a/**/b"), glob("/**/b/**/c"), glob("/{a,b/a}/*"), glob("/[!a]/**"), glob("/*"), glob("/**/**/a"), glob("/**"), glob("/a**/*"),
		below("/a"), below("/a/b"), below("/b"), below("/no"),
		{text: `re:` + re.String(), node: func(v *analyze.View, n analyze.NodeID, _ ownSums) bool { return re.MatchString(v.Tree().Path(n)) }},
		size("size:>10", 11, math.MaxInt64), size("<=10", 0, 10), size("size:0", 0, 0), size("size:10-20", 10, 20), size("wasted:>0", 1, math.MaxInt64),
		change("added"), change("modified", "metadata"), change("removed", "identical"),
		here("added"), here("changed", "removed"), here("unmodified"),
		kind("file", "file"), kind("dir", "dir"), kind("link", "symlink", "hardlink"), kind("char,block,fifo", "char", "block", "fifo"),
		layer(0, 0), layer(1, 2), layer(3, 9),
		cause("overwritten", "metadata"), cause("removed", "opaque"), cause("replaced", "duplicate", "identical"),
	}
}

// TestFilterMatchesPlainFilter checks that filters of random terms, on random images in every
// mode, choose the nodes that the grammar describes, and that their sums are right.
func TestFilterMatchesPlainFilter(t *testing.T) {
	terms := plainTerms()
	for seed := range uint64(cases(150, 5000)) {
		a := randomImage(t, seed)
		d := testkit.Throw(seed + 1_000_000)
		for range 12 {
			var chosen []plainTerm
			var not []bool
			var words []string
			for range 1 + d.Roll(3) {
				x, n := terms[d.Roll(len(terms))], d.Roll(4) == 0
				chosen, not = append(chosen, x), append(not, n)
				if n {
					words = append(words, "!"+escaped(x.text))
				} else {
					words = append(words, escaped(x.text))
				}
			}
			spec := analyze.Spec{Mode: analyze.Mode(d.Roll(4)), At: d.Roll(a.Tree.LayerCount()), From: d.Roll(a.Tree.LayerCount()+1) - 1}
			text := strings.Join(words, " ")
			if got, want := filterFacts(t, a, spec, text), plainFacts(a, spec, chosen, not); got != want {
				t.Fatalf("seed %d, %+v, filter %s:\n%s", seed, spec, text, firstDifference(got, want))
			}
		}
	}
}

func escaped(s string) string { return strings.ReplaceAll(s, " ", `\ `) }

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return strconv.Itoa(len(g)) + " lines, want " + strconv.Itoa(len(w))
}

func filterFacts(t *testing.T, a *analyze.Analysis, spec analyze.Spec, text string) string {
	t.Helper()
	v, err := a.Tree.View(spec).Filter(t.Context(), parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range a.Tree.Len() {
		n := analyze.NodeID(n)
		fmt.Fprintf(&b, "%s %v %v %d %d %d\n", a.Tree.Path(n), v.Matches(n), v.Shows(n), v.Bytes(n), v.Wasted(n), v.Files(n))
	}
	n, of := v.Matched()
	fmt.Fprintf(&b, "%d of %d, layers %d\n", n, of, v.LayerSigns())
	return b.String()
}

func plainFacts(a *analyze.Analysis, spec analyze.Spec, terms []plainTerm, not []bool) string {
	t := a.Tree
	v := t.View(spec)
	type sums struct {
		ownSums
		files   int
		matches bool
		shows   bool
	}
	all := make([]sums, t.Len())
	signs := make([]analyze.Sign, t.LayerCount())
	matched, of := 0, 0
	for i := t.Len() - 1; i > 0; i-- {
		n := analyze.NodeID(i)
		own, files := ownSums{v.Bytes(n), v.Wasted(n)}, v.Files(n)
		for _, k := range t.Children(n) {
			own.bytes -= v.Bytes(k)
			own.wasted -= v.Wasted(k)
			files -= v.Files(k)
		}
		if version, ok := v.Version(n); ok {
			of++
			if plainHolds(v, n, version, own, terms, not) {
				matched++
				all[i].bytes += own.bytes
				all[i].wasted += own.wasted
				all[i].files += files
				all[i].matches, all[i].shows = true, true
				plainSigns(v, n, signs)
			}
		}
		p := &all[t.Parent(n)]
		p.bytes += all[i].bytes
		p.wasted += all[i].wasted
		p.files += all[i].files
		p.shows = p.shows || all[i].shows
	}
	all[0].shows = true
	var b strings.Builder
	for n := range t.Len() {
		x := all[n]
		fmt.Fprintf(&b, "%s %v %v %d %d %d\n", t.Path(analyze.NodeID(n)), x.matches, x.shows, x.bytes, x.wasted, x.files)
	}
	fmt.Fprintf(&b, "%d of %d, layers %d\n", matched, of, signs)
	return b.String()
}

func plainHolds(v *analyze.View, n analyze.NodeID, shown analyze.Version, own ownSums, terms []plainTerm, not []bool) bool {
	versions := []analyze.Version{shown}
	if v.Spec().Mode == analyze.Everything {
		versions = v.Tree().Versions(n)
	}
	for i, x := range terms {
		if x.node != nil && x.node(v, n, own) == not[i] || x.one != nil && not[i] && slices.ContainsFunc(versions, x.one) {
			return false
		}
	}
	return slices.ContainsFunc(versions, func(version analyze.Version) bool {
		for i, x := range terms {
			if x.one != nil && !not[i] && !x.one(version) {
				return false
			}
		}
		return true
	})
}

// plainSigns adds the sign of each layer for n itself.
func plainSigns(v *analyze.View, n analyze.NodeID, signs []analyze.Sign) {
	t := v.Tree()
	at := v.Spec().At
	if v.Spec().Mode == analyze.Everything {
		at = t.LayerCount() - 1
	}
	shows, ok := t.At(n, at)
	for _, x := range t.Versions(n) {
		s := analyze.SignCovered
		switch {
		case x.Change() == analyze.Removed:
			s = analyze.SignRemoved
		case x.Kind().String() == "dir" && len(t.Children(n)) > 0:
			continue
		case ok && x == shows:
			s = analyze.SignShows
		}
		signs[x.Layer()] = max(signs[x.Layer()], s)
	}
}
