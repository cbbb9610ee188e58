package analyze

import (
	"strings"
	"testing"
)

// TestGlobOfPaths checks that a glob for paths matches only paths that begin with its prefix.
func TestGlobOfPaths(t *testing.T) {
	for _, c := range []struct {
		glob, prefix string
		yes, no      []string
	}{
		{"/usr/lib/a.jar", "/usr/lib/a.jar", []string{"/usr/lib/a.jar"}, []string{"/usr/lib/a.jar/x", "/usr/lib", "/usr/lib/b.jar"}},
		{"/usr/**/log4j-core-2.1?.jar", "/usr/", []string{"/usr/log4j-core-2.14.jar", "/usr/a/b/log4j-core-2.14.jar"}, []string{"/opt/log4j-core-2.14.jar"}},
		{"log4j*", "/", []string{"/log4j", "/a/b/log4j-core"}, []string{"/log4j/x", "/a"}},
		{"/usr/lib/x*/y", "/usr/lib/x", []string{"/usr/lib/x/y", "/usr/lib/xz/y"}, []string{"/usr/lib/x/z"}},
		{"/etc/**", "/etc", []string{"/etc", "/etc/passwd", "/etc/a/b"}, []string{"/etcx", "/"}},
		{"/etc/", "/etc", []string{"/etc", "/etc/passwd"}, []string{"/usr"}},
		{"/a/{bc,bd}/e", "/a/b", []string{"/a/bc/e", "/a/bd/e"}, []string{"/a/be/e"}},
		{"/{a,b}", "/", []string{"/a", "/b"}, []string{"/c"}},
		{`/a\*b`, "/a", []string{"/a*b"}, []string{"/axb"}},
		{"!/etc", "/etc", nil, []string{"/etc"}},
	} {
		g, err := ParseGlob(c.glob)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Prefix(); got != c.prefix {
			t.Errorf("%s: prefix %q, want %q", c.glob, got, c.prefix)
		}
		for _, path := range c.yes {
			if !g.Matches(path) || !strings.HasPrefix(path, g.Prefix()) {
				t.Errorf("%s doesn't match %s", c.glob, path)
			}
		}
		for _, path := range append(c.no, "", "usr") {
			if g.Matches(path) {
				t.Errorf("%s matches %s", c.glob, path)
			}
		}
	}
}
