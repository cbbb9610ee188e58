package report

import (
	"context"
	"encoding/json"
	"html/template"
	"slices"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// Limits of a page, so that it always opens quickly. Omitted rows are summarized in a last one.
const (
	htmlWasteRows    = 2000
	htmlWasteBytes   = 400_000 // of all paths of these rows, as HTML writes them
	htmlLayerRows    = 256     // twice what engines allow
	htmlLayerBytes   = 250_000 // of their commands; later ones are shortened
	htmlFindings     = 100
	htmlFlaws        = 100
	htmlPathRunes    = 1024
	htmlCommandRunes = 2000
	mapCommandRunes  = 160 // of a command, below the treemap
)

// htmlPage is the data of page.html. All text is safe to show.
type htmlPage struct {
	htmlShell
	ID string // suffix of the sections' IDs, if a page is about several images

	Totals     analyze.Totals
	WasteRatio float64
	BaseNote   string

	Map      mapPart
	Layers   []htmlLayer
	MoreLay  layerRest
	Packages []htmlPackage
	Unowned  htmlPackage // what no package owns
	MorePack packageRest
	Causes   []htmlCause
	Findings []htmlFinding
	MoreFind int
	Waste    []htmlWaste
	MoreWast wasteRest
	Flaws    []htmlFlaw
	MoreFlaw int
}

type (
	// mapPart is the treemap, in the script element that page.js reads.
	mapPart struct {
		Data         mapData
		RestVersions int
		RestBytes    int64
	}

	htmlLayer struct {
		Index              int
		Base               bool
		Error              string // "": it can be read
		Stored             int64
		Wasted             int64
		Hides              int64
		Entries            int
		Changes            analyze.Counts
		Compressed         int64 // -1 if unknown
		Command            htmlCommand
		Digest             string
		StoredOf, WastedOf int // thousandths of the largest layer's stored bytes, for a bar
	}

	layerRest struct {
		Layers, Entries       int
		Stored, Wasted, Hides int64
	}

	htmlCause struct {
		Name, Meaning string
		Bytes         int64
		Versions      int
		Share         float64
	}

	htmlWaste struct {
		Path, Cause string
		Bytes       int64
		Layer, By   int // By is -1 if unknown
	}

	wasteRest struct {
		Versions int
		Bytes    int64
	}

	htmlFlaw struct {
		Layer         int // -1: the image's
		Path, Problem string
	}
)

func newHTMLPage(ctx context.Context, p *pageAssets, a *analyze.Analysis, findings []analyze.Finding) *htmlPage {
	page := newFigures(p.shell("report", title(a.Image)), a)
	page.fill(ctx, a)
	page.findings(findings)
	page.Nav = append([]htmlLink{{"summary", "Summary"}}, page.sections()...)
	if len(page.Findings) > 0 {
		page.Nav = slices.Insert(page.Nav, 1, htmlLink{"findings", "Findings"})
	}
	return page
}

// newFigures returns the data about an image on every page: its figures, layers and flaws.
func newFigures(shell htmlShell, a *analyze.Analysis) *htmlPage {
	page := &htmlPage{htmlShell: shell, Totals: a.Totals, WasteRatio: 1 - a.Totals.Efficiency, BaseNote: baseNote(a.Totals)}
	page.Source = cutRunes(clean.Line(a.Image.Source), htmlPathRunes)
	page.About = []string{cutRunes(platform(a.Image), nameRunes)}
	if !a.Image.Created.IsZero() {
		page.About = append(page.About, "created "+human.Date(a.Image.Created))
	}
	page.About = append(page.About, "base: "+cutRunes(clean.Line(a.Base.Text()), nameRunes))
	for _, id := range []string{a.Image.Digest, a.Image.ID} {
		if id != "" {
			page.About = append(page.About, cutRunes(clean.Line(id), nameRunes))
			break
		}
	}
	page.layers(a)
	page.flaws(a)
	return page
}

// fill adds the data for the page of a single image: the map, the causes and the waste.
func (p *htmlPage) fill(ctx context.Context, a *analyze.Analysis) {
	p.HasMap = true
	p.treemap(ctx, a)
	p.packages(ctx, a)
	p.causes(a)
	p.waste(ctx, a)
}

// sections are links to the parts that fill adds, and to the layers and flaws.
func (p *htmlPage) sections() []htmlLink {
	links := []htmlLink{{"map", "Map"}, {"layers", "Layers"}}
	if len(p.Packages) > 0 {
		links = append(links, htmlLink{"packages", "Packages"})
	}
	if len(p.Causes) > 0 {
		links = append(links, htmlLink{"causes", "Causes"}, htmlLink{"waste", "Waste"})
	}
	if len(p.Flaws) > 0 {
		links = append(links, htmlLink{"flaws", "Flaws"})
	}
	return links
}

// mapData is what page.js draws.
type mapData struct {
	Cells  []cell     `json:"cells"`
	Causes []string   `json:"causes"`          // by the number that cells have; the first is ""
	Layers []mapLayer `json:"layers"`          // by index
	Group  string     `json:"group,omitempty"` // what replaces layers, if anything: "team"
}

type mapLayer struct {
	Base    bool
	Command string
}

// MarshalJSON writes the layer as an array.
func (l mapLayer) MarshalJSON() ([]byte, error) { return json.Marshal([]any{l.Base, l.Command}) }

func (p *htmlPage) treemap(ctx context.Context, a *analyze.Analysis) {
	m := newTreemap(ctx, a, mapCells)
	p.Map = mapPart{Data: mapData{Cells: m.cells, Causes: []string{""}}, RestVersions: m.restVersions, RestBytes: m.restBytes}
	for _, c := range analyze.Causes() {
		p.Map.Data.Causes = append(p.Map.Data.Causes, c.String())
	}
	for _, l := range a.Layers[:min(len(a.Layers), htmlLayerRows)] {
		p.Map.Data.Layers = append(p.Map.Data.Layers, mapLayer{l.Base, cutRunes(clean.Line(stepOrUnknown(l.Layer)), mapCommandRunes)})
	}
}

func (p *htmlPage) layers(a *analyze.Analysis) {
	var largest int64
	commands := 0
	for _, l := range a.Layers {
		largest = max(largest, l.Stored)
	}
	for _, l := range a.Layers {
		if len(p.Layers) == htmlLayerRows {
			p.MoreLay.add(l)
			continue
		}
		row := htmlLayer{
			Index: l.Layer.Index, Base: l.Base, Stored: l.Stored, Wasted: l.Wasted, Hides: l.Hides, Entries: l.Entries,
			Changes: l.Changes, Compressed: l.Layer.CompressedBytes, Command: newHTMLCommand(stepOrUnknown(l.Layer), htmlCommandRunes),
			Digest: cutRunes(clean.Line(l.Layer.DiffID), nameRunes), StoredOf: thousandths(l.Stored, largest), WastedOf: thousandths(l.Wasted, largest),
		}
		if commands > htmlLayerBytes {
			row.Command = newHTMLCommand(stepOrUnknown(l.Layer), mapCommandRunes)
		}
		commands += row.Command.bytes()
		if l.Layer.Err != nil {
			row.Error = cutRunes(clean.Line(l.Layer.Err.Error()), htmlPathRunes)
		}
		p.Layers = append(p.Layers, row)
	}
}

func (r *layerRest) add(l analyze.LayerTotal) {
	r.Layers++
	r.Entries += l.Entries
	r.Stored += l.Stored
	r.Wasted += l.Wasted
	r.Hides += l.Hides
}

// thousandths returns part / whole, 1000 being all; 0 if the whole is nothing.
func thousandths(part, whole int64) int {
	if whole <= 0 {
		return 0
	}
	return int(1000 * (float64(part) / float64(whole)))
}

func (p *htmlPage) causes(a *analyze.Analysis) {
	for _, c := range largestCauses(a) {
		if c.Versions > 0 {
			p.Causes = append(p.Causes, htmlCause{c.Cause.String(), meaning[c.Cause], c.Bytes, c.Versions, float64(c.Bytes) / float64(a.Totals.Wasted)})
		}
	}
}

func (p *htmlPage) findings(findings []analyze.Finding) {
	p.Findings, p.MoreFind = newHTMLFindings(findings, htmlFindings)
}

func (p *htmlPage) waste(ctx context.Context, a *analyze.Analysis) {
	paths := 0
	for _, x := range a.Waste.Until(ctx) {
		if len(p.Waste) < htmlWasteRows && paths < htmlWasteBytes {
			row := htmlWaste{cutRunes(clean.Text(x.Path()), htmlPathRunes), x.Cause.String(), x.Bytes, x.Layer, x.By}
			paths += len(template.HTMLEscapeString(row.Path))
			p.Waste = append(p.Waste, row)
			continue
		}
		p.MoreWast.Versions++
		p.MoreWast.Bytes += x.Bytes
	}
}

func (p *htmlPage) flaws(a *analyze.Analysis) {
	shown := a.Flaws[:min(len(a.Flaws), htmlFlaws)]
	p.MoreFlaw = len(a.Flaws) - len(shown)
	for _, f := range shown {
		p.Flaws = append(p.Flaws, htmlFlaw{f.Layer, cutRunes(clean.Text(f.Path), htmlPathRunes), cutRunes(clean.Line(f.Problem), htmlPathRunes)})
	}
}

// WasteVersions is the number of wasted versions, including those without a row.
func (p *htmlPage) WasteVersions() int { return len(p.Waste) + p.MoreWast.Versions }
