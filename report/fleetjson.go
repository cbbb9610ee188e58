package report

import (
	"io"
	"maps"
	"slices"
	"time"

	"github.com/peelhq/peel/fleet"
)

// FleetSchema names the format of the JSON report about many images.
const FleetSchema = "peel.fleet/v1"

// The types below are the format of the report about many images: see docs/fleet.schema.json.
type (
	// fleetDocument is the report, except for its last key, "images", which may have a million
	// rows.
	fleetDocument struct {
		Schema       string          `json:"schema"`
		Plan         fleetPlanRow    `json:"plan"`
		Totals       fleetTotalsRow  `json:"totals"`
		Layers       fleetLayersRow  `json:"layers"`
		Fixes        []fleetFixRow   `json:"fixes"`
		Teams        []fleetGroupRow `json:"teams"`
		Repositories []fleetGroupRow `json:"repositories"`
		Bases        []fleetBaseRow  `json:"bases"`
		Growth       *fleetGrowthRow `json:"growth"`
	}

	fleetPlanRow struct {
		ID      quoted   `json:"id"`
		Made    *string  `json:"made"`
		Sources []quoted `json:"sources"`
		Images  int64    `json:"images"`
		Layers  int64    `json:"layers"`
		Bytes   int64    `json:"bytes"`
	}

	// fleetTotalsRow has the names of the totals of one image's report.
	fleetTotalsRow struct {
		Images     int64 `json:"images"`
		Unreadable int64 `json:"unreadable"`
		Waiting    int64 `json:"waiting"`
		Damaged    int64 `json:"damaged"`
		fleetSumsRow
	}

	fleetSumsRow struct {
		Layers          int64   `json:"layers"`
		Entries         int64   `json:"entries"`
		StoredBytes     int64   `json:"storedBytes"`
		VisibleBytes    int64   `json:"visibleBytes"`
		WastedBytes     int64   `json:"wastedBytes"`
		Efficiency      float64 `json:"efficiency"`
		CompressedBytes int64   `json:"compressedBytes"`
		UserStoredBytes int64   `json:"userStoredBytes"`
		UserWastedBytes int64   `json:"userWastedBytes"`
		UserWastedRatio float64 `json:"userWastedRatio"`
		BaseHiddenBytes int64   `json:"baseHiddenBytes"`
		OwnEfficiency   float64 `json:"ownEfficiency"`
	}

	fleetLayersRow struct {
		Unique       int64            `json:"unique"`
		Bytes        int64            `json:"bytes"`
		Shared       int64            `json:"shared"`
		SharedBytes  int64            `json:"sharedBytes"`
		Uses         int64            `json:"uses"`
		UsedBytes    int64            `json:"usedBytes"`
		Unreadable   int64            `json:"unreadable"`
		ContentBytes int64            `json:"contentBytes"`
		IndexBytes   int64            `json:"indexBytes"`
		Most         []fleetSharedRow `json:"mostShared"`
	}

	fleetSharedRow struct {
		Digest quoted  `json:"digest"`
		Bytes  int64   `json:"bytes"`
		Images int64   `json:"images"`
		From   *quoted `json:"from"`
	}

	fleetFixRow struct {
		Rule     quoted  `json:"rule"`
		Severity quoted  `json:"severity"`
		Title    quoted  `json:"title"`
		Message  quoted  `json:"message"`
		Advice   *quoted `json:"advice"`
		Path     *quoted `json:"path"`
		Step     *quoted `json:"step"`
		Layer    *quoted `json:"layer"`
		Saved    int64   `json:"savedBytes"`
		InAll    int64   `json:"imageBytes"`
		Images   int64   `json:"images"`
		Layers   int64   `json:"layers"`
		Image    *quoted `json:"image"`
	}

	fleetGroupRow struct {
		Name   *quoted `json:"name"`
		Images int64   `json:"images"`
		fleetSumsRow
	}

	fleetBaseRow struct {
		Name        *quoted `json:"name"`
		Sure        bool    `json:"sure"`
		Images      int64   `json:"images"`
		Editions    int64   `json:"editions"`
		Oldest      *string `json:"oldest"`
		Newest      *string `json:"newest"`
		OnOldest    int64   `json:"imagesOnOldest"`
		StoredBytes int64   `json:"storedBytes"`
	}

	fleetGrowthRow struct {
		From         fleetPlanRow    `json:"from"`
		Images       int64           `json:"images"`
		NewLayers    int64           `json:"newLayers"`
		NewBytes     int64           `json:"newBytes"`
		GoneLayers   int64           `json:"goneLayers"`
		GoneBytes    int64           `json:"goneBytes"`
		SameLayers   int64           `json:"sameLayers"`
		SameBytes    int64           `json:"sameBytes"`
		Teams        []fleetGrownRow `json:"teams"`
		Repositories []fleetGrownRow `json:"repositories"`
	}

	fleetGrownRow struct {
		Name       *quoted `json:"name"`
		NewLayers  int64   `json:"newLayers"`
		NewBytes   int64   `json:"newBytes"`
		GoneLayers int64   `json:"goneLayers"`
		GoneBytes  int64   `json:"goneBytes"`
	}

	// fleetImageRow is one image, with the names of the totals of its own report. All figures are
	// null if error isn't.
	fleetImageRow struct {
		Name       *quoted       `json:"name"`
		Reference  quoted        `json:"reference"`
		Repository *quoted       `json:"repository"`
		Tag        *quoted       `json:"tag"`
		Digest     *quoted       `json:"digest"`
		ID         *quoted       `json:"id"`
		Platform   *quoted       `json:"platform"`
		Created    *string       `json:"created"`
		Labels     []fleetMapRow `json:"labels"`

		Layers           *int64   `json:"layers"`
		Entries          *int64   `json:"entries"`
		StoredBytes      *int64   `json:"storedBytes"`
		VisibleBytes     *int64   `json:"visibleBytes"`
		WastedBytes      *int64   `json:"wastedBytes"`
		Efficiency       *float64 `json:"efficiency"`
		CompressedBytes  *int64   `json:"compressedBytes"`
		BaseLayers       *int64   `json:"baseLayers"`
		UserStoredBytes  *int64   `json:"userStoredBytes"`
		UserWastedBytes  *int64   `json:"userWastedBytes"`
		UserWastedRatio  *float64 `json:"userWastedRatio"`
		BaseHiddenBytes  *int64   `json:"baseHiddenBytes"`
		OwnEfficiency    *float64 `json:"ownEfficiency"`
		BaseName         *quoted  `json:"baseName"`
		UnreadableLayers *int64   `json:"unreadableLayers"`
		Error            *quoted  `json:"error"`
	}

	// fleetMapRow is a label.
	fleetMapRow struct {
		Name  quoted `json:"name"`
		Value quoted `json:"value"`
	}
)

