package analyze_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/peelhq/peel/analyze"
)

const filterFixture = `
-- layer --
dir  usr/
file usr/lib/a.so 100
file usr/lib/b.so 2000
file usr/lib/deep/c.so 30
file usr/lib/deep/c.conf 5
hardlink usr/lib/same -> usr/lib/b.so
symlink usr/lib/link -> a.so
file etc/app.conf 10
file "etc/a b" 7
file etc/old 40
char dev/null 1:3
-- layer --
file usr/lib/a.so 150
file etc/.wh.old
-- layer --
file usr/lib/b.so 2000 mode=0600
file opt/new:1 1
`

func parse(t testing.TB, text string) analyze.Filter {
	t.Helper()
	f, err := analyze.ParseFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func TestFilter(t *testing.T) {
	a, err := analyzed(t, filterFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	union := analyze.Spec{At: 2}
	alone := func(k int) analyze.Spec { return analyze.Spec{Mode: analyze.Alone, At: k} }
	changed := analyze.Spec{Mode: analyze.Range, From: 0, At: 2}
	everything := analyze.Spec{Mode: analyze.Everything}
	for _, c := range []struct {
		spec   analyze.Spec
		filter string
		want   string
	}{
		{union, "*.so", "/usr/lib/a.so /usr/lib/b.so /usr/lib/deep/c.so"},
		{union, "?.so", "/usr/lib/a.so /usr/lib/b.so /usr/lib/deep/c.so"},
		{union, "[ab].{so,conf}", "/usr/lib/a.so /usr/lib/b.so"},
		{union, "conf", "/etc/app.conf /usr/lib/deep/c.conf"},
		{union, "CONF", ""},
		{union, "/usr/lib/*", "/usr/lib/a.so /usr/lib/b.so /usr/lib/deep /usr/lib/link /usr/lib/same"},
		{union, "usr/lib/*.so", "/usr/lib/a.so /usr/lib/b.so"},
		{union, "/usr/**/*.so", "/usr/lib/a.so /usr/lib/b.so /usr/lib/deep/c.so"},
		{union, "/usr/lib/deep/**", "/usr/lib/deep /usr/lib/deep/c.conf /usr/lib/deep/c.so"},
		{union, "/usr/lib/deep", "/usr/lib/deep /usr/lib/deep/c.conf /usr/lib/deep/c.so"},
		{union, "usr/lib/deep/", "/usr/lib/deep /usr/lib/deep/c.conf /usr/lib/deep/c.so"},
		{union, "**/deep/*", "/usr/lib/deep/c.conf /usr/lib/deep/c.so"},
		{union, "/{usr/lib,etc}/*.{so,conf}", "/etc/app.conf /usr/lib/a.so /usr/lib/b.so"},
		{union, `re:^/etc/.*\.conf$`, "/etc/app.conf"},
		{union, "!re:. *.so", ""},
		{union, "*.so !/usr/lib/deep", "/usr/lib/a.so /usr/lib/b.so"},
		{union, `a\ b`, "/etc/a b"},
		{union, `"a b"`, "/etc/a b"},
		{union, `new\:1`, "/opt/new:1"},
		{union, "size:>100", "/usr/lib/a.so /usr/lib/b.so /usr/lib/same"},
		{union, ">=2kB", "/usr/lib/b.so /usr/lib/same"},
		{union, "size:5-10", "/etc/a b /etc/app.conf /usr/lib/deep/c.conf"},
		{union, "size:0 /usr", "/usr/lib/link"},
		{union, "wasted:>0", "/usr/lib/a.so"},
		{union, "type:link", "/usr/lib/link /usr/lib/same"},
		{union, "type:hardlink,char", "/dev/null /usr/lib/same"},
		{union, "type:dir /usr", "/usr /usr/lib /usr/lib/deep"},
		{union, "layer:1-2 type:file", "/opt/new:1 /usr/lib/a.so /usr/lib/b.so"},
		{union, "change:modified", "/usr/lib/a.so"},
		{union, "change:metadata", "/usr/lib/b.so"},
		{union, "change:removed", ""},
		{union, "cause:overwritten", "/usr/lib/a.so"},
		{union, "cause:metadata", "/usr/lib/b.so"},
		{analyze.Spec{At: 1}, "cause:metadata", ""},
		{analyze.Spec{At: 1}, "cause:overwritten", "/usr/lib/a.so"},
		{alone(1), "change:removed", "/etc/old"},
		{alone(0), "cause:removed", "/etc/old"},
		{changed, "!change:removed type:file", "/opt/new:1 /usr/lib/a.so /usr/lib/b.so"},
		{changed, "cause:removed", "/etc/old"},
		{everything, "layer:1 change:removed", "/etc/old"},
		{everything, "layer:1 change:added", ""},
		{everything, "type:file !layer:0", "/opt/new:1"},
		{everything, "cause:removed", "/etc/old"},
		{union, "nothing-is-called-so", ""},
		{union, "/not/there", ""},
	} {
		t.Run(c.filter, func(t *testing.T) {
			v, err := a.Tree.View(c.spec).Filter(t.Context(), parse(t, c.filter))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for n := range a.Tree.Len() {
				if n := analyze.NodeID(n); v.Matches(n) {
					got = append(got, a.Tree.Path(n))
				}
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s\nwant %s", strings.Join(got, " "), c.want)
			}
			if n, _ := v.Matched(); n != len(got) {
				t.Errorf("%d match, %d are counted", len(got), n)
			}
		})
	}
}

func TestParseFilterErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[":                          `[ (at 1): no glob`,
		"a /x/{b":                    `/x/{b (at 3): no glob`,
		"re:(":                       `re:( (at 1): missing closing ): (`,
		"re:":                        `re: (at 1): nothing stands here`,
		"!":                          `! (at 1): nothing stands here`,
		"ä change:new":               `change:new (at 3): no change is called "new": added, modified, metadata, identical, removed`,
		"cause:,":                    `no cause is called ""`,
		"type:folder":                `no type is called "folder": file, dir, symlink, hardlink, char, block, fifo, link`,
		"size:>x":                    `size:>x (at 1): not a size`,
		">":                          `> (at 1): not a size`,
		"size:5MB-1MB":               `it ends before it begins`,
		"size:99EB":                  `not a size`,
		"size:-1":                    `not a size`,
		"wasted:1MB-":                `not a size`,
		"layer:x":                    `not a layer`,
		"layer:5-3":                  `it ends before it begins`,
		"layer:-1":                   `not a layer`,
		"colour:red":                 `there is no "colour"`,
		`a "b c`:                     `"b c (at 3): the " has no end`,
		`a\`:                         `no glob`,
		"/x[a/b]":                    "a slash inside of brackets",
		strings.Repeat("{a,aa}", 25): "more than 256 globs",
		strings.Repeat("/*", 63):     "more than 62 parts",
		strings.Repeat("a", 1025):    "1025 bytes: 1024 are the most",
	} {
		_, err := analyze.ParseFilter(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

// The terms of the guide are terms.
func TestFilterGuide(t *testing.T) {
	b, err := os.ReadFile("../docs/find.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "| term | holds for |\n|---|---|\n")
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			break
		}
		rows++
		parse(t, strings.Split(line, "`")[1])
	}
	if rows < 10 {
		t.Errorf("%d terms in the guide: the test looks in the wrong place", rows)
	}
}

// No text panics, and an error tells of a place within the text.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`*.so !"a b" /usr/**/x re:^a$ size:>1MB-`, `layer:1-2,3 change:added,removed \ `, `<1 {a,b}/c cause:x type:link`, "\xff\\"} {
		f.Add(s)
	}
	a, err := analyzed(f, filterFixture, analyze.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		filter, err := analyze.ParseFilter(text)
		if err != nil {
			var wrong *analyze.FilterError
			if !errors.As(err, &wrong) {
				t.Fatalf("%T: %v", err, err)
			}
			if wrong.At < 0 || wrong.At >= len([]rune(text)) || !strings.Contains(text, wrong.Term) {
				t.Fatalf("%q: at %d: %q", text, wrong.At, wrong.Term)
			}
			return
		}
		if _, err := analyze.ParseFilter(filter.String()); err != nil {
			t.Fatalf("%q becomes %q: %v", text, filter, err)
		}
		for _, mode := range []analyze.Mode{analyze.Union, analyze.Everything} {
			v, err := a.Tree.View(analyze.Spec{Mode: mode, At: 2}).Filter(t.Context(), filter)
			if err != nil {
				t.Fatal(err)
			}
			if n, of := v.Matched(); n > of || filter.Empty() && n != of {
				t.Fatalf("%q: %d of %d", text, n, of)
			}
		}
	})
}

