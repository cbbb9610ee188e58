package report

import (
	"context"
	"fmt"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// packagesOf returns the packages of an image, those that store most first. The first call takes a
// pass over the image.
func packagesOf(ctx context.Context, a *analyze.Analysis) (*analyze.Packages, []analyze.Package) {
	p, err := a.Packages(ctx)
	if err != nil {
		return &analyze.Packages{}, nil // the context has ended, so nothing more is written
	}
	list := PackageList{Packages: p, Layer: -1}
	return p, list.Rows()
}

// packages lists the packages that store most.
func (p *page) packages(a *analyze.Analysis) {
	known, all := packagesOf(context.Background(), a)
	if len(all) == 0 {
		return
	}
	if len(all) > packagesShown {
		p.heading("Packages (the %d largest of %s)", packagesShown, human.Comma(len(all)))
	} else {
		p.heading("Packages")
	}
	p.line("   stored   wasted  type    package")
	row := func(stored, wasted int64, typ, name string) {
		p.line("%s %s  %s  %s", padLeft(human.Size(stored), 9), padLeft(human.Size(wasted), 8), pad(typ, 6), name)
	}
	for i := range all[:min(len(all), packagesShown)] {
		x := &all[i]
		row(x.Stored, x.Wasted, x.Type, packageTitle(x))
	}
	if rest := restOfPackages(all); rest.n > 0 {
		row(rest.stored, rest.wasted, "-", human.Count(rest.n, "more package", "more packages"))
	}
	row(known.Unowned.Stored, known.Unowned.Wasted, "-", "owned by no package")
	for _, f := range known.Flaws[:min(len(known.Flaws), flawsShown)] {
		p.paragraph("  ", fmt.Sprintf("layer %d: %s: %s", f.Layer, clean.Text(f.Path), clean.Line(f.Problem)))
	}
}

// packageRest sums up the packages that are not listed.
type packageRest struct {
	n              int
	stored, wasted int64
}

func restOfPackages(all []analyze.Package) (rest packageRest) {
	for i := packagesShown; i < len(all); i++ {
		rest.n++
		rest.stored += all[i].Stored
		rest.wasted += all[i].Wasted
	}
	return rest
}

// packages adds a folded section with the packages.
func (m *mdPage) packages(a *analyze.Analysis) {
	known, all := packagesOf(context.Background(), a)
	if len(all) == 0 {
		return
	}
	m.details(human.Count(len(all), "package", "packages"), func() {
		m.fits("| stored | wasted | | package | |\n|--:|--:|:--|:--|:--|\n")
		shown := m.list(min(len(all), packagesShown), func(i int) string {
			x := &all[i]
			version := ""
			if x.Version != "" {
				version = mdCode(x.Version)
			}
			if !x.Installed {
				version += " (removed)"
			}
			return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", human.Size(x.Stored), human.Size(x.Wasted), x.Type, mdCode(x.Name), version)
		})
		m.fits(fmt.Sprintf("| %s | %s | | owned by no package | |\n", human.Size(known.Unowned.Stored), human.Size(known.Unowned.Wasted)))
		if left := len(all) - shown; left > 0 {
			m.fits("\nand " + human.Count(left, "more package", "more packages") + ".\n")
		}
	})
}

// htmlPackage is a row of packages on a page.
type htmlPackage struct {
	Name, Version, Type     string
	Stored, Visible, Wasted int64
	Layers                  string
	Removed                 bool
}

func (p *htmlPage) packages(ctx context.Context, a *analyze.Analysis) {
	known, all := packagesOf(ctx, a)
	for i := range all {
		x := &all[i]
		if i >= htmlPackages {
			p.MorePack.n++
			p.MorePack.stored += x.Stored
			p.MorePack.wasted += x.Wasted
			continue
		}
		p.Packages = append(p.Packages, htmlPackage{
			cutRunes(clean.Line(x.Name), nameRunes), cutRunes(clean.Line(x.Version), nameRunes), x.Type,
			x.Stored, x.Visible, x.Wasted, packageLayers(x), !x.Installed,
		})
	}
	p.Unowned = htmlPackage{Stored: known.Unowned.Stored, Visible: known.Unowned.Visible, Wasted: known.Unowned.Wasted, Layers: packageLayers(&known.Unowned)}
}

// MorePackages sums up the packages that have no row.
func (p *htmlPage) MorePackages() htmlPackage {
	return htmlPackage{Name: human.Comma(p.MorePack.n), Stored: p.MorePack.stored, Wasted: p.MorePack.wasted, Visible: p.MorePack.stored - p.MorePack.wasted}
}

// HasMorePackages reports whether there are any.
func (p *htmlPage) HasMorePackages() bool { return p.MorePack.n > 0 }
