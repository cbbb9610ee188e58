package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/peelhq/peel/analyze"
)

// reportSchema is what a report -f json says it is.
const reportSchema = "peel.report/v1"

// errNoReport means that a file is something else than a report.
var errNoReport = errors.New("not a report of peel's")

// baseline returns the figures of what growth is measured from: an image, or
// the JSON report that was kept of one.
func (a *app) baseline(ctx context.Context, ref string) (*analyze.Figures, error) {
	figures, err := keptFigures(ref)
	if err == nil {
		return figures, nil
	}
	if !errors.Is(err, errNoReport) {
		return nil, failed("peel report IMAGE -f json -o "+ref+", to make it anew", "cannot read the baseline %s: %w", ref, err)
	}
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return nil, failed("", "the baseline: %w", err)
	}
	defer an.Image.Close()
	t := &an.Totals
	return &analyze.Figures{
		Layers: t.Layers, Entries: t.Entries, Stored: t.Stored, Visible: t.Visible, Wasted: t.Wasted,
		Efficiency: t.Efficiency, Compressed: t.Compressed, UserWasted: t.UserWasted,
	}, nil
}

// keptFigures returns the figures of a report in a file. It reads no further
// than to them: what follows may be large.
func keptFigures(path string) (*analyze.Figures, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errNoReport
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if first, err := r.Peek(1); err != nil || first[0] != '{' {
		return nil, errNoReport
	}
	d := json.NewDecoder(r)
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	known := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch key {
		case "schema":
			var schema string
			if err := d.Decode(&schema); err != nil {
				return nil, err
			}
			if schema != reportSchema {
				return nil, fmt.Errorf("its schema is %q, not %q", schema, reportSchema)
			}
			known = true
		case "totals":
			if !known {
				return nil, fmt.Errorf("no schema comes before its figures; %q was expected", reportSchema)
			}
			return totals(d)
		default:
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return nil, err
			}
		}
	}
	return nil, errors.New("there are no totals in it")
}

// totals reads the figures of a report, of which only what may be unknown may
// be absent.
func totals(d *json.Decoder) (*analyze.Figures, error) {
	var t struct {
		Layers          *int     `json:"layers"`
		Entries         *int     `json:"entries"`
		StoredBytes     *int64   `json:"storedBytes"`
		VisibleBytes    *int64   `json:"visibleBytes"`
		WastedBytes     *int64   `json:"wastedBytes"`
		Efficiency      *float64 `json:"efficiency"`
		CompressedBytes *int64   `json:"compressedBytes"`
		UserWastedBytes *int64   `json:"userWastedBytes"`
	}
	if err := d.Decode(&t); err != nil {
		return nil, err
	}
	if t.Layers == nil || t.Entries == nil || t.StoredBytes == nil || t.VisibleBytes == nil || t.WastedBytes == nil || t.Efficiency == nil || t.UserWastedBytes == nil {
		return nil, errors.New("some of its totals are missing")
	}
	f := &analyze.Figures{
		Layers: *t.Layers, Entries: *t.Entries, Stored: *t.StoredBytes, Visible: *t.VisibleBytes, Wasted: *t.WastedBytes,
		Efficiency: *t.Efficiency, Compressed: -1, UserWasted: *t.UserWastedBytes,
	}
	if t.CompressedBytes != nil {
		f.Compressed = *t.CompressedBytes
	}
	return f, nil
}