// FleetJSON writes a summary of many images as one indented JSON object in the format of
// docs/fleet.schema.json, with a newline. It writes images as it reads them, and holds none.
func FleetJSON(w io.Writer, f *Fleet) error {
	s := f.Summary
	doc := fleetDocument{
		Schema: FleetSchema,
		Plan:   newFleetPlanRow(&s.Plan),
		Totals: fleetTotalsRow{s.Images, s.Unreadable, s.Waiting, s.Damaged, newFleetSumsRow(&s.Totals)},
		Layers: newFleetLayersRow(&s.Layers),
		Fixes:  make([]fleetFixRow, len(s.Fixes)),
		Teams:  newFleetGroupRows(s.Teams), Repositories: newFleetGroupRows(s.Repositories),
		Bases: make([]fleetBaseRow, len(s.Bases)),
	}
	for i := range s.Fixes {
		doc.Fixes[i] = newFleetFixRow(&s.Fixes[i])
	}
	for i := range s.Bases {
		b := &s.Bases[i]
		doc.Bases[i] = fleetBaseRow{known(b.Name), b.Sure, b.Images, b.Editions, stamp(b.Oldest), stamp(b.Newest), b.OnOldest, b.Stored}
	}
	if g := s.Growth; g != nil {
		doc.Growth = &fleetGrowthRow{
			From: newFleetPlanRow(&g.From), Images: g.Images,
			NewLayers: g.New, NewBytes: g.NewBytes, GoneLayers: g.Gone, GoneBytes: g.GoneBytes, SameLayers: g.Same, SameBytes: g.SameBytes,
			Teams: newFleetGrownRows(g.Teams), Repositories: newFleetGrownRows(g.Repositories),
		}
	}
	out := newRows(w)
	out.object(doc)
	if err := out.stream("images", func(add func(any) error) error {
		return f.Each(func(r *fleet.ImageRow) error { return add(newFleetImageRow(r)) })
	}); err != nil {
		return err
	}
	return out.end()
}

