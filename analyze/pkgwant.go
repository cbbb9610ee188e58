package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// A PackageWant selects packages by type, name and version.
type PackageWant struct {
	Type    string // "" for any
	Name    string // a glob with * and ?
	Version string // a glob; "" for any
}

// Limits on package names in a rule or a filter.
const (
	maxPackageWants = 1000
	maxPackageWant  = 1024 // bytes of one
)

// packageTypes are the types of packages.
var packageTypes = []string{"dpkg", "apk", "rpm", "python", "conda", "npm", "gem", "go", "java"}

// unownedWord stands for content without a package in a filter.
const unownedWord = "-"

// parsePackageWant parses "NAME", "NAME@VERSION" or "TYPE:NAME".
func parsePackageWant(text string) (PackageWant, error) {
	var w PackageWant
	if typ, rest, ok := strings.Cut(text, ":"); ok && slices.Contains(packageTypes, typ) {
		w.Type, text = typ, rest
	}
	w.Name = text
	if at := strings.LastIndexByte(text, '@'); at > 0 { // npm scopes start with "@"
		w.Name, w.Version = text[:at], text[at+1:]
		if w.Version == "" {
			w.Name = ""
		}
	}
	if w.Name == "" || len(text) > maxPackageWant || strings.TrimSpace(text) != text {
		return w, errors.New("give a package as NAME, NAME@VERSION or TYPE:NAME (* and ? stand for anything)")
	}
	return w, nil
}

// String returns the want as written.
func (w PackageWant) String() string {
	s := w.Name
	if w.Type != "" {
		s = w.Type + ":" + s
	}
	if w.Version != "" {
		s += "@" + w.Version
	}
	return s
}

// fits reports whether a package matches.
func (w *PackageWant) fits(x *Package) bool {
	return (w.Type == "" || w.Type == x.Type) && like(w.Name, x.Name) && (w.Version == "" || like(w.Version, x.Version))
}

// addPackageWant parses another value.
func addPackageWant(have []PackageWant, text string) ([]PackageWant, error) {
	w, err := parsePackageWant(text)
	if err != nil {
		return nil, fmt.Errorf(`%w, or "off"`, err)
	}
	if len(have) == maxPackageWants {
		return nil, fmt.Errorf("more than %d packages", maxPackageWants)
	}
	return append(slices.Clone(have), w), nil
}

// Term returns a filter term that matches the versions that the package lists. Special and
// non-ASCII characters become "?" for any byte. A package without a name is the content that no
// package owns.
func (x *Package) Term() string {
	if x.Name == "" {
		return "package:" + unownedWord
	}
	text := "package:" + x.Type + ":" + anyOdd(x.Name, 0)
	if x.Version != "" {
		text += "@" + anyOdd(x.Version, -1)
	}
	return text
}

// anyOdd converts a text to a glob without characters that have a meaning in a filter or a want;
// "@" may be at index first, where it starts an npm scope. It cuts long texts and appends a
// wildcard.
func anyOdd(text string, first int) string {
	const most = maxPackageWant / 4
	b := []byte(text[:min(len(text), most)])
	for i, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`,"\*`, c) >= 0 || c == '@' && i > first {
			b[i] = '?'
		}
	}
	if len(text) > most {
		b = append(b, '*')
	}
	return string(b)
}

// packageTerm matches versions that one of some packages lists, or that none lists.
func packageTerm(value string) (term, error) {
	var wants []PackageWant
	unowned := false
	for part := range strings.SplitSeq(value, ",") {
		if part == unownedWord {
			unowned = true
			continue
		}
		w, err := parsePackageWant(part)
		if err != nil {
			return term{}, fmt.Errorf("%w, or %s for what no package owns", err, unownedWord)
		}
		wants = append(wants, w)
	}
	return term{node: func(ctx context.Context, v *View) (nodeTest, error) {
		p, err := v.t.packages(ctx)
		if err != nil {
			return nil, err
		}
		keep := make([]bool, len(p.Rows))
		for i := range p.Rows {
			keep[i] = slices.ContainsFunc(wants, func(w PackageWant) bool { return w.fits(&p.Rows[i]) })
		}
		return func(n NodeID) bool { return p.shownOf(v, n, keep, unowned) }, nil
	}}, nil
}

// shownOf reports whether a view shows a version of n that one of the packages lists, or that
// none lists, if requested. For a removal, the removed version counts. Directories belong to no
// package.
func (p *Packages) shownOf(v *View, n NodeID, keep []bool, unowned bool) bool {
	from, to := v.t.versionRange(n)
	first, last := from, to-1
	if v.spec.Mode != Everything {
		first = v.showing(n)
		last = first
		for last > from && v.t.versions[last].change == Removed {
			last--
			first = last
		}
	}
	for i := first; i <= last && i >= 0; i++ {
		x := &v.t.versions[i]
		switch {
		case x.change == Removed, x.kind == source.Dir:
		case unowned && p.owner[i] == none && x.inode != none && !p.otherName(i), p.lists(i, keep):
			return true
		}
	}
	return false
}

// lists reports whether a package for which keep is true lists version i.
func (p *Packages) lists(i int32, keep []bool) bool {
	if o := p.owner[i]; o != none && keep[o] {
		return true
	}
	return slices.ContainsFunc(p.also[i], func(o int32) bool { return keep[o] })
}
