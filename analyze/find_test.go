package analyze_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

const findFixture = `
-- layer --
file usr/lib/libssl.so.3 10
file usr/lib/libcrypto.so.3 20
file usr/share/doc/libssl3/README 5
file usr/share/Straße/ÄRGER 5
file etc/Xlib 1
file libs 1
-- layer --
file usr/lib/.wh.libssl.so.3
file opt/lib/x 1
`

// matches returns the paths that a query finds, and the subset that the union after the last
// layer shows.
func matches(t *testing.T, a *analyze.Analysis, q analyze.Query) (all, shown []string) {
	t.Helper()
	found, err := a.Tree.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	set, err := found.In(t.Context(), a.Tree.View(analyze.Spec{At: a.Tree.LayerCount() - 1}))
	if err != nil {
		t.Fatal(err)
	}
	for n := range a.Tree.Len() {
		if found.Has(analyze.NodeID(n)) {
			all = append(all, a.Tree.Path(analyze.NodeID(n)))
		}
		if set.Has(analyze.NodeID(n)) {
			shown = append(shown, a.Tree.Path(analyze.NodeID(n)))
		}
	}
	if found.Len() != len(all) || set.Len() != len(shown) || set.Count(analyze.Root) != len(shown) {
		t.Errorf("%q: found %d and %d, but counted %d and %d, and %d at the root",
			q.Text, len(all), len(shown), found.Len(), set.Len(), set.Count(analyze.Root))
	}
	slices.Sort(all)
	slices.Sort(shown)
	return all, shown
}