// stream adds a key with rows, which each passes to add.
func (r *rows) stream(key string, each func(add func(v any) error) error) error {
	r.text(",\n" + r.deep + `"` + key + `": [`)
	n := 0
	err := each(func(v any) error {
		if n > 0 {
			r.text(",")
		}
		n++
		r.text("\n" + r.deep + indent)
		r.write(r.encode(v, r.deep+indent))
		return r.err
	})
	if n > 0 {
		r.text("\n" + r.deep)
	}
	r.text("]")
	return err
}

func newFleetPlanRow(p *fleet.PlanFacts) fleetPlanRow {
	return fleetPlanRow{quoted(p.ID), stamp(p.Header.Made), quotedAll(p.Header.Sources), p.End.Images, p.End.Layers, p.End.Bytes}
}

func newFleetSumsRow(s *fleet.Sums) fleetSumsRow {
	return fleetSumsRow{
		s.Layers, s.Entries, s.Stored, s.Visible, s.Wasted, s.Efficiency(), s.Compressed,
		s.UserStored, s.UserWasted, 1 - s.OwnEfficiency(), s.BaseHidden, s.OwnEfficiency(),
	}
}

func newFleetLayersRow(l *fleet.LayerSums) fleetLayersRow {
	row := fleetLayersRow{l.Unique, l.Bytes, l.Shared, l.SharedBytes, l.Uses, l.UsedBytes, l.Unreadable, l.Content, l.Index, make([]fleetSharedRow, len(l.Most))}
	for i := range l.Most {
		m := &l.Most[i]
		row.Most[i] = fleetSharedRow{quoted(m.Layer), m.Bytes, m.Images, known(m.From)}
	}
	return row
}

func newFleetFixRow(x *fleet.Fix) fleetFixRow {
	f := &x.Finding
	return fleetFixRow{
		quoted(f.Rule), quoted(f.Severity), quoted(f.Title), quoted(f.Message), known(deref(f.Advice)), known(deref(f.Path)), known(deref(f.Step)), known(deref(f.Layer)),
		x.Saved, x.InAll, x.Images, x.Layers, known(x.Image),
	}
}

func newFleetGroupRows(groups []fleet.Group) []fleetGroupRow {
	rows := make([]fleetGroupRow, len(groups))
	for i := range groups {
		rows[i] = fleetGroupRow{known(groups[i].Name), groups[i].Images, newFleetSumsRow(&groups[i].Sums)}
	}
	return rows
}

func newFleetGrownRows(groups []fleet.GrownGroup) []fleetGrownRow {
	rows := make([]fleetGrownRow, len(groups))
	for i := range groups {
		g := &groups[i]
		rows[i] = fleetGrownRow{known(g.Name), g.New, g.NewBytes, g.Gone, g.GoneBytes}
	}
	return rows
}

func newFleetImageRow(r *fleet.ImageRow) fleetImageRow {
	row := fleetImageRow{
		Name: known(r.Name), Reference: quoted(r.Reference), Repository: known(r.Repository), Tag: known(deref(r.Tag)), Digest: known(deref(r.Digest)),
		ID: known(deref(r.ID)), Platform: known(deref(r.Platform)), Labels: []fleetMapRow{},
		Layers: r.Layers, Entries: r.Entries, StoredBytes: r.StoredBytes, VisibleBytes: r.VisibleBytes, WastedBytes: r.WastedBytes, Efficiency: r.Efficiency,
		CompressedBytes: r.CompressedBytes, BaseLayers: r.BaseLayers, UserStoredBytes: r.UserStoredBytes, UserWastedBytes: r.UserWastedBytes,
		UserWastedRatio: r.UserWastedRatio, BaseHiddenBytes: r.BaseHiddenBytes, OwnEfficiency: r.OwnEfficiency,
		BaseName: known(deref(r.BaseName)), UnreadableLayers: r.UnreadableLayers, Error: known(deref(r.Error)),
	}
	if r.Created != nil {
		row.Created = stamp(time.UnixMilli(*r.Created))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		row.Labels = append(row.Labels, fleetMapRow{quoted(name), quoted(r.Labels[name])})
	}
	return row
}
