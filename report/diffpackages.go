package report

import (
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// packagesShown is the maximum number of packages in a report or a comparison for people.
const packagesShown = 20

// htmlPackages is the maximum number on a page.
const htmlPackages = 500

// packageChange returns the change of a package: "added", "removed", "upgraded".
func packageChange(x *analyze.PackageDifference) string {
	if x.Change == analyze.Modified {
		return "upgraded"
	}
	return x.Change.String()
}

// packageVersions are the versions of a package, the new one first.
func packageVersions(x *analyze.PackageDifference) string {
	switch x.Change {
	case analyze.Added:
		return x.After
	case analyze.Removed:
		return x.Before
	}
	return x.After + " ← " + x.Before
}

// packageCounts counts packages by their change.
func packageCounts(all []analyze.PackageDifference) string {
	counts := map[string]int{}
	for i := range all {
		counts[packageChange(&all[i])]++
	}
	var out []string
	for _, word := range []string{"added", "removed", "upgraded"} {
		if n := counts[word]; n > 0 {
			out = append(out, human.Comma(n)+" "+word)
		}
	}
	return strings.Join(out, ", ")
}

// packageChanges lists the packages that differ.
func (p *page) packageChanges(all []analyze.PackageDifference) {
	if len(all) == 0 {
		return
	}
	p.heading("Packages: %s", packageCounts(all))
	for i := range all {
		if i == packagesShown {
			p.line("  and %s more", human.Comma(len(all)-i))
			return
		}
		x := &all[i]
		p.line("%s  %s  %s  %s  %s", padLeft(signed(x.Growth(), human.Size), 9), pad(packageChange(x), 9), pad(x.Type, 6), clean.Line(x.Name), clean.Line(packageVersions(x)))
	}
}

// packageChanges adds a folded section with the packages that differ.
func (m *mdPage) packageChanges(all []analyze.PackageDifference) {
	if len(all) == 0 {
		return
	}
	m.details("Packages: "+packageCounts(all), func() {
		m.fits("| growth | | | package | version |\n|--:|:--|:--|:--|:--|\n")
		m.rest(len(all), "package", "packages", func(i int) string {
			x := &all[i]
			version := ""
			if v := packageVersions(x); v != "" {
				version = mdCode(v)
			}
			return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", signed(x.Growth(), human.Size), packageChange(x), x.Type, mdCode(x.Name), version)
		})
	})
}

func (page *htmlDiff) packages(all []analyze.PackageDifference) {
	page.PackageSum = packageCounts(all)
	for i := range all {
		if i == htmlPackages {
			page.MorePackages = len(all) - i
			return
		}
		x := &all[i]
		page.Packages = append(page.Packages, htmlDiffPackage{
			signed(x.Growth(), human.Size), packageChange(x), cutRunes(clean.Line(x.Name), nameRunes), x.Type,
			cutRunes(clean.Line(x.Before), nameRunes), cutRunes(clean.Line(x.After), nameRunes),
		})
	}
}
