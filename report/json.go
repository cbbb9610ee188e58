package report

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"strconv"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// Schema names the format of the JSON report. A breaking change gets a new number; new keys may
// be added under the old one.
const Schema = "peel.report/v1"

// The types below are the format of the report: their fields are its keys, in order. A pointer is
// null if the value is unknown.
type (
	// document is the report, except for its last keys, "packages", "unowned", "findings", "waste"
	// and "flaws", which may have a million rows.
	document struct {
		Schema string     `json:"schema"`
		Image  imageRow   `json:"image"`
		Totals totalsRow  `json:"totals"`
		Base   baseRow    `json:"base"`
		Config *configRow `json:"config"`
		Causes []causeRow `json:"causes"`
		Layers []layerRow `json:"layers"`
	}

	imageRow struct {
		Name       *quoted  `json:"name"`
		ID         *quoted  `json:"id"`
		Digest     *quoted  `json:"digest"`
		Platform   *quoted  `json:"platform"`
		OSVersion  *quoted  `json:"osVersion"`
		OSFeatures []quoted `json:"osFeatures"`
		Created    *string  `json:"created"`
		Source     *quoted  `json:"source"`

		Container *containerRow `json:"container"`
	}

	containerRow struct {
		Engine  quoted     `json:"engine"`
		ID      *quoted    `json:"id"`
		Name    *quoted    `json:"name"`
		Image   *quoted    `json:"image"`
		Command []quoted   `json:"command"`
		State   *quoted    `json:"state"`
		Created *string    `json:"created"`
		ReadAt  *string    `json:"readAt"`
		Init    *quoted    `json:"initLayer"`
		Mounts  []mountRow `json:"mounts"`
	}

	mountRow struct {
		Path   quoted  `json:"path"`
		Kind   *quoted `json:"kind"`
		Source *quoted `json:"source"`
	}

	totalsRow struct {
		Layers          int     `json:"layers"`
		Entries         int     `json:"entries"`
		StoredBytes     int64   `json:"storedBytes"`
		VisibleBytes    int64   `json:"visibleBytes"`
		WastedBytes     int64   `json:"wastedBytes"`
		Efficiency      float64 `json:"efficiency"`
		CompressedBytes *int64  `json:"compressedBytes"`
		BaseLayers      int     `json:"baseLayers"`
		UserStoredBytes int64   `json:"userStoredBytes"`
		UserWastedBytes int64   `json:"userWastedBytes"`
		UserWastedRatio float64 `json:"userWastedRatio"`
		BaseHiddenBytes int64   `json:"baseHiddenBytes"`
		OwnEfficiency   float64 `json:"ownEfficiency"`
	}

	baseRow struct {
		Layers  int     `json:"layers"`
		Name    *quoted `json:"name"`
		By      string  `json:"by"`
		Sure    bool    `json:"sure"`
		Missing *quoted `json:"missing"`
	}

	causeRow struct {
		Cause    string `json:"cause"`
		Bytes    int64  `json:"bytes"`
		Versions int    `json:"versions"`
	}

	layerRow struct {
		Index           int     `json:"index"`
		DiffID          *quoted `json:"diffId"`
		Digest          *quoted `json:"digest"`
		MediaType       *quoted `json:"mediaType"`
		CompressedBytes *int64  `json:"compressedBytes"`
		StoredBytes     *int64  `json:"storedBytes"`
		WastedBytes     *int64  `json:"wastedBytes"`
		HidesBytes      *int64  `json:"hidesBytes"`
		Entries         *int    `json:"entries"`
		Added           *int    `json:"added"`
		Modified        *int    `json:"modified"`
		Metadata        *int    `json:"metadata"`
		Identical       *int    `json:"identical"`
		Removed         *int    `json:"removed"`
		Command         *quoted `json:"command"`
		Created         *string `json:"created"`
		Base            bool    `json:"base"`
		Container       bool    `json:"container"`
		ListedBy        *string `json:"listedBy"`
		Error           *quoted `json:"error"`
	}

	wasteRow struct {
		Path  quoted `json:"path"`
		Bytes int64  `json:"bytes"`
		Cause string `json:"cause"`
		Layer int    `json:"layer"`
		By    *int   `json:"by"`
	}

	flawRow struct {
		Layer   *int    `json:"layer"`
		Path    *quoted `json:"path"`
		Problem quoted  `json:"problem"`
	}
)

// JSON writes the whole analysis and its findings (see analyze.Advise) as one indented JSON
// object in the format of docs/json.md, with a newline. It fails only if w does.
func JSON(w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
	doc := document{
		Schema: Schema,
		Image:  newImageRow(a.Image),
		Totals: newTotalsRow(a.Totals),
		Base:   newBaseRow(a.Base),
		Config: newConfigRow(a.Image),
		Causes: make([]causeRow, 0, len(a.Causes)),
		Layers: make([]layerRow, 0, len(a.Layers)),
	}
	for _, c := range a.Causes {
		doc.Causes = append(doc.Causes, causeRow{c.Cause.String(), c.Bytes, c.Versions})
	}
	for _, l := range a.Layers {
		doc.Layers = append(doc.Layers, newLayerRow(l))
	}
	out := newRows(w)
	out.object(doc)
	all, packages := packagesOf(context.Background(), a)
	writePackages(out, a, packages, &all.Unowned)
	out.array("findings", len(findings), func(i int) any { return newFindingRow(&findings[i]) })
	out.array("waste", a.Waste.Len(), func(i int) any {
		w := a.Waste.At(i)
		return newWasteRow(&w)
	})
	out.array("flaws", len(a.Flaws), func(i int) any {
		f := &a.Flaws[i]
		return flawRow{knownInt(f.Layer), known(f.Path), quoted(f.Problem)}
	})
	return out.end()
}

