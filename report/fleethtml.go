package report

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// Limits on the page about many images.
const (
	fleetHTMLRows = 2000 // repositories in the table
	fleetMapCells = 2000 // repositories in the map
	fleetListed   = 100  // rows of the other tables
)

// htmlFleet is the data of fleet.html. All text is safe to show.
type htmlFleet struct {
	htmlShell

	Totals     *fleet.Sums
	WasteRatio float64
	Sums       *fleet.LayerSums
	Images     string

	Fixes            []htmlFleetFix
	Map              mapPart
	Repositories     []htmlFleetGroup
	MoreRepositories htmlFleetGroup
	Tables           []htmlTable
}

type (
	htmlFleetFix struct {
		Title, Class, Advice, Path, Image string
		Step                              htmlCommand
		Saved, InAll, Images              int64
	}

	htmlFleetGroup struct {
		Name, Team             string
		Wasted, Stored, Images int64
	}

	// htmlTable is a table of text, the names in its first column.
	htmlTable struct {
		ID, Title, Note string
		Head            []string
		Rows            [][]string
		More            int // number of rows that are left out
	}
)

// FleetHTML writes a summary of many images as one self-contained HTML page, with a map of the
// repositories and a searchable table of them. Names come from registries, and never become markup
// or code (see HTML).
func FleetHTML(w io.Writer, f *Fleet) error {
	p := assets()
	s := f.Summary
	page := &htmlFleet{htmlShell: p.shell("fleet", clean.Line(f.Store)), Totals: &s.Totals, WasteRatio: 1 - s.Totals.Efficiency(), Sums: &s.Layers, Images: imagesText(s)}
	page.About = []string{"plan " + cutRunes(clean.Line(s.Plan.ID), nameRunes), "made " + human.Date(s.Plan.Header.Made)}
	for _, source := range s.Plan.Header.Sources[:min(len(s.Plan.Header.Sources), fleetRows)] {
		page.About = append(page.About, cutRunes(clean.Line(source), nameRunes))
	}
	page.Nav = []htmlLink{{"summary", "Summary"}}
	page.fixes(s)
	page.treemap(s)
	page.repositories(s)
	page.tables(s)
	return p.template.ExecuteTemplate(w, fleetTemplate, page)
}

func (p *htmlFleet) fixes(s *fleet.Summary) {
	for i := range s.Fixes {
		x := &s.Fixes[i]
		fix := htmlFleetFix{
			Title: cutRunes(clean.Line(x.Finding.Title), nameRunes), Class: severityClass(x.Finding.Severity), Advice: cutRunes(clean.Line(deref(x.Finding.Advice)), htmlNoteRunes),
			Path: cutRunes(clean.Text(deref(x.Finding.Path)), htmlPathRunes), Image: cutRunes(clean.Line(x.Image), nameRunes), Saved: x.Saved, InAll: x.InAll, Images: x.Images,
		}
		if step := deref(x.Finding.Step); step != "" {
			fix.Step = newHTMLCommand(step, htmlCommandRunes)
		}
		p.Fixes = append(p.Fixes, fix)
	}
	if len(p.Fixes) > 0 {
		p.Nav = append(p.Nav, htmlLink{"fixes", "Fixes"})
	}
}

// severityClass returns the page's class for a severity, because a table can claim anything.
func severityClass(severity string) string {
	if slices.Contains([]string{"note", "warning", "error"}, severity) {
		return severity
	}
	return "note"
}

// treemap lays the repositories out by the parts of their names. A repository has a cell of
// its visible bytes and one for each cause of its waste. The smaller ones are summed up.
func (p *htmlFleet) treemap(s *fleet.Summary) {
	all := slices.Clone(s.Repositories)
	slices.SortStableFunc(all, func(a, b fleet.Group) int { return cmp.Compare(b.Stored, a.Stored) })
	m := fleetMap{dirs: map[string]int{}, teams: map[string]int{}}
	m.cells = []cell{{parent: none, name: "", kind: dirCell}}
	var rest fleet.Group
	more := 0
	for i := range all {
		if g := &all[i]; g.Stored > 0 {
			if i < fleetMapCells && g.Name != "" {
				m.add(g)
				continue
			}
			more++
			rest.Visible += g.Visible
			rest.Wasted += g.Wasted
		}
	}
	for _, x := range []struct {
		bytes int64
		cause analyze.Cause
	}{{rest.Visible, analyze.NotShadowed}, {rest.Wasted, analyze.Causes()[0]}} {
		if x.bytes > 0 {
			m.cells = append(m.cells, cell{parent: 0, kind: restCell, bytes: x.bytes, cause: x.cause, layer: m.team(""), by: none, versions: more})
		}
	}
	if len(m.cells) == 1 {
		return
	}
	p.HasMap = true
	p.Nav = append(p.Nav, htmlLink{"map", "Map"})
	p.Map.Data = mapData{Cells: m.cells, Causes: []string{""}, Layers: m.names, Group: "team"}
	for _, c := range analyze.Causes() {
		p.Map.Data.Causes = append(p.Map.Data.Causes, c.String())
	}
}

