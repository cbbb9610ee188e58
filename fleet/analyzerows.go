package fleet

import (
	"strings"
	"time"

	"github.com/peelhq/peel/analyze"
)

// clean returns text for a column.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// millis returns a time for a column; nil if it is unknown.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixMilli()
	return &n
}

// number returns a known number.
func number[N int | int64](n N) *int64 {
	v := int64(n)
	return &v
}

// from0 returns a number, or nil if it is negative, which means unknown.
func from0[N int | int64](n N) *int64 {
	if n < 0 {
		return nil
	}
	return number(n)
}

// fill fills the rows of an image from its analysis.
func (r *rows) fill(an *analyze.Analysis, p *PlanImage, findings []analyze.Finding, packages *analyze.Packages) {
	t, im := &an.Totals, &r.image
	im.Layers, im.Entries = number(t.Layers), number(t.Entries)
	im.StoredBytes, im.VisibleBytes, im.WastedBytes, im.Efficiency = new(t.Stored), new(t.Visible), new(t.Wasted), new(t.Efficiency)
	im.CompressedBytes, im.BaseLayers = from0(t.Compressed), number(t.BaseLayers)
	im.UserStoredBytes, im.UserWastedBytes, im.UserWastedRatio = new(t.UserStored), new(t.UserWasted), new(t.UserWastedRatio)
	im.BaseHiddenBytes, im.OwnEfficiency = new(t.BaseHidden), new(t.OwnEfficiency)
	im.BaseName, im.BaseBy, im.BaseSure, im.BaseMissing = known(an.Base.Name), new(an.Base.By.String()), new(an.Base.Sure), known(an.Base.Missing)
	for _, c := range an.Causes {
		im.Causes = append(im.Causes, CauseRow{c.Cause.String(), c.Bytes, int64(c.Versions)})
	}
	unreadable := 0
	for i := range an.Layers {
		if an.Layers[i].Layer.Err != nil {
			unreadable++
		}
		r.layers = append(r.layers, layerRow(&an.Layers[i], im, p))
	}
	im.UnreadableLayers = number(unreadable)
	for i := range findings {
		r.findings = append(r.findings, findingRow(&findings[i], im, p))
	}
	for i := range packages.Rows {
		r.packages = append(r.packages, packageRow(&packages.Rows[i], im, p))
	}
}

// layerRow returns the row of one layer of an image.
func layerRow(l *analyze.LayerTotal, im *ImageRow, p *PlanImage) ImageLayerRow {
	of := l.Layer
	row := ImageLayerRow{
		Plan: im.Plan, Image: im.Image, Index: int64(of.Index), Layer: p.Layers[of.Index], DiffID: known(of.DiffID), MediaType: known(of.MediaType),
		CompressedBytes: from0(of.CompressedBytes), Command: known(analyze.Masked(of.Step.Command)), Created: millis(of.Step.Created), Base: l.Base,
	}
	if of.Err != nil {
		row.Error = known(of.Err.Error())
		return row
	}
	row.StoredBytes, row.WastedBytes, row.HidesBytes, row.Entries = new(l.Stored), new(l.Wasted), new(l.Hides), number(l.Entries)
	c := &l.Changes
	row.Added, row.Modified, row.Metadata, row.Identical, row.Removed = number(c.Added), number(c.Modified), number(c.Metadata), number(c.Identical), number(c.Removed)
	return row
}

// findingRow returns the row of a finding.
func findingRow(f *analyze.Finding, im *ImageRow, p *PlanImage) FindingRow {
	row := FindingRow{
		Plan: im.Plan, Image: im.Image, ID: clean(f.ID), Rule: f.Rule, Severity: f.Severity.String(), Title: clean(f.Title), Message: clean(f.Message),
		Advice: known(f.Advice), Path: known(f.Path), Index: from0(f.Layer), Step: known(f.Step), Bytes: f.Bytes, Versions: int64(f.Versions),
		OfBase: f.OfBase, Below: f.BelowFloor,
	}
	if f.Layer >= 0 && f.Layer < len(p.Layers) {
		row.Layer = &p.Layers[f.Layer]
	}
	if l := f.Line; l != nil {
		row.File, row.Line = known(l.File), number(l.First)
	}
	return row
}

// packageRow returns the row of a package.
func packageRow(x *analyze.Package, im *ImageRow, p *PlanImage) PackageRow {
	row := PackageRow{
		Plan: im.Plan, Image: im.Image, Name: clean(x.Name), Version: known(x.Version), Type: x.Type,
		Stored: x.Stored, Visible: x.Visible, Wasted: x.Wasted, Shared: x.Shared, Files: int64(x.Files),
		Index: int64(x.Layer), Layer: p.Layers[x.Layer], Installed: x.Installed,
	}
	for _, l := range x.Layers {
		row.Layers = append(row.Layers, PackageLayerRow{int64(l.Layer), p.Layers[l.Layer], l.Stored, l.Visible, l.Wasted, int64(l.Files)})
	}
	return row
}
