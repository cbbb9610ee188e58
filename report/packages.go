package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// PackagesSchema names the format of the JSON list of packages.
const PackagesSchema = "peel.packages/v1"

// A PackageList says which of an image's packages to show.
type PackageList struct {
	Packages *analyze.Packages
	Layer    int                 // count only bytes in this layer; -1 for all layers
	Wasted   bool                // only packages with wasted bytes
	Order    string              // one of PackageOrders, the first if it is ""
	Reverse  bool                // reverse the order
	Unowned  []analyze.OwnedFile // the files of no package, if the list includes them
	Files    bool                // the list includes them
}

// PackageOrders are the orders of a list of packages. For numbers, the largest is first.
var PackageOrders = []string{"stored", "visible", "wasted", "shared", "files", "name", "version", "type", "layer"}

// Rows returns the packages to show, in order.
func (l *PackageList) Rows() []analyze.Package {
	var out []analyze.Package
	for _, x := range l.Packages.Rows {
		if l.Layer >= 0 && !l.only(&x) || l.Wasted && x.Wasted == 0 {
			continue
		}
		out = append(out, x)
	}
	order := cmp.Or(l.Order, PackageOrders[0])
	slices.SortStableFunc(out, func(a, b analyze.Package) int { return comparePackages(&a, &b, order) })
	if l.Reverse {
		slices.Reverse(out)
	}
	return out
}

// Rest returns what no package owns.
func (l *PackageList) Rest() analyze.Package {
	x := l.Packages.Unowned
	if l.Layer >= 0 {
		l.only(&x)
	}
	return x
}

// only keeps what the list's layer carries of a package; false if that is nothing.
func (l *PackageList) only(x *analyze.Package) bool {
	of, ok := x.Of(l.Layer)
	x.Stored, x.Visible, x.Wasted, x.Files, x.Layers = of.Stored, of.Visible, of.Wasted, of.Files, nil
	if ok {
		x.Layers = []analyze.PackageLayer{of}
	}
	return ok
}

func comparePackages(a, b *analyze.Package, order string) int {
	switch order {
	case "visible":
		return cmp.Compare(b.Visible, a.Visible)
	case "wasted":
		return cmp.Compare(b.Wasted, a.Wasted)
	case "shared":
		return cmp.Compare(b.Shared, a.Shared)
	case "files":
		return cmp.Compare(b.Files, a.Files)
	case "name":
		return strings.Compare(a.Name, b.Name)
	case "version":
		return strings.Compare(a.Version, b.Version)
	case "type":
		return strings.Compare(a.Type, b.Type)
	case "layer":
		return cmp.Compare(a.Layer, b.Layer)
	}
	return cmp.Compare(b.Stored, a.Stored)
}

// Packages writes a list of packages for people.
func (l Layout) Packages(w io.Writer, a *analyze.Analysis, list *PackageList) error {
	p := page{layout: l}
	if list.Files {
		p.unownedFiles(list)
		return p.writeTo(w)
	}
	rows := list.Rows()
	p.line("%s", packagesHead)
	for i := range rows {
		p.pkg(&rows[i])
	}
	rest := list.Rest()
	p.pkgFigures(&rest, "-", "-", "owned by no package")
	var sum analyze.Package
	for _, x := range append(rows, rest) {
		sum.Stored += x.Stored
		sum.Visible += x.Visible
		sum.Wasted += x.Wasted
		sum.Files += x.Files
	}
	p.pkgFigures(&sum, "", "", human.Count(len(rows), "package", "packages")+" and what no package owns")
	if len(a.Layers) > 0 && len(rows) == 0 && len(list.Packages.Rows) == 0 {
		p.line("no database of packages was found")
	}
	p.flaws(list.Packages.Flaws)
	return p.writeTo(w)
}

const packagesHead = "   stored   visible    wasted    shared    files  layers     type    package"

// pkg writes the row of a package.
func (p *page) pkg(x *analyze.Package) {
	p.pkgFigures(x, packageLayers(x), x.Type, packageTitle(x))
}

func (p *page) pkgFigures(x *analyze.Package, layers, typ, name string) {
	shared := "-"
	if x.Shared > 0 {
		shared = human.Size(x.Shared)
	}
	p.line("%s %s %s %s %s  %s %s %s", padLeft(human.Size(x.Stored), 9), padLeft(human.Size(x.Visible), 9), padLeft(human.Size(x.Wasted), 9),
		padLeft(shared, 9), padLeft(human.Comma(x.Files), 8), pad(layers, 9), pad(typ, 7), name)
}

// packageTitle returns a package's name and version, fit for a terminal, and whether it is still
// installed.
func packageTitle(x *analyze.Package) string {
	title := clean.Line(x.Name)
	if x.Version != "" {
		title += " " + clean.Line(x.Version)
	}
	if !x.Installed {
		title += " (removed)"
	}
	return title
}

// packageLayers returns the layers that carry a package, or "-" for none.
func packageLayers(x *analyze.Package) string { return cmp.Or(x.LayerRanges(9), "-") }

