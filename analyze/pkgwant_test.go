package analyze

import (
	"slices"
	"strings"
	"testing"
)

// Whatever a package is called: its term is a filter's, of one want, which fits the
// package and no other that differs by a letter.
func TestPackageTermFits(t *testing.T) {
	odd := []string{
		"git", "@acme/ui", "a@b@c", "@", "@@", "a,b", "-", "a b", " a ", `a"b`, `a\b`, "a*b", "a?b", "dpkg:x", "!a", "caf\u00e9", "\xff\x00\x1b[2J",
		"a\u00a0b", "{a,b}", "[a]", ":", strings.Repeat("n", 5000),
	}
	for _, typ := range packageTypes {
		for _, name := range odd {
			for _, version := range append([]string{""}, odd...) {
				x := Package{Name: name, Version: version, Type: typ}
				f, err := ParseFilter(x.Term())
				if err != nil || len(f.terms) != 1 {
					t.Fatalf("%+v: %q: %v", x, x.Term(), err)
				}
				want, err := parsePackageWant(strings.TrimPrefix(x.Term(), "package:"))
				if err != nil || !want.fits(&x) {
					t.Fatalf("%+v: %q is read as %+v, %v", x, x.Term(), want, err)
				}
				other := x
				other.Name = "q" + x.Name
				if want.fits(&other) {
					t.Errorf("%q fits %q too", x.Term(), other.Name)
				}
				i := slices.Index(packageTypes, typ)
				other = x
				if other.Type = packageTypes[(i+1)%len(packageTypes)]; want.fits(&other) {
					t.Errorf("%q fits another type", x.Term())
				}
			}
		}
	}
	if got := (&Package{}).Term(); got != "package:-" {
		t.Errorf("what no package owns is %q", got)
	}
}
