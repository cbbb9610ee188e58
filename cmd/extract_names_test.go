package cmd

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"etc/passwd": true, "a.b": true, ".a": true, "con1": true, "comx": true, "com": true, "com10": true, "a b": true, "NULL": true, "é": true,
		"CON": false, "etc/nul": false, "Aux.txt": false, "com1": false, "lpt9.log": false, "COM¹": false, "nul .txt": false, "conin$": false,
		"a:b": false, `a\b`: false, "a.": false, "a ": false, "a?": false, "a*": false, "a|b": false, `a"b`: false, "<": false, "a\nb": false, "..": false,
	} {
		if err := checkName("windows", name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
		if err := checkName("linux", name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestNamesAlike checks that names are compared as file systems do: ignoring case, and in any
// Unicode form of accents.
func TestNamesAlike(t *testing.T) {
	a := newSameNames(&plan{})
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"etc/Passwd", "etc/passwd", true},
		{"\u00e9", "e\u0301", true},
		{"ΑΣ", "ας", true},
		{"a", "b", false},
		{"a/b", "ab", false},
	} {
		if got := a.sum(c.a) == a.sum(c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
	p := &plan{dirs: []item{{name: "A"}, {name: "b"}}, bodies: []*body{{items: []item{{name: "B"}, {name: "c"}}}}, symlinks: []symlink{{item{name: "d"}, "x"}}}
	if a := newSameNames(p); len(a.first) != 1 || strings.Join(func() (all []string) { p.names(func(n string) { all = append(all, n) }); return }(), "") != "AbBcd" {
		t.Errorf("%d names are alike", len(a.first))
	}
}
