package analyze

import "github.com/peelhq/peel/source"

// detachedWaste is how many rows of waste a detached outcome keeps.
const detachedWaste = 20

// Detached returns what a verdict says of an image, without its tree, its files and
// its waste: a check of several images holds one image at a time in memory.
func (a *Analysis) Detached() *Analysis {
	out := *a
	out.Tree, out.Waste, out.Flaws, out.open = nil, WasteRows{}, nil, nil
	im := a.Image
	out.Image = &source.Image{
		Name: im.Name, ID: im.ID, Digest: im.Digest, Platform: im.Platform, Created: im.Created, Source: im.Source,
		OSVersion: im.OSVersion, OSFeatures: im.OSFeatures, Config: im.Config, Annotations: im.Annotations, Container: im.Container,
	}
	out.Layers = make([]LayerTotal, len(a.Layers))
	for i, total := range a.Layers {
		if l := total.Layer; l != nil {
			total.Layer = &source.Layer{Index: l.Index, DiffID: l.DiffID, Digest: l.Digest, Step: l.Step, Err: l.Err}
			out.Image.Layers = append(out.Image.Layers, total.Layer)
		}
		out.Layers[i] = total
	}
	return &out
}

// Detached returns the outcome with the largest rows of waste alone, none of which
// keeps a tree in memory.
func (o *Outcome) Detached() *Outcome {
	out := *o
	var rows []Waste
	for i := range min(o.Waste.Len(), detachedWaste) {
		rows = append(rows, detached(o.Waste.At(i)))
	}
	out.Waste = RowsOf(rows)
	if o.Growth != nil {
		g := *o.Growth
		g.NewWaste, g.GoneWaste = detachedRows(g.NewWaste), detachedRows(g.GoneWaste)
		out.Growth = &g
	}
	return &out
}

func detachedRows(rows []Waste) []Waste {
	out := make([]Waste, len(rows))
	for i := range rows {
		out[i] = detached(rows[i])
	}
	return out
}

func detached(w Waste) Waste { return w.At(w.Path()) }
