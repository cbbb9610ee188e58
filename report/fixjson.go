package report

import (
	"encoding/json"
	"io"

	"github.com/peelhq/peel/analyze"
)

// FixSchema names the format of a remedy's JSON, as Schema does for a report.
const FixSchema = "peel.fix/v1"

// The types below are the format of a remedy: their fields are its keys, in order. A pointer is
// null if the value is unknown or missing.
type (
	fixDocument struct {
		Schema     string       `json:"schema"`
		Image      imageRow     `json:"image"`
		Base       baseRow      `json:"base"`
		Before     planRow      `json:"before"`
		After      planRow      `json:"after"`
		Fixes      []fixRow     `json:"fixes"`
		Squash     []rangeRow   `json:"squash"`
		Drop       []droppedRow `json:"drop"`
		Dockerfile *quoted      `json:"dockerfile"`
		Hints      []hintRow    `json:"hints"`
		Patch      *quoted      `json:"patch"`
		Written    bool         `json:"written"`
	}

	planRow struct {
		Layers        int     `json:"layers"`
		StoredBytes   int64   `json:"storedBytes"`
		VisibleBytes  int64   `json:"visibleBytes"`
		WastedBytes   int64   `json:"wastedBytes"`
		Efficiency    float64 `json:"efficiency"`
		UnsharedBytes int64   `json:"unsharedBytes"`
	}

	fixRow struct {
		ID           quoted       `json:"id"`
		Findings     []quoted     `json:"findings"`
		Title        quoted       `json:"title"`
		SavedBytes   int64        `json:"savedBytes"`
		TotalBytes   *int64       `json:"totalBytes"`
		Chosen       bool         `json:"chosen"`
		Small        bool         `json:"small"`
		Layer        *int         `json:"layer"`
		Step         *quoted      `json:"step"`
		Place        *fixPlaceRow `json:"place"`
		Edits        []quoted     `json:"edits"`
		Reason       *quoted      `json:"reason"`
		Advice       *quoted      `json:"advice"`
		Dockerignore []quoted     `json:"dockerignore"`
	}

	fixPlaceRow struct {
		File  quoted `json:"file"`
		First int    `json:"first"`
		Last  int    `json:"last"`
	}

	hintRow struct {
		Line    int    `json:"line"`
		Command quoted `json:"command"`
		Option  string `json:"option"`
		Leaves  string `json:"leavesOut"`
	}

	rangeRow struct {
		From int `json:"from"`
		To   int `json:"to"`
	}

	droppedRow struct {
		Path          quoted `json:"path"`
		BaseKeepBytes int64  `json:"baseKeepsBytes"`
	}
)

// FixJSON writes a remedy as JSON; see docs/fix.schema.json.
func FixJSON(w io.Writer, r *Remedy) error {
	x := r.Proposal
	doc := fixDocument{
		Schema: FixSchema, Image: newImageRow(r.Analysis.Image), Base: newBaseRow(r.Analysis.Base),
		Before: newPlanRow(x.Before), After: newPlanRow(x.After), Fixes: []fixRow{}, Squash: []rangeRow{}, Drop: []droppedRow{},
		Hints: []hintRow{}, Patch: known(r.Patch), Written: r.Written,
	}
	if r.File != nil {
		doc.Dockerfile = known(r.File.Name())
		for _, h := range r.File.Hints() {
			doc.Hints = append(doc.Hints, hintRow{h.Line, quoted(h.Command), h.Option, h.Why})
		}
	}
	for i := range x.Fixes {
		doc.Fixes = append(doc.Fixes, newFixRow(&x.Fixes[i]))
	}
	for _, s := range x.Squash {
		doc.Squash = append(doc.Squash, rangeRow(s))
	}
	for _, d := range x.Dropped {
		doc.Drop = append(doc.Drop, droppedRow{quoted(d.Path), d.Kept})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func newPlanRow(f analyze.PlanFigures) planRow {
	return planRow{f.Layers, f.Stored, f.Visible, f.Wasted, f.Efficiency, f.Unshared}
}

func newFixRow(f *analyze.ProposedFix) fixRow {
	first := &f.Findings[0]
	row := fixRow{
		ID: quoted(f.ID), Findings: []quoted{}, Title: quoted(first.Title), SavedBytes: f.Saves, TotalBytes: knownInt(f.Total),
		Chosen: f.Chosen, Small: f.Small, Layer: knownInt(first.Layer), Step: known(first.Step), Edits: []quoted{},
		Reason: known(f.Why), Advice: known(first.Advice), Dockerignore: quotedAll(f.Ignore),
	}
	for i := range f.Findings {
		row.Findings = append(row.Findings, quoted(f.Findings[i].ID))
	}
	for _, e := range f.Edits {
		row.Edits = append(row.Edits, quoted(e.String()))
	}
	if l := first.Line; l != nil {
		row.Place = &fixPlaceRow{quoted(l.File), l.First, l.Last}
	}
	return row
}
