package report

import (
	"cmp"
	"io"

	"github.com/peelhq/peel/analyze"
)

// CheckSchema names the format of a check's JSON, as Schema does for a report; ChecksSchema names
// that of a check of several images.
const (
	CheckSchema  = "peel.check/v1"
	ChecksSchema = "peel.checks/v1"
)

// The types below are the format of a check: see those of the report.
type (
	// checksDocument is a check of several images, except for its last key, "images".
	checksDocument struct {
		Schema string `json:"schema"`
		Failed bool   `json:"failed"`
	}

	// checkedRow is one of several images, except for its last key, "check".
	checkedRow struct {
		Name  quoted  `json:"name"`
		Key   quoted  `json:"key"`
		Error *quoted `json:"error"`
	}

	// checkDocument is the check, except for its last keys, which may be long: "growth", "findings"
	// and "waived".
	checkDocument struct {
		Schema    string      `json:"schema"`
		Image     imageRow    `json:"image"`
		Failed    bool        `json:"failed"`
		RulesFrom *quoted     `json:"rulesFrom"`
		Totals    totalsRow   `json:"totals"`
		Base      baseRow     `json:"base"`
		Rules     []resultRow `json:"rules"`
		Notes     []quoted    `json:"notes"`
		Ignored   ignoredRow  `json:"ignored"`
	}

	resultRow struct {
		Rule     quoted `json:"rule"`
		Severity string `json:"severity"`
		Failed   bool   `json:"failed"`
		Checked  bool   `json:"checked"`
		Waived   bool   `json:"waived"`
		Value    quoted `json:"value"`
		Limit    quoted `json:"limit"`
		Message  quoted `json:"message"`

		Unit   *string `json:"unit"`
		Number any     `json:"valueNumber"` // int64, float64, or nil
		Bound  any     `json:"limitNumber"`
	}

	ignoredRow struct {
		Bytes    int64 `json:"bytes"`
		Versions int   `json:"versions"`
	}

	findingRow struct {
		ID       quoted   `json:"id"`
		Rule     quoted   `json:"rule"`
		Severity string   `json:"severity"`
		Title    quoted   `json:"title"`
		Message  quoted   `json:"message"`
		Advice   *quoted  `json:"advice"`
		Path     *quoted  `json:"path"`
		Layer    *int     `json:"layer"`
		Bytes    int64    `json:"bytes"`
		Versions *int     `json:"versions"`
		Step     *quoted  `json:"step"`
		Line     *lineRow `json:"line"`
		OfBase   bool     `json:"ofBase"`
		Below    bool     `json:"belowFloor"`
	}

	// waivedRow is a finding that no longer counts.
	waivedRow struct {
		findingRow
		Reason quoted  `json:"reason"`
		Until  *quoted `json:"until"`
		From   *quoted `json:"from"`
	}

	lineRow struct {
		File  quoted `json:"file"`
		First int    `json:"first"`
		Last  int    `json:"last"`
		Sure  bool   `json:"sure"`
	}

	// growthRow is a growth, except for its lists.
	growthRow struct {
		Baseline   *quoted    `json:"baseline"`
		Before     figuresRow `json:"before"`
		After      figuresRow `json:"after"`
		PathsKnown bool       `json:"pathsKnown"`
		PathsGrown *int       `json:"pathsGrown"`
	}

	figuresRow struct {
		Layers          int     `json:"layers"`
		Entries         int     `json:"entries"`
		StoredBytes     int64   `json:"storedBytes"`
		VisibleBytes    int64   `json:"visibleBytes"`
		WastedBytes     int64   `json:"wastedBytes"`
		Efficiency      float64 `json:"efficiency"`
		CompressedBytes *int64  `json:"compressedBytes"`
		UserWastedBytes int64   `json:"userWastedBytes"`

		UserStoredBytes *int64   `json:"userStoredBytes"`
		OwnEfficiency   *float64 `json:"ownEfficiency"`
	}

	layerGrowthRow struct {
		Before *int    `json:"before"`
		After  *int    `json:"after"`
		Step   *quoted `json:"step"`
		Same   bool    `json:"same"`
		Stored int64   `json:"storedBytes"`
		Wasted int64   `json:"wastedBytes"`
	}

	pathGrowthRow struct {
		Path   quoted `json:"path"`
		Before *int64 `json:"before"`
		After  *int64 `json:"after"`
	}
)

// CheckJSON writes the verdict as one indented JSON object in the format of
// docs/json.md, with a newline; several verdicts as an object that lists them.
// It fails only if w does.
func CheckJSON(w io.Writer, vs ...*Verdict) error {
	out := newRows(w)
	if len(vs) == 1 && vs[0].Err == nil {
		out.object(newCheckDocument(vs[0].Analysis, vs[0].Outcome))
		out.outcome(vs[0].Outcome)
		return out.end()
	}
	all := subjects(vs)
	doc := checksDocument{Schema: ChecksSchema}
	for i := range all {
		doc.Failed = doc.Failed || all[i].Outcome != nil && all[i].Outcome.Failed()
	}
	out.object(doc)
	out.objects("images", len(all), func(i int) any {
		s := &all[i]
		row := checkedRow{Name: quoted(s.name), Key: quoted(s.key)}
		if s.Err != nil {
			row.Error = known(s.unloaded().Message)
		}
		return row
	}, func(i int) {
		s := &all[i]
		if s.Outcome == nil {
			out.null("check")
			return
		}
		out.nested("check", newCheckDocument(s.Analysis, s.Outcome), func() { out.outcome(s.Outcome) })
	})
	return out.end()
}

