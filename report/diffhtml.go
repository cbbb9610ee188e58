package report

import (
	"html/template"
	"io"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// DiffHTMLPaths is the maximum number of paths on the page of a comparison.
const DiffHTMLPaths = 2000

// Other limits on that page.
const (
	diffPathBytes   = 600_000 // of all paths listed, with what differs
	diffConfigRows  = 500
	diffConfigBytes = 400_000 // of their names and values
	diffValueRunes  = 1024    // of a value
)

// htmlDiff is the data of diff.html. All text is safe to show.
type htmlDiff struct {
	htmlShell

	None    bool
	Sides   []htmlSide
	Figures []htmlChange

	Config     []htmlConfig
	ConfigSum  string
	MoreConfig int

	Layers     []htmlDiffLayer
	LayerSum   string
	MoreLayers int

	Packages     []htmlDiffPackage
	PackageSum   string
	MorePackages int

	Changes   []htmlDiffChange
	Paths     []htmlDiffPath
	PathSum   string
	PathTitle string
	MorePaths int
}

type (
	htmlSide struct {
		What, Name, About, Source string
		Unread                    []string
	}

	htmlConfig struct{ Change, Name, Before, After string }

	htmlDiffLayer struct {
		State, Before, After, Stored, Growth string
		Step                                 htmlCommand
	}

	htmlDiffPackage struct{ Growth, Change, Name, Type, Before, After string }

	htmlDiffChange struct{ Name, Paths, Before, After, Difference string }

	htmlDiffPath struct{ Growth, Change, Path, Details string }
)

// DiffHTML writes a comparison as one self-contained HTML page: the figures side by side,
// differences of the configs, the layers, and the paths that differ. It fails only if w does.
func DiffHTML(w io.Writer, c *Comparison) error {
	p := assets()
	return p.template.ExecuteTemplate(w, diffTemplate, newHTMLDiff(p, c))
}

func newHTMLDiff(p *pageAssets, c *Comparison) *htmlDiff {
	page := &htmlDiff{htmlShell: p.shell("diff", sideName(c.After)+" against "+sideName(c.Before)), None: c.None(), Figures: htmlChanges(c.figures())}
	page.Sides = []htmlSide{newHTMLSide("Before", c.Before), newHTMLSide("After", c.After)}
	page.config(c.Config)
	page.layers(c.Layers)
	page.packages(c.Packages)
	page.paths(c)
	page.Nav = []htmlLink{{"figures", "Figures"}}
	if len(page.Config) > 0 {
		page.Nav = append(page.Nav, htmlLink{"config", "Config"})
	}
	if len(page.Layers) > 0 {
		page.Nav = append(page.Nav, htmlLink{"layers", "Layers"})
	}
	if len(page.Packages) > 0 {
		page.Nav = append(page.Nav, htmlLink{"packages", "Packages"})
	}
	page.Nav = append(page.Nav, htmlLink{"paths", "Paths"})
	return page
}

func newHTMLSide(what string, s analyze.Side) htmlSide {
	im := s.Analysis.Image
	side := htmlSide{
		What: what, Name: cutRunes(sideName(s), htmlPathRunes), Source: cutRunes(clean.Line(im.Source), htmlPathRunes),
		About: human.Count(s.At+1, "layer", "layers") + ", " + cutRunes(platform(im), nameRunes),
	}
	for k := range s.At + 1 {
		if err := s.Analysis.Layers[k].Layer.Err; err != nil && len(side.Unread) < htmlFlaws {
			side.Unread = append(side.Unread, "layer "+human.Comma(k)+" cannot be read: "+cutRunes(clean.Line(err.Error()), htmlPathRunes))
		}
	}
	return side
}

func (page *htmlDiff) config(all []analyze.ConfigChange) {
	page.ConfigSum = human.Count(len(all), "difference", "differences")
	bytes := 0
	for i := range all {
		if i == diffConfigRows || bytes > diffConfigBytes {
			page.MoreConfig = len(all) - i
			return
		}
		x := &all[i]
		row := htmlConfig{x.Change.String(), cutRunes(clean.Line(configName(x)), nameRunes), cutRunes(clean.Line(x.Before), diffValueRunes), cutRunes(clean.Line(x.After), diffValueRunes)}
		for _, text := range []string{row.Name, row.Before, row.After} {
			bytes += len(template.HTMLEscapeString(text))
		}
		page.Config = append(page.Config, row)
	}
}

func (page *htmlDiff) layers(all []analyze.LayerGrowth) {
	page.LayerSum = layerCounts(all)
	bytes := 0
	for i := range all {
		if i == 2*htmlLayerRows {
			page.MoreLayers = len(all) - i
			return
		}
		l := &all[i]
		row := htmlDiffLayer{layerState(l), layerIndex(l.Before), layerIndex(l.After), human.Size(l.Bytes), signed(l.Stored, human.Size), newHTMLCommand(analyze.ShownInstruction(l.Step), htmlCommandRunes)}
		if bytes > htmlLayerBytes {
			row.Step = newHTMLCommand(analyze.ShownInstruction(l.Step), mapCommandRunes)
		}
		bytes += row.Step.bytes()
		page.Layers = append(page.Layers, row)
	}
}

func (page *htmlDiff) paths(c *Comparison) {
	for _, change := range shownChanges {
		t := c.Changes[change]
		page.Changes = append(page.Changes, htmlDiffChange{change.String(), human.Comma(t.Paths), human.Size(t.Before), human.Size(t.After), signed(t.After-t.Before, human.Size)})
	}
	page.PathSum = c.pathCounts()
	bytes := 0
	for i := range c.Paths[:min(len(c.Paths), DiffHTMLPaths)] {
		if bytes > diffPathBytes {
			break
		}
		x := &c.Paths[i]
		row := htmlDiffPath{
			signed(x.Growth(), human.Size), x.Change.String(), cutRunes(pathName(x), htmlPathRunes),
			cutRunes(clean.Line(strings.Join(pathDetails(x), ", ")), htmlPathRunes),
		}
		bytes += len(template.HTMLEscapeString(row.Path)) + len(template.HTMLEscapeString(row.Details))
		page.Paths = append(page.Paths, row)
	}
	page.MorePaths = c.Differing() - len(page.Paths)
	page.PathTitle = "Largest difference first"
}
