package report

import (
	"io"

	"github.com/peelhq/peel/analyze"
)

// DiffSchema names the format of a comparison's JSON, as Schema does for a report.
const DiffSchema = "peel.diff/v1"

// The types below are the format of a comparison: their fields are its keys, in order. A pointer
// is null if the value is unknown or missing.
type (
	// diffDocument is a comparison, except for its last keys, "packages" and "paths".
	diffDocument struct {
		Schema    string          `json:"schema"`
		Before    diffSideRow     `json:"before"`
		After     diffSideRow     `json:"after"`
		Identical bool            `json:"identical"`
		Config    []diffConfigRow `json:"config"`
		Layers    []diffLayerRow  `json:"layers"`
		Changes   []diffChangeRow `json:"changes"`
	}

	diffSideRow struct {
		Image  imageRow   `json:"image"`
		Layer  *int       `json:"layer"`
		Totals figuresRow `json:"totals"`
	}

	diffConfigRow struct {
		Part   string  `json:"part"`
		Name   *quoted `json:"name"`
		Change string  `json:"change"`
		Before *quoted `json:"before"`
		After  *quoted `json:"after"`
	}

	diffLayerRow struct {
		State        string  `json:"state"`
		Before       *int    `json:"before"`
		After        *int    `json:"after"`
		Step         *quoted `json:"step"`
		StoredBytes  int64   `json:"storedBytes"`
		StoredGrowth int64   `json:"storedGrowth"`
		WastedGrowth int64   `json:"wastedGrowth"`
	}

	diffChangeRow struct {
		Change      string `json:"change"`
		Paths       int    `json:"paths"`
		BeforeBytes int64  `json:"beforeBytes"`
		AfterBytes  int64  `json:"afterBytes"`
	}

	diffPackageRow struct {
		Name        quoted  `json:"name"`
		Type        string  `json:"type"`
		Change      string  `json:"change"`
		Before      *quoted `json:"before"`
		After       *quoted `json:"after"`
		BeforeBytes int64   `json:"beforeBytes"`
		AfterBytes  int64   `json:"afterBytes"`
	}

	diffPathRow struct {
		Path        quoted      `json:"path"`
		Change      string      `json:"change"`
		What        []string    `json:"what"`
		BeforeBytes int64       `json:"beforeBytes"`
		AfterBytes  int64       `json:"afterBytes"`
		Before      *versionRow `json:"before"`
		After       *versionRow `json:"after"`
	}
)

// DiffJSON writes a comparison as one indented JSON object in the format of docs/json.md, with a
// newline. It fails only if w does.
func DiffJSON(w io.Writer, c *Comparison) error {
	doc := diffDocument{
		Schema:    DiffSchema,
		Before:    newDiffSideRow(c.Before, c.Difference.Before),
		After:     newDiffSideRow(c.After, c.Difference.After),
		Identical: c.None(),
		Config:    make([]diffConfigRow, 0, len(c.Config)),
		Layers:    make([]diffLayerRow, 0, len(c.Layers)),
		Changes:   make([]diffChangeRow, 0, len(shownChanges)),
	}
	for i := range c.Config {
		x := &c.Config[i]
		doc.Config = append(doc.Config, diffConfigRow{x.Part.String(), known(x.Name), x.Change.String(), known(x.Before), known(x.After)})
	}
	for i := range c.Layers {
		l := &c.Layers[i]
		doc.Layers = append(doc.Layers, diffLayerRow{layerState(l), knownInt(l.Before), knownInt(l.After), known(l.Step), l.Bytes, l.Stored, l.Wasted})
	}
	for _, change := range shownChanges {
		t := c.Changes[change]
		doc.Changes = append(doc.Changes, diffChangeRow{change.String(), t.Paths, t.Before, t.After})
	}
	out := newRows(w)
	out.object(doc)
	out.array("packages", len(c.Packages), func(i int) any {
		x := &c.Packages[i]
		return diffPackageRow{quoted(x.Name), x.Type, packageChange(x), known(x.Before), known(x.After), x.BeforeBytes, x.AfterBytes}
	})
	out.array("paths", len(c.Paths), func(i int) any {
		x := &c.Paths[i]
		return diffPathRow{quoted(x.Path), x.Change.String(), x.What.Words(), x.Before, x.After, shownRow(x.Old), shownRow(x.New)}
	})
	return out.end()
}

func newDiffSideRow(s analyze.Side, f analyze.Figures) diffSideRow {
	return diffSideRow{newImageRow(s.Analysis.Image), knownInt(s.At), newFiguresRow(f)}
}

// shownRow has the facts of a version, or null for none.
func shownRow(v *analyze.Version) *versionRow {
	if v == nil {
		return nil
	}
	row := newVersionRow(*v)
	return &row
}
