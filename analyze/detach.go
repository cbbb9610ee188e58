package analyze

import "github.com/peelhq/peel/source"

// detachedWaste is the number of waste rows that a detached outcome keeps.
const detachedWaste = 20

// Detached returns the results of a check without the tree, the files and the waste of its image,
// so that a check of several images holds one image in memory at a time.
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

// Detached returns the outcome with only the largest rows of waste, none of which refers to a
// tree.
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