// A plain term: its text, and what it means, written from the grammar with
// nothing but what the library exports.
type plainTerm struct {
	text string
	node func(v *analyze.View, n analyze.NodeID, own ownSums) bool
	one  func(v analyze.Version) bool // of versions, if node is nil
}

// ownSums are what a node has without what is below it.
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
		kind("file", "file"), kind("dir", "dir"), kind("link", "symlink", "hardlink"), kind("char,block,fifo", "char", "block", "fifo"),
		layer(0, 0), layer(1, 2), layer(3, 9),
		cause("overwritten", "metadata"), cause("removed", "opaque"), cause("replaced", "duplicate", "identical"),
	}
}

// Filters of random terms, on random images in every mode, choose what the
// grammar says, and add up to the sums of it.
func TestFilterAgainstThePlainOne(t *testing.T) {
	terms := plainTerms()
	for seed := range uint64(cases(150, 5000)) {
		a := randomImage(t, seed)
		d := throw(seed + 1_000_000)
		for range 12 {
			var chosen []plainTerm
			var not []bool
			var words []string
			for range 1 + d.roll(3) {
				x, n := terms[d.roll(len(terms))], d.roll(4) == 0
				chosen, not = append(chosen, x), append(not, n)
				if n {
					words = append(words, "!"+escaped(x.text))
				} else {
					words = append(words, escaped(x.text))
				}
			}
			spec := analyze.Spec{Mode: analyze.Mode(d.roll(4)), At: d.roll(a.Tree.LayerCount()), From: d.roll(a.Tree.LayerCount()+1) - 1}
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

// plainSigns adds what each layer means to n itself.
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
