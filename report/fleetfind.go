package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// foundRow is one image of "peel fleet find"; see docs/fleet/README.md.
type foundRow struct {
	Name      *quoted        `json:"name"`
	Reference quoted         `json:"reference"`
	Digest    *quoted        `json:"digest"`
	Platform  *quoted        `json:"platform"`
	Visible   bool           `json:"visible"`
	Files     []foundFileRow `json:"files"`
}

type foundFileRow struct {
	Path     quoted  `json:"path"`
	Type     quoted  `json:"type"`
	Size     int64   `json:"size"`
	Layer    int64   `json:"layer"`
	Digest   quoted  `json:"digest"`
	Step     *quoted `json:"step"`
	Visible  bool    `json:"visible"`
	HiddenBy *int64  `json:"hiddenBy"`
}

// FoundJSON writes an image with matching files as one JSON object and a newline.
func FoundJSON(w io.Writer, f *fleet.FoundImage) error {
	row := foundRow{
		Name: known(f.Image.Name), Reference: quoted(f.Image.Reference), Digest: known(deref(f.Image.Digest)), Platform: known(deref(f.Image.Platform)),
		Visible: f.Visible() > 0, Files: make([]foundFileRow, len(f.Files)),
	}
	for i := range f.Files {
		x := &f.Files[i]
		row.Files[i] = foundFileRow{quoted(x.Path), quoted(x.Type), x.Size, x.Index, quoted(x.Layer), known(x.Step), x.HiddenBy < 0, knownInt(x.HiddenBy)}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(row)
}

// Found writes an image with matching files as one line, about the first file that shows, else
// about the first one; with all, as a line for each file.
func Found(w io.Writer, f *fleet.FoundImage, all bool) error {
	first := 0
	for i := range f.Files {
		if f.Files[i].HiddenBy < 0 {
			first = i
			break
		}
	}
	for i := range f.Files {
		if !all && i != first {
			continue
		}
		line := foundLine(f, &f.Files[i])
		if more := len(f.Files) - 1; !all && more > 0 {
			line += fmt.Sprintf("  (and %s)", human.Count(more, "more file", "more files"))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// foundLine says where a file is, and which layer hides it, if any.
func foundLine(f *fleet.FoundImage, x *fleet.FoundFile) string {
	fate := "visible"
	if x.HiddenBy >= 0 {
		fate = fmt.Sprintf("hidden by layer %d", x.HiddenBy)
	}
	name := unordered(clean.Line(f.Image.Name))
	if p := deref(f.Image.Platform); p != "" {
		name += " (" + clean.Line(p) + ")"
	}
	return fmt.Sprintf("%s  %s  layer %d  %s  %s  %s", name, fate, x.Index, human.Size(x.Size), clean.Text(x.Path), orUnknown(x.Step))
}
