package analyze

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

func TestGlobCovers(t *testing.T) {
	for _, c := range []struct {
		glob string
		yes  string // paths that it matches, separated by spaces
		no   string
	}{
		{"*.pem", "/a.pem /srv/a.pem /srv/dir.pem/x", "/a.pemx /srv/pem"},
		{".git", "/.git /srv/.git/config /srv/.git", "/.gitignore /srv/x.git"},
		{".git/", "/.git /srv/.git/config", "/.gitignore"},
		{".git/**", "/.git /srv/.git/config", "/.gitignore"},
		{"**/.git", "/.git /srv/app/.git/a/b", "/.gitignore"},
		{"**/.git/**", "/.git/x /srv/app/.git/a/b /srv/.git", "/.gitignore"},
		{"/.git", "/.git /.git/config", "/srv/.git"},
		{"/*.key", "/a.key", "/srv/a.key"},
		{"srv/*.key", "/srv/a.key /srv/a.key/below", "/srv/a/b.key /x/srv/a.key"},
		{"/srv/*.key", "/srv/a.key", "/srv/a/b.key /x/srv/a.key"},
		{"/srv/**/*.key", "/srv/a.key /srv/a/b/c.key", "/x/a.key"},
		{"**/srv/*.key", "/srv/a.key /x/y/srv/a.key", "/srv/x/a.key"},
		{"/var/cache/apt", "/var/cache/apt /var/cache/apt/archives/x.deb", "/var/cache/aptx /var/cache /x/var/cache/apt"},
		{"/var/cache/apt/**", "/var/cache/apt/archives/x.deb", "/var/cache/aptx"},
		{"/var/cache/apt/*", "/var/cache/apt/archives/x.deb /var/cache/apt/y", "/var/cache/apt"},
		{"/**", "/ /a /a/b", ""},
		{"**", "/ /a /a/b", ""},
		{"*", "/a /a/b", "/"},
		{"/", "/ /a", ""},
		{"/srv/{a,b/c}", "/srv/a/x /srv/b/c", "/srv/b /srv/c"},
		{"{a,b/c}", "/a /x/a /b/c/d", "/b /c /x/b/c"},
		{"{/a,x{y,{z,w}}}", "/a /k/xy /xz /xw", "/k/a /x /y"},
		{"/[{]/[,}]", "/{/, /{/}", "/{"},
		{`\{a,b\}`, "/{a,b}", "/a /b"},
		{"/srv/{,app/}key", "/srv/key /srv/app/key", "/srv/app"},
		{"*.{key,pem}", "/x/a.key /a.pem", "/a.txt"},
		{"id_[rd]sa", "/root/.ssh/id_rsa /id_dsa", "/id_xsa"},
		{"id_[!r]sa", "/id_dsa", "/id_rsa"},
		{`\*.pem`, "/*.pem", "/a.pem"},
		{"/a***/*", "/a/x /ab/x", "/a /b/x"},
		{"/a***", "/a /ab", "/b"},
		{`/a\***`, "/a* /a*b", "/a /ab"},
		{"/[a**]", "/a /*", "/b /**"},
		{"ä?", "/äö", "/ä"},
		{"A", "/A", "/a"},
	} {
		g, err := ParseGlob(c.glob)
		if err != nil {
			t.Errorf("%s: %v", c.glob, err)
			continue
		}
		for path := range strings.FieldsSeq(c.yes) {
			if !g.covers(path) {
				t.Errorf("%s doesn't match %s", c.glob, path)
			}
		}
		for path := range strings.FieldsSeq(c.no) {
			if g.covers(path) {
				t.Errorf("%s names %s", c.glob, path)
			}
		}
	}
}

