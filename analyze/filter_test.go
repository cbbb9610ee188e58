package analyze_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

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
				t.Errorf("%d match, but the count is %d", len(got), n)
			}
		})
	}
}

func TestParseFilterErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[":                          `[ (at 1): not a glob`,
		"a /x/{b":                    `/x/{b (at 3): not a glob`,
		"re:(":                       `re:( (at 1): missing closing ): (`,
		"re:":                        `re: (at 1): a term is missing`,
		"!":                          `! (at 1): a term is missing`,
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
		"colour:red":                 `unknown key "colour"`,
		`a "b c`:                     `"b c (at 3): the " isn't closed`,
		`a\`:                         `not a glob`,
		"/x[a/b]":                    "a slash inside brackets",
		strings.Repeat("{a,aa}", 25): "more than 256 globs",
		strings.Repeat("/*", 63):     "more than 62 parts",
		strings.Repeat("a", 1025):    "1025 bytes: the maximum is 1024",
	} {
		_, err := analyze.ParseFilter(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

// TestFilterGuide checks that every term in the guide can be parsed.
func TestFilterGuide(t *testing.T) {
	b, err := os.ReadFile("../docs/find.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "| term | matches |\n|---|---|\n")
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			break
		}
		rows++
		parse(t, strings.Split(line, "`")[1])
	}
	if rows < 10 {
		t.Errorf("found %d terms in the guide; has its format changed?", rows)
	}
}

// FuzzParseFilter checks that no text panics and that an error's position lies within the text.
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
