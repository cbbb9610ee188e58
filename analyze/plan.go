package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// # Plans
//
// A plan is a set of changes to an image that have not been made: fixes of findings, merged
// layers, omitted paths. The resulting figures are computed from the same tree in one pass over
// its versions, whatever the number of changes. Nothing is copied: a plan takes a few bits per
// version.
//
// A change does one of three things to a version:
//
//	covered    the step deletes the file itself: the version is not stored, and what it hid stays hidden
//	unwritten  the step never writes the file: the version below, if any, is visible for longer
//	merged     its layer is merged with neighbours: what they hid of each other is not stored
//
// Figures are exact because bytes belong to inodes: each is counted once, however many changes
// remove it, and remains as long as one of its names does.

// A Plan is a set of changes to one image. It is not safe for concurrent use.
type Plan struct {
	a         *Analysis
	covered   bitmap // by version; nil while empty
	unwritten bitmap
	orphaned  map[int32]bool   // omitted inodes without a node
	squashed  []LayerRange     // disjoint, lowest first
	gone      map[int]bool     // layers whose step is omitted
	hides     map[NodeID][]int // by node: layers that delete it, besides those that already do
	dropped   []NodeID         // each with everything below it
}

// A LayerRange is layers From to To, both included, 0 being the lowest.
type LayerRange struct{ From, To int }

// PlanFigures are an image's figures, with or without a plan. Sizes are bytes of content, as in
// Totals.
type PlanFigures struct {
	Layers     int
	Stored     int64
	Visible    int64
	Wasted     int64
	Efficiency float64 // Visible / Stored; 1 when nothing is stored

	// Unshared is what base layers store today that the plan merges with others: images on the
	// same base no longer share these bytes.
	Unshared int64
}

// NewPlan returns a plan that changes nothing.
func NewPlan(a *Analysis) *Plan {
	return &Plan{a: a, orphaned: map[int32]bool{}, gone: map[int]bool{}, hides: map[NodeID][]int{}}
}

// Squash merges layers from to to, both included. Overlapping ranges are joined. A range of one
// layer removes what that layer stores twice.
func (p *Plan) Squash(from, to int) error {
	last := len(p.a.Tree.layers) - 1
	switch {
	case last < 0:
		return errors.New("the image has no layers")
	case from < 0 || to > last:
		return fmt.Errorf("layers %d..%d: the image's layers are 0 to %d", from, to, last)
	case from > to:
		return fmt.Errorf("layers %d..%d: the lower layer comes first", from, to)
	}
	for l := from; l <= to; l++ {
		if err := p.a.Tree.layers[l].Err; err != nil {
			return fmt.Errorf("layer %d cannot be read, so it cannot be merged: %w", l, err)
		}
	}
	whole := LayerRange{from, to}
	p.squashed = slices.DeleteFunc(p.squashed, func(r LayerRange) bool {
		if r.To < whole.From || r.From > whole.To {
			return false
		}
		whole.From, whole.To = min(whole.From, r.From), max(whole.To, r.To)
		return true
	})
	p.squashed = append(p.squashed, whole)
	slices.SortFunc(p.squashed, func(a, b LayerRange) int { return a.From - b.From })
	return nil
}

// Squashed returns the ranges of merged layers, lowest first.
func (p *Plan) Squashed() []LayerRange { return slices.Clone(p.squashed) }

// Drop omits a path and everything below it from every own layer. The base layers' content there
// is hidden but still stored, unless those layers are merged with the lowest own layer. kept is
// the number of these bytes, given the merges so far. It does not follow symbolic links.
func (p *Plan) Drop(path string) (kept int64, err error) {
	t, base := p.a.Tree, p.a.Totals.BaseLayers
	n, ok := t.Lookup(path)
	switch {
	case base >= len(t.layers):
		return 0, errors.New("all layers are the base image's: only another base image leaves something out of them")
	case !ok:
		return 0, fmt.Errorf("%s: %w in any layer", path, ErrNoPath)
	case n == Root:
		return 0, errors.New("the root cannot be left out: name a path below it")
	}
	p.dropped = append(p.dropped, n)
	below := newBitmap(len(t.nodes))
	below.set(int(n))
	for at := int(n); at < len(t.nodes); at++ {
		if at != int(n) && !below.has(int(t.nodes[at].parent)) {
			continue
		}
		below.set(at)
		from, to := t.versionRange(NodeID(at))
		for i := from; i < to; i++ {
			if l := int(t.versions[i].layer); l < base && !p.merges(l, base) {
				kept += t.carried(i)
			}
		}
	}
	return kept, nil
}

// merges reports whether two layers become one.
func (p *Plan) merges(a, b int) bool {
	return slices.ContainsFunc(p.squashed, func(r LayerRange) bool { return r.From <= min(a, b) && max(a, b) <= r.To })
}

// Choose adds a fix to the plan.
func (p *Plan) Choose(f *Fix) {
	c := &f.change
	for _, r := range c.merge {
		_ = p.Squash(r.From, r.To) // a fix merges existing, readable layers
	}
	p.leaveOut(&p.covered, c.covered)
	p.leaveOut(&p.unwritten, c.unwritten)
	for _, h := range c.hides {
		p.hides[h.node] = append(p.hides[h.node], h.layer)
	}
	if c.gone >= 0 {
		p.gone[c.gone] = true
	}
}

// leaveOut adds versions, or complements of inodes without a node, to a set.
func (p *Plan) leaveOut(set *bitmap, ids []int32) {
	if *set == nil && len(ids) > 0 {
		*set = newBitmap(len(p.a.Tree.versions))
	}
	for _, id := range ids {
		if id < 0 {
			p.orphaned[^id] = true
		} else {
			set.set(int(id))
		}
	}
}

// FiguresOf returns an image's figures without a plan.
func FiguresOf(a *Analysis) PlanFigures {
	t := &a.Totals
	return PlanFigures{Layers: t.Layers, Stored: t.Stored, Visible: t.Visible, Wasted: t.Wasted, Efficiency: t.Efficiency}
}

// Figures computes the image's figures with the plan. It takes one pass over all versions. The
// error is ctx's.
func (p *Plan) Figures(ctx context.Context) (PlanFigures, error) {
	w := newPlanWalk(p)
	if err := w.versions(ctx); err != nil {
		return PlanFigures{}, err
	}
	if err := w.inodes(ctx); err != nil {
		return PlanFigures{}, err
	}
	f := PlanFigures{Layers: w.layers, Stored: w.stored, Visible: w.visible, Wasted: w.stored - w.visible, Efficiency: 1}
	if f.Stored > 0 {
		f.Efficiency = float64(f.Visible) / float64(f.Stored)
	}
	for _, r := range p.squashed {
		for l := r.From; l <= r.To && l < p.a.Totals.BaseLayers; l++ {
			f.Unshared += p.a.stored[l]
		}
	}
	return f, nil
}