func TestGlobErrors(t *testing.T) {
	for glob, says := range map[string]string{
		strings.Repeat("a/", 62) + "a": "more than 62 parts",
		"":                             "empty",
		"!":                            "empty",
		"[a":                           "is not a glob",
		"{a,b":                         "is not a glob",
		`a\`:                           "is not a glob",
		"!/srv/[":                      "is not a glob",
		"/srv/../etc":                  "matches no path",
		"./a":                          "matches no path",
		"a//b":                         "matches no path",
		"//a":                          "matches no path",
		strings.Repeat("x", 2000):      "the maximum is 1024",
		strings.Repeat("{a,b}", 9):     "more than 256 globs",
		"{a,}":                         "matches no path",
		`a\/b`:                         "a slash",
		"[a/b]":                        "a slash",
	} {
		if _, err := ParseGlob(glob); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: got error %v, want one that says %q", glob, err, says)
		}
	}
}

func TestGlobExceptions(t *testing.T) {
	var gs Globs
	for _, text := range []string{"!/etc/ssl", "*.pem", "!keep.pem"} { // the order doesn't matter
		g, err := ParseGlob(text)
		if err != nil {
			t.Fatal(err)
		}
		if g.String() != text {
			t.Errorf("%s is written as %s", text, g)
		}
		gs = append(gs, g)
	}
	for path, want := range map[string]bool{
		"/a.pem": true, "/srv/b.pem": true, "/etc/ssl/certs/a.pem": false, "/srv/keep.pem": false, "/etc/ssl2/a.pem": true, "/a": false,
	} {
		if got := gs.coverPath(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// plainCovers is a simple version of Glob.covers: it matches the path and every parent
// directory against the whole glob.
func plainCovers(t testing.TB, text, path string) bool {
	t.Helper()
	all, err := plainGlobs(strings.TrimPrefix(text, "!"))
	if err != nil {
		t.Fatal(err)
	}
	for _, glob := range all {
		rooted := strings.HasPrefix(glob, "/")
		glob = strings.TrimPrefix(glob, "/")
		if glob == "" {
			return true
		}
		if strings.TrimSuffix(covering(glob), "**") == "" {
			return true
		}
		glob = covering(glob)
		if !strings.Contains(glob, "/") && !rooted {
			glob = "**/" + glob
		}
		for at, c := range []byte(path + "/") {
			if above := path[:at]; c == '/' && at > 0 && doublestar.MatchUnvalidated(glob, above[1:]) {
				return true
			}
		}
	}
	return false
}

// someGlobs returns globs of up to the given number of parts.
func someGlobs(parts int) []string {
	all := []string{""}
	for from, n := 0, 0; n < parts; n++ {
		to := len(all)
		for _, begin := range all[from:to] {
			for _, part := range []string{"a", "b", "*", "**", "a*", "*b", "?", "[!a]*", "{a,b/a}"} {
				all = append(all, strings.TrimPrefix(begin+"/"+part, "/"))
			}
		}
		from = to
	}
	return all[1:]
}

// somePaths returns paths of up to the given number of parts.
func somePaths(parts int) []string {
	all := []string{""}
	for from, n := 0, 0; n < parts; n++ {
		to := len(all)
		for _, dir := range all[from:to] {
			for _, name := range []string{"a", "b", "ab"} {
				all = append(all, dir+"/"+name)
			}
		}
		from = to
	}
	return all[1:]
}

// TestGlobsMatchPlainGlobs checks all short globs on all short paths: each must match the
// paths that the library matches, and everything below them.
func TestGlobsMatchPlainGlobs(t *testing.T) {
	paths := somePaths(4)
	for _, text := range someGlobs(3) {
		for _, text := range []string{text, "/" + text} {
			g, err := ParseGlob(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for _, path := range paths {
				if got, want := g.covers(path), plainCovers(t, text, path); got != want {
					t.Fatalf("%s names %s: %v, want %v", text, path, got, want)
				}
			}
		}
	}
}

// TestGlobIsLinear checks that the cost of matching grows with the length of the path and the
// number of the glob's parts, but not with the number of parent directories.
func TestGlobIsLinear(t *testing.T) {
	steps := func(glob string, depth int) int {
		g, err := ParseGlob(glob)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		p := g.any[0]
		state := p.start()
		for range depth {
			n += p.cost(state, "a")
			state = p.step(state, func(part int) bool { return p.parts[part].matches("a") })
		}
		return n
	}
	for _, glob := range []string{"/srv/**/b/**/c/**/d", "/**/x/*", "/**/a/**/a/**/a/*/*/x", "/" + strings.Repeat("**/a/", 30) + "b", "*.pem"} {
		one, two := steps(glob, 10_000), steps(glob, 20_000)
		if two > 2*one+100 {
			t.Errorf("%s: %d steps on 10,000 directories, %d on twice as many", glob, one, two)
		}
		if most := 10_000 * 4 * maxParts; one > most {
			t.Errorf("%s: %d steps on 10,000 directories, want at most %d", glob, one, most)
		}
	}
}

// FuzzGlob checks that every text that parses as a glob is matched in bounded time without a
// panic, agrees with the library, and also matches everything below a path that it matches.
func FuzzGlob(f *testing.F) {
	for _, s := range []string{"*.pem", "**/.git/**", "/srv/{a,b/c}", "!/etc/ssl", `\*[a-z]?`, "{a,{b,c}}*", "a/**/b/**", "[^/]", "**/**/a*/**/?", "/**/x/*"} {
		f.Add(s, "/srv/app/.git/config")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		g, err := ParseGlob(text)
		path = cleanPath(path)
		if err != nil || len(path) > 256 || path == "/" {
			return
		}
		named := g.covers(path)
		if named && !g.covers(path+"/x") {
			t.Errorf("%q matches %q, but nothing below it", text, path)
		}
		if strings.ContainsRune(text, utf8.RuneError) || strings.Contains(text, "***") {
			return // the library takes any byte that isn't UTF-8 for any other, and doesn't match "a" with "a***"
		}
		if want := plainCovers(t, text, path); named != want {
			t.Errorf("%q names %q: %v, want %v", text, path, named, want)
		}
	})
}