func newImageRow(im *source.Image) imageRow {
	return imageRow{
		Name:       known(im.Name),
		ID:         known(im.ID),
		Digest:     known(im.Digest),
		Platform:   known(im.Platform),
		OSVersion:  known(im.OSVersion),
		OSFeatures: quotedAll(im.OSFeatures),
		Created:    stamp(im.Created),
		Source:     known(im.Source),
		Container:  newContainerRow(im.Container),
	}
}

// newContainerRow returns nil for an image that is not a container's.
func newContainerRow(c *source.Container) *containerRow {
	if c == nil {
		return nil
	}
	row := &containerRow{
		Engine: quoted(c.Engine), ID: known(c.ID), Name: known(c.Name), Image: known(c.Image),
		Command: commandRow(c.Command), State: known(c.State), Created: stamp(c.Created), ReadAt: stamp(c.ReadAt),
		Init: known(c.InitLayer), Mounts: make([]mountRow, 0, len(c.Mounts)),
	}
	for _, m := range c.Mounts {
		row.Mounts = append(row.Mounts, mountRow{quoted(m.Path), known(m.Kind), known(m.Source)})
	}
	return row
}

func newTotalsRow(t analyze.Totals) totalsRow {
	return totalsRow{
		Layers:          t.Layers,
		Entries:         t.Entries,
		StoredBytes:     t.Stored,
		VisibleBytes:    t.Visible,
		WastedBytes:     t.Wasted,
		Efficiency:      finite(t.Efficiency),
		CompressedBytes: knownInt(t.Compressed),
		BaseLayers:      t.BaseLayers,
		UserStoredBytes: t.UserStored,
		UserWastedBytes: t.UserWasted,
		UserWastedRatio: finite(t.UserWastedRatio),
		BaseHiddenBytes: t.BaseHidden,
		OwnEfficiency:   finite(t.OwnEfficiency),
	}
}

func newBaseRow(b analyze.Base) baseRow {
	return baseRow{b.Layers, known(b.Name), b.By.String(), b.Sure, known(b.Missing)}
}

// newLayerRow leaves null what is unknown about an unreadable layer.
func newLayerRow(l analyze.LayerTotal) layerRow {
	row := layerRow{
		Index:           l.Layer.Index,
		DiffID:          known(l.Layer.DiffID),
		Digest:          known(l.Layer.Digest),
		MediaType:       known(l.Layer.MediaType),
		CompressedBytes: knownInt(l.Layer.CompressedBytes),
		Command:         known(analyze.Masked(l.Layer.Step.Command)),
		Created:         stamp(l.Layer.Step.Created),
		Base:            l.Base,
		Container:       l.Layer.OfContainer,
	}
	if l.Layer.ListedBy != "" {
		row.ListedBy = &l.Layer.ListedBy
	}
	if l.Layer.Err != nil {
		row.Error = known(l.Layer.Err.Error())
		return row
	}
	row.StoredBytes, row.WastedBytes, row.HidesBytes = &l.Stored, &l.Wasted, &l.Hides
	row.Entries = &l.Entries
	row.Added, row.Modified, row.Metadata = &l.Changes.Added, &l.Changes.Modified, &l.Changes.Metadata
	row.Identical, row.Removed = &l.Changes.Identical, &l.Changes.Removed
	return row
}

// finite replaces a number that JSON can't represent.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func newWasteRow(x *analyze.Waste) wasteRow {
	return wasteRow{quoted(x.Path()), x.Bytes, x.Cause.String(), x.Layer, knownInt(x.By)}
}

// appendTo appends the same bytes as package json in a quarter of the time, because there may be
// a million rows. Lines after the first start with prefix.
func (r wasteRow) appendTo(b []byte, prefix string) []byte {
	key := func(lead, name string) { b = append(append(append(append(b, lead...), prefix...), indent...), name...) }
	key("{\n", `"path": `)
	b = r.Path.appendTo(b)
	key(",\n", `"bytes": `)
	b = strconv.AppendInt(b, r.Bytes, 10)
	key(",\n", `"cause": "`)
	b = append(b, r.Cause...) // one of peel's own words
	key("\",\n", `"layer": `)
	b = strconv.AppendInt(b, int64(r.Layer), 10)
	key(",\n", `"by": `)
	if r.By == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(*r.By), 10)
	}
	return append(append(append(b, '\n'), prefix...), '}')
}

// WasteJSON writes a row of waste, as in the report, as one JSON object and a newline.
func WasteJSON(w io.Writer, x *analyze.Waste) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(newWasteRow(x))
}