func newCheckDocument(a *analyze.Analysis, o *analyze.Outcome) checkDocument {
	doc := checkDocument{
		Schema: CheckSchema, Image: newImageRow(a.Image), Failed: o.Failed(), RulesFrom: known(o.RulesFrom),
		Totals: newTotalsRow(a.Totals), Base: newBaseRow(a.Base), Rules: make([]resultRow, 0, len(o.Results)),
		Notes: make([]quoted, 0, len(o.Notes)), Ignored: ignoredRow{o.Ignored, o.IgnoredVersions},
	}
	for _, r := range o.Results {
		doc.Rules = append(doc.Rules, newResultRow(&r))
	}
	for _, note := range o.Notes {
		doc.Notes = append(doc.Notes, quoted(note))
	}
	return doc
}

func newResultRow(r *analyze.Result) resultRow {
	row := resultRow{
		Rule: quoted(r.Rule), Severity: r.Severity.String(), Failed: r.Failed, Checked: !r.Unchecked, Waived: r.Waived,
		Value: quoted(r.Value), Limit: quoted(r.Limit), Message: quoted(r.Message), Number: numberOf(r.Number), Bound: numberOf(r.Bound),
	}
	if q := cmp.Or(r.Number, r.Bound); q != nil {
		unit := string(q.Unit)
		row.Unit = &unit
	}
	return row
}

// numberOf returns a quantity for JSON; nil, JSON's null, for none.
func numberOf(q *analyze.Quantity) any {
	switch {
	case q == nil:
		return nil
	case q.Unit == analyze.UnitRatio:
		return finite(q.Ratio)
	}
	return q.N
}

// outcome adds the keys of a check that may be long.
func (r *rows) outcome(o *analyze.Outcome) {
	r.growth(o.Growth)
	r.array("findings", len(o.Findings), func(i int) any { return newFindingRow(&o.Findings[i]) })
	r.array("waived", len(o.Waived), func(i int) any {
		x := &o.Waived[i]
		return waivedRow{newFindingRow(&x.Finding), quoted(x.Waiver.Reason), known(x.Waiver.Until), known(x.Waiver.From)}
	})
}

func newFindingRow(f *analyze.Finding) findingRow {
	row := findingRow{
		ID: quoted(f.ID), Rule: quoted(f.Rule), Severity: f.Severity.String(), Title: quoted(f.Title), Message: quoted(f.Message),
		Advice: known(f.Advice), Path: known(f.Path), Layer: knownInt(f.Layer), Bytes: f.Bytes, Step: known(f.Step),
		OfBase: f.OfBase, Below: f.BelowFloor,
	}
	if f.Versions > 0 {
		row.Versions = &f.Versions
	}
	if l := f.Line; l != nil {
		row.Line = &lineRow{quoted(l.File), l.First, l.Last, l.Sure}
	}
	return row
}

// growth adds the key of a growth, null without a baseline.
func (r *rows) growth(g *analyze.Growth) {
	if g == nil {
		r.null("growth")
		return
	}
	head := growthRow{known(g.Baseline), newFiguresRow(g.Before), newFiguresRow(g.After), g.PathsKnown, nil}
	if g.PathsKnown {
		head.PathsGrown = &g.Grown
	}
	r.nested("growth", head, func() {
		r.array("layers", len(g.Layers), func(i int) any {
			l := &g.Layers[i]
			return layerGrowthRow{knownInt(l.Before), knownInt(l.After), known(l.Step), l.Same, l.Stored, l.Wasted}
		})
		r.array("paths", len(g.Paths), func(i int) any {
			x := &g.Paths[i]
			return pathGrowthRow{quoted(x.Path), knownInt(x.Before), knownInt(x.After)}
		})
		waste := func(rows []analyze.Waste) func(i int) any {
			return func(i int) any { return newWasteRow(&rows[i]) }
		}
		r.array("newWaste", len(g.NewWaste), waste(g.NewWaste))
		r.array("goneWaste", len(g.GoneWaste), waste(g.GoneWaste))
	})
}

func newFiguresRow(f analyze.Figures) figuresRow {
	row := figuresRow{
		Layers: f.Layers, Entries: f.Entries, StoredBytes: f.Stored, VisibleBytes: f.Visible, WastedBytes: f.Wasted,
		Efficiency: finite(f.Efficiency), CompressedBytes: knownInt(f.Compressed), UserWastedBytes: f.UserWasted,
	}
	if e, ok := f.OwnEfficiency(); ok {
		e = finite(e)
		row.UserStoredBytes, row.OwnEfficiency = &f.UserStored, &e
	}
	return row
}
