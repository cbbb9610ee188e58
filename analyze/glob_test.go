package analyze

import (
	"strings"
	"testing"
)

func TestGlobCovers(t *testing.T) {
	for _, c := range []struct {
		glob string
		yes  string // paths that it names, with spaces between
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
				t.Errorf("%s does not name %s", c.glob, path)
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
		"":                         "empty",
		"!":                        "empty",
		"[a":                       "is not a glob",
		"{a,b":                     "is not a glob",
		`a\`:                       "is not a glob",
		"!/srv/[":                  "is not a glob",
		"/srv/../etc":              "names no path",
		"./a":                      "names no path",
		"a//b":                     "names no path",
		"//a":                      "names no path",
		strings.Repeat("x", 2000):  "1024 are the most",
		strings.Repeat("{a,b}", 9): "more than 256 globs",
		"{a,}":                     "names no path",
		`a\/b`:                     "a slash",
		"[a/b]":                    "a slash",
	} {
		if _, err := ParseGlob(glob); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: error %v, want one that says %q", glob, err, says)
		}
	}
}

func TestGlobExceptions(t *testing.T) {
	var gs Globs
	for _, text := range []string{"!/etc/ssl", "*.pem", "!keep.pem"} { // the order is nothing
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

// Whatever is taken for a glob is matched in bounded time and without a panic,
// and names what lies below what it names.
func FuzzGlob(f *testing.F) {
	for _, s := range []string{"*.pem", "**/.git/**", "/srv/{a,b/c}", "!/etc/ssl", `\*[a-z]?`, "{a,{b,c}}*", "a/**/b/**", "[^/]"} {
		f.Add(s, "/srv/app/.git/config")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		g, err := ParseGlob(text)
		path = cleanPath(path)
		if err != nil || len(path) > 256 || path == "/" {
			return
		}
		if g.covers(path) && !g.covers(path+"/x") {
			t.Errorf("%q names %q, and not what is below it", text, path)
		}
	})
}