func TestFind(t *testing.T) {
	a, err := analyzed(t, findFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		query analyze.Query
		want  string // paths in the last union; paths that only lower layers have are in brackets
	}{
		{"nothing", analyze.Query{}, ""},
		{"in names", analyze.Query{Text: "lib"}, "/etc/Xlib /libs /opt/lib /usr/lib /usr/lib/libcrypto.so.3 [/usr/lib/libssl.so.3] /usr/share/doc/libssl3"},
		{"a capital counts", analyze.Query{Text: "Xl"}, "/etc/Xlib"},
		{"without one, case does not", analyze.Query{Text: "xl"}, "/etc/Xlib"},
		{"a capital finds no small letter", analyze.Query{Text: "LIB"}, ""},
		{"letters beyond ASCII", analyze.Query{Text: "ärg"}, "/usr/share/Straße/ÄRGER"},
		{"not across two names", analyze.Query{Text: "libsslibcrypto"}, ""},
		{"a path", analyze.Query{Text: "lib/lib"}, "/usr/lib/libcrypto.so.3 [/usr/lib/libssl.so.3]"},
		{"a directory's end", analyze.Query{Text: "ib/l"}, "/usr/lib/libcrypto.so.3 [/usr/lib/libssl.so.3]"},
		{"from the root or elsewhere", analyze.Query{Text: "/lib"}, "/libs /opt/lib /usr/lib /usr/lib/libcrypto.so.3 [/usr/lib/libssl.so.3] /usr/share/doc/libssl3"},
		{"what is in a directory", analyze.Query{Text: "r/lib/"}, "/usr/lib/libcrypto.so.3 [/usr/lib/libssl.so.3]"},
		{"not what is below it", analyze.Query{Text: "usr/"}, "/usr/lib /usr/share"},
		{"fuzzy", analyze.Query{Text: "lcy", Fuzzy: true}, "/usr/lib/libcrypto.so.3"},
		{"fuzzy, a path", analyze.Query{Text: "u/d/ls", Fuzzy: true}, "/usr/share/doc/libssl3"},
		{"fuzzy, below a directory", analyze.Query{Text: "doc/", Fuzzy: true}, "/usr/share/doc/libssl3 /usr/share/doc/libssl3/README"},
		{"fuzzy, across slashes", analyze.Query{Text: "dclssreadme", Fuzzy: true}, "/usr/share/doc/libssl3/README"},
		{"fuzzy, too little of it in the name", analyze.Query{Text: "usrl", Fuzzy: true}, ""},
		{"fuzzy, no such order", analyze.Query{Text: "sbilz", Fuzzy: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, shown := matches(t, a, c.query)
			for i, p := range all {
				if !slices.Contains(shown, p) {
					all[i] = "[" + p + "]"
				}
			}
			if got := strings.Join(all, " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFindSpans(t *testing.T) {
	a, err := analyzed(t, findFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query analyze.Query
		path  string
		want  string
	}{
		{analyze.Query{Text: "ss"}, "/usr/lib/libssl.so.3", "lib(ss)l.so.3"},
		{analyze.Query{Text: "s"}, "/usr/lib/libssl.so.3", "lib(s)(s)l.(s)o.3"},
		{analyze.Query{Text: "ärger"}, "/usr/share/Straße/ÄRGER", "(ÄRGER)"},
		{analyze.Query{Text: "usr/li"}, "/usr/lib", "(li)b"},
		{analyze.Query{Text: "usr/"}, "/usr/lib", "lib"},
		{analyze.Query{Text: "sr"}, "/usr/lib", "lib"},
		{analyze.Query{Text: "lb3", Fuzzy: true}, "/usr/lib/libssl.so.3", "(l)i(b)ssl.so.(3)"},
		{analyze.Query{Text: "sße", Fuzzy: true}, "/usr/share/Straße", "(S)tra(ße)"},
		{analyze.Query{Text: "u/", Fuzzy: true}, "/usr/lib", "lib"},
		{analyze.Query{Text: "usrlibso3", Fuzzy: true}, "/usr/lib/libssl.so.3", "(libs)sl.s(o).(3)"},
	} {
		found, err := a.Tree.Find(t.Context(), c.query)
		if err != nil {
			t.Fatal(err)
		}
		n, ok := a.Tree.Lookup(c.path)
		if !ok {
			t.Fatalf("no node %s", c.path)
		}
		name, got, at := a.Tree.Name(n), "", 0
		spans := found.Spans(n, nil)
		for i := 0; i < len(spans); i += 2 {
			got += name[at:spans[i]] + "(" + name[spans[i]:spans[i+1]] + ")"
			at = spans[i+1]
		}
		if got += name[at:]; got != c.want {
			t.Errorf("%+v in %s: %s, want %s", c.query, c.path, got, c.want)
		}
	}
}

// TestFindRanked checks that the best match of a fuzzy query comes first, and the shorter name
// among equal matches.
func TestFindRanked(t *testing.T) {
	a, err := analyzed(t, "-- layer --\nfile b/axxxb 1\nfile a-b 1\nfile ab 1\nfile abc 1\nfile c 1\n", analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := a.Tree.Find(t.Context(), analyze.Query{Text: "ab", Fuzzy: true})
	if err != nil {
		t.Fatal(err)
	}
	set, err := found.In(t.Context(), a.Tree.View(analyze.Spec{}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range found.Ranked(set) {
		got = append(got, a.Tree.Path(n))
	}
	if want := "/ab /abc /a-b /b/axxxb"; strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
}

// TestFindAgainstEveryPath checks on random images that Find finds exactly the paths that
// match.
func TestFindAgainstEveryPath(t *testing.T) {
	queries := []string{"a", "b", "A", "ab", "a/", "/a", "a/b", "/b/c", "b/c/", "//", "/", "x", "c/a/b/c", "a/a", "abcd", "abab", "bbaa", "acab", "bacc"}
	for seed := range uint64(cases(60, 2000)) {
		a := randomImage(t, seed)
		for _, text := range queries {
			for _, fuzzy := range []bool{false, true} {
				q := analyze.Query{Text: text, Fuzzy: fuzzy}
				found, err := a.Tree.Find(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for n := range a.Tree.Len() {
					n := analyze.NodeID(n)
					p := a.Tree.Path(n)
					want := n != analyze.Root && finds(q, p)
					if found.Has(n) != want {
						t.Fatalf("seed %d: %+v finds %s: %v, want %v", seed, q, p, found.Has(n), want)
					}
				}
			}
		}
	}
}

// finds states Find's contract for one path.
func finds(q analyze.Query, path string) bool {
	cut := func(s string) (string, string) { i := strings.LastIndexByte(s, '/') + 1; return s[:i], s[i:] }
	if !strings.ContainsFunc(q.Text, unicode.IsUpper) {
		path = strings.ToLower(path)
	}
	above, last := cut(q.Text)
	dir, name := cut(path)
	switch {
	case !q.Fuzzy && above == "":
		return strings.Contains(name, last)
	case !q.Fuzzy:
		return strings.HasSuffix(dir, above) && strings.HasPrefix(name, last)
	}
	parts := strings.FieldsFunc(above, func(r rune) bool { return r == '/' })
	dirs := strings.FieldsFunc(dir, func(r rune) bool { return r == '/' })
	for i := len(dirs) - 1; i >= 0 && len(parts) > 0; i-- {
		if inOrder(dirs[i], parts[len(parts)-1]) {
			parts = parts[:len(parts)-1]
		}
	}
	if len(parts) == 0 && inOrder(name, last) {
		return true
	}
	if above != "" || len([]rune(last)) < 4 {
		return false
	}
	letters := []rune(last)
	for i := range len(letters) - 1 { // at least two of them are in the name
		if inOrder(strings.ReplaceAll(dir, "/", ""), string(letters[:i])) && inOrder(name, string(letters[i:])) {
			return true
		}
	}
	return false
}

func inOrder(s, letters string) bool {
	for _, r := range letters {
		i := strings.IndexRune(s, r)
		if i < 0 {
			return false
		}
		s = s[i+1:]
	}
	return true
}

// randomImage returns the analysis of the random image of a seed.
func randomImage(t *testing.T, seed uint64) *analyze.Analysis {
	t.Helper()
	a, err := analyzed(t, testkit.Text(testkit.Throw(seed).Image()), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestFindCancelled checks that a cancelled search stops.
func TestFindCancelled(t *testing.T) {
	a, err := analyzed(t, findFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, q := range []analyze.Query{{Text: "lib"}, {Text: "/lib"}, {Text: "lib", Fuzzy: true}} {
		if _, err := a.Tree.Find(ctx, q); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	f, err := analyze.ParseFilter("*.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Tree.View(analyze.Spec{}).Filter(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("a filter: %v", err)
	}
}

// FuzzFold checks that folding a name keeps every byte in its place.
func FuzzFold(f *testing.F) {
	f.Add([]byte("Straße İ K \xff\xc3"))
	f.Fuzz(func(t *testing.T, name []byte) {
		folded := analyze.AppendFolded(nil, name)
		if len(folded) != len(name) {
			t.Fatalf("%q becomes %q", name, folded)
		}
		if again := analyze.AppendFolded(nil, folded); !bytes.Equal(again, folded) {
			t.Fatalf("%q, folded again, becomes %q", folded, again)
		}
	})
}
