package analyze

import (
	"slices"
	"strings"
	"testing"
)

// TestPackageTermFits checks that a package's term is a filter of one want, for any name, and
// that it matches this package and no package whose name differs by a letter.
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
					t.Fatalf("%+v: %q is parsed as %+v, %v", x, x.Term(), want, err)
				}
				other := x
				other.Name = "q" + x.Name
				if want.fits(&other) {
					t.Errorf("%q fits %q too", x.Term(), other.Name)
				}
				i := slices.Index(packageTypes, typ)
				other = x
				if other.Type = packageTypes[(i+1)%len(packageTypes)]; want.fits(&other) {
					t.Errorf("%q matches another type", x.Term())
				}
			}
		}
	}
	if got := (&Package{}).Term(); got != "package:-" {
		t.Errorf("files without a package are called %q", got)
	}
}