// unownedFiles lists the files that no package owns.
func (p *page) unownedFiles(list *PackageList) {
	p.line("   stored   wasted  layer  path")
	for i := range list.Unowned {
		x := &list.Unowned[i]
		v := x.Version
		const indent = 27
		p.line("%s %s  %s  %s", padLeft(human.Size(x.Stored), 9), padLeft(human.Size(x.Wasted), 8), padLeft(strconv.Itoa(v.Layer()), 5),
			cutMiddle(clean.Text(x.Path()), p.most()-indent))
	}
}

// The types below are the format of the JSON list.
type (
	packagesDoc struct {
		Schema string   `json:"schema"`
		Image  imageRow `json:"image"`
		Layer  *int     `json:"layer"`
		Totals struct {
			Stored  int64 `json:"storedBytes"`
			Visible int64 `json:"visibleBytes"`
			Wasted  int64 `json:"wastedBytes"`
		} `json:"totals"`
	}

	packageRow struct {
		Name      quoted            `json:"name"`
		Version   *quoted           `json:"version"`
		Type      string            `json:"type"`
		Stored    int64             `json:"storedBytes"`
		Visible   int64             `json:"visibleBytes"`
		Wasted    int64             `json:"wastedBytes"`
		Shared    int64             `json:"sharedBytes"`
		Files     int               `json:"files"`
		Layer     int               `json:"layer"`
		Installed bool              `json:"installed"`
		Layers    []packageLayerRow `json:"layers"`
	}

	packageLayerRow struct {
		Layer   int     `json:"layer"`
		Stored  int64   `json:"storedBytes"`
		Visible int64   `json:"visibleBytes"`
		Wasted  int64   `json:"wastedBytes"`
		Files   int     `json:"files"`
		Command *quoted `json:"command"`
	}

	unownedRow struct {
		Stored  int64             `json:"storedBytes"`
		Visible int64             `json:"visibleBytes"`
		Wasted  int64             `json:"wastedBytes"`
		Files   int               `json:"files"`
		Layers  []packageLayerRow `json:"layers"`
	}

	unownedFileRow struct {
		Path   quoted `json:"path"`
		Layer  int    `json:"layer"`
		Stored int64  `json:"storedBytes"`
		Wasted int64  `json:"wastedBytes"`
	}
)

// PackagesJSON writes a list of packages as one JSON object in the format of docs/packages.md, with
// a newline.
func PackagesJSON(w io.Writer, a *analyze.Analysis, list *PackageList) error {
	doc := packagesDoc{Schema: PackagesSchema, Image: newImageRow(a.Image), Layer: knownInt(list.Layer)}
	doc.Totals.Stored, doc.Totals.Visible, doc.Totals.Wasted = a.Totals.Stored, a.Totals.Visible, a.Totals.Wasted
	if list.Layer >= 0 {
		l := &a.Layers[list.Layer]
		doc.Totals.Stored, doc.Totals.Visible, doc.Totals.Wasted = l.Stored, l.Stored-l.Wasted, l.Wasted
	}
	out := newRows(w)
	out.object(doc)
	rest := list.Rest()
	writePackages(out, a, list.Rows(), &rest)
	if list.Files {
		out.array("unownedFiles", len(list.Unowned), func(i int) any {
			x := &list.Unowned[i]
			return unownedFileRow{quoted(x.Path()), x.Version.Layer(), x.Stored, x.Wasted}
		})
	}
	out.array("flaws", len(list.Packages.Flaws), func(i int) any {
		f := &list.Packages.Flaws[i]
		return flawRow{knownInt(f.Layer), known(f.Path), quoted(f.Problem)}
	})
	return out.end()
}

// writePackages adds the keys "packages" and "unowned".
func writePackages(out *rows, a *analyze.Analysis, all []analyze.Package, rest *analyze.Package) {
	out.array("packages", len(all), func(i int) any {
		x := &all[i]
		return packageRow{
			Name: quoted(x.Name), Version: known(x.Version), Type: x.Type,
			Stored: x.Stored, Visible: x.Visible, Wasted: x.Wasted, Shared: x.Shared,
			Files: x.Files, Layer: x.Layer, Installed: x.Installed, Layers: newPackageLayers(a, x),
		}
	})
	out.value("unowned", unownedRow{
		Stored: rest.Stored, Visible: rest.Visible, Wasted: rest.Wasted, Files: rest.Files, Layers: newPackageLayers(a, rest),
	})
}

func newPackageLayers(a *analyze.Analysis, x *analyze.Package) []packageLayerRow {
	out := make([]packageLayerRow, 0, len(x.Layers))
	for _, l := range x.Layers {
		out = append(out, packageLayerRow{
			Layer: l.Layer, Stored: l.Stored, Visible: l.Visible, Wasted: l.Wasted, Files: l.Files,
			Command: known(analyze.Masked(a.Layers[l.Layer].Layer.Step.Command)),
		})
	}
	return out
}