// fleetMap is the map of repositories while it is made.
type fleetMap struct {
	cells []cell
	dirs  map[string]int // cells of directories, by their paths
	teams map[string]int
	names []mapLayer // of the teams
}

// fleetMapDepth is the maximum depth of a name in the map.
const fleetMapDepth = 8

func (m *fleetMap) add(g *fleet.Group) {
	parent := 0
	parts := strings.SplitN(g.Name, "/", fleetMapDepth)
	for i := range len(parts) - 1 {
		dir := strings.Join(parts[:i+1], "/")
		at, ok := m.dirs[dir]
		if !ok {
			at = len(m.cells)
			m.dirs[dir] = at
			m.cells = append(m.cells, cell{parent: parent, name: shown(parts[i]), kind: dirCell})
		}
		parent = at
	}
	at, team := len(m.cells), m.team(g.Team)
	m.cells = append(m.cells, cell{parent: parent, name: shown(parts[len(parts)-1]), kind: fileCell})
	piece := func(bytes int64, cause analyze.Cause) {
		if bytes > 0 {
			m.cells = append(m.cells, cell{parent: at, kind: versionCell, bytes: bytes, cause: cause, layer: team, by: none})
		}
	}
	piece(g.Visible, analyze.NotShadowed)
	for i, c := range analyze.Causes() {
		piece(g.Causes[i], c)
	}
}

func (m *fleetMap) team(name string) int {
	at, ok := m.teams[name]
	if !ok {
		at = len(m.names)
		m.teams[name] = at
		m.names = append(m.names, mapLayer{Command: cutRunes(groupName(name), mapCommandRunes)})
	}
	return at
}

func (p *htmlFleet) repositories(s *fleet.Summary) {
	for i := range s.Repositories {
		g := &s.Repositories[i]
		if i < fleetHTMLRows && g.Name != "" {
			p.Repositories = append(p.Repositories, htmlFleetGroup{shown(g.Name), shown(g.Team), g.Wasted, g.Stored, g.Images})
			continue
		}
		p.MoreRepositories.Wasted += g.Wasted
		p.MoreRepositories.Stored += g.Stored
		p.MoreRepositories.Images += g.Images
		p.MoreRepositories.Name = human.Comma(i+1-len(p.Repositories)) + " more"
	}
	if len(p.Repositories) > 0 {
		p.Nav = append(p.Nav, htmlLink{"repositories", "Repositories"})
	}
}

func (p *htmlFleet) table(t htmlTable, n int, row func(i int) []string) {
	for i := range min(n, fleetListed) {
		t.Rows = append(t.Rows, row(i))
	}
	if t.More = n - len(t.Rows); n > 0 {
		p.Tables = append(p.Tables, t)
		p.Nav = append(p.Nav, htmlLink{t.ID, t.Title})
	}
}

func (p *htmlFleet) tables(s *fleet.Summary) {
	p.table(htmlTable{ID: "teams", Title: "Teams", Head: []string{"Team", "Wasted", "Stored", "Own efficiency", "Images"}}, len(s.Teams), func(i int) []string {
		g := &s.Teams[i]
		return []string{shown(groupName(g.Name)), human.Size(g.Wasted), human.Size(g.Stored), human.Percent(g.OwnEfficiency()), human.Comma(g.Images)}
	})
	p.table(htmlTable{ID: "images", Title: "Images", Note: "Those that waste most.", Head: []string{"Image", "Wasted", "Stored"}}, len(s.Worst), func(i int) []string {
		r := &s.Worst[i]
		return []string{shown(r.Name), human.Size(deref(r.WastedBytes)), human.Size(deref(r.StoredBytes))}
	})
	p.table(htmlTable{ID: "bases", Title: "Bases", Note: "Ages are as of the day the plan was made.", Head: []string{"Base image", "Images", "Editions", "Newest", "Oldest", "On the oldest"}}, len(s.Bases), func(i int) []string {
		b := &s.Bases[i]
		return []string{shown(baseName(b)), human.Comma(b.Images), human.Comma(b.Editions), age(s, b.Newest), age(s, b.Oldest), human.Comma(b.OnOldest)}
	})
	p.table(htmlTable{ID: "layers", Title: "Shared layers", Head: []string{"Layer", "Bytes", "Images"}}, len(s.Layers.Most), func(i int) []string {
		r := &s.Layers.Most[i]
		return []string{shown(r.Layer), human.Size(r.Bytes), human.Comma(r.Images)}
	})
	if g := s.Growth; g != nil {
		t := htmlTable{ID: "growth", Title: "Growth", Note: "Since the plan of " + human.Date(g.From.Header.Made) + ": " + growthText(g) + ".", Head: []string{"Repository", "Grown", "New", "Gone"}}
		p.table(t, len(g.Repositories), func(i int) []string {
			r := &g.Repositories[i]
			return []string{shown(groupName(r.Name)), signed(r.NewBytes-r.GoneBytes, human.Size), human.Size(r.NewBytes), human.Size(r.GoneBytes)}
		})
	}
}
