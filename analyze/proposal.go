package analyze

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// A Wish says what a proposal should contain. The zero value requests every fix with edits,
// except small ones.
type Wish struct {
	Fixes  []string     // IDs of findings, or AllFixes
	Squash []LayerRange // layers to merge
	Drop   []string     // paths to omit

	// NoTotals leaves Total of fixes unset: computing it takes one pass over the image for each
	// fix.
	NoTotals bool
}

// AllFixes requests every fix with edits, small ones too, in addition to other requests.
const AllFixes = "all"

// A Proposal is an image's fixes and a plan with some of them, with their figures.
type Proposal struct {
	Fixes   []ProposedFix // largest saving first
	Dropped []Dropped
	Squash  []LayerRange // as requested, with overlapping ranges joined

	Before, After PlanFigures

	// Text is the Dockerfile with the edits of the chosen fixes; nil without edits.
	Text  []byte
	Edits int // number of fixes in Text
}

// A ProposedFix is a fix and its role in the proposal.
type ProposedFix struct {
	Fix

	Chosen bool // it is in the plan

	// Total is the saving of this fix and all above it together; -1 if not computed because the
	// image is too large.
	Total int64
}

// A Dropped is an omitted path.
type Dropped struct {
	Path string // as requested
	Kept int64  // bytes that remain in the base layers
}

// mostPlanned is the maximum number of versions visited to compute running totals, so that users
// don't wait.
const mostPlanned = 100_000_000

// Propose chooses from the fixes of a and computes the resulting image. file is the Dockerfile
// that the fixes were found with, or nil. An error that is not ctx's is about the wish.
func Propose(ctx context.Context, a *Analysis, fixes []Fix, file *dockerfile.File, wish Wish) (*Proposal, error) {
	p := &Proposal{Before: FiguresOf(a)}
	for i := range fixes {
		p.Fixes = append(p.Fixes, ProposedFix{Fix: fixes[i], Total: -1})
	}
	if err := p.choose(wish); err != nil {
		return nil, err
	}
	if err := p.edit(file, slices.ContainsFunc(wish.Fixes, func(id string) bool { return id != AllFixes })); err != nil {
		return nil, err
	}
	plan := NewPlan(a)
	for _, r := range wish.Squash {
		if err := plan.Squash(r.From, r.To); err != nil {
			return nil, err
		}
	}
	p.Squash = plan.Squashed()
	for _, path := range wish.Drop {
		kept, err := plan.Drop(path)
		if err != nil {
			return nil, err
		}
		p.Dropped = append(p.Dropped, Dropped{path, kept})
	}
	for i := range p.Fixes {
		if p.Fixes[i].Chosen {
			plan.Choose(&p.Fixes[i].Fix)
		}
	}
	var err error
	if p.After, err = plan.Figures(ctx); err != nil {
		return nil, err
	}
	if wish.NoTotals {
		return p, nil
	}
	return p, p.total(ctx, a)
}

// choose marks the requested fixes.
func (p *Proposal) choose(wish Wish) error {
	notable, all := len(wish.Fixes)+len(wish.Squash)+len(wish.Drop) == 0, false
	for _, id := range wish.Fixes {
		if id == AllFixes {
			all = true
			continue
		}
		at := slices.IndexFunc(p.Fixes, func(f ProposedFix) bool {
			return slices.ContainsFunc(f.Findings, func(x Finding) bool { return x.ID == id })
		})
		if at < 0 {
			return fmt.Errorf("no fix has the ID %q", id)
		}
		p.Fixes[at].Chosen = true
	}
	for i := range p.Fixes {
		if f := &p.Fixes[i]; len(f.Edits) > 0 && (all || notable && !f.Small) {
			f.Chosen = true
		}
	}
	return nil
}

// edit makes the Dockerfile with the chosen fixes. It skips a fix that conflicts with those above
// it, or fails if that fix was requested by ID.
func (p *Proposal) edit(file *dockerfile.File, asked bool) error {
	var edits []dockerfile.Edit
	for i := range p.Fixes {
		f := &p.Fixes[i]
		if !f.Chosen || len(f.Edits) == 0 {
			continue
		}
		more := slices.Concat(edits, f.Edits)
		text, err := file.Edited(more)
		if err != nil {
			why := fmt.Errorf("together with the changes above, %s", strings.TrimSpace(err.Error()))
			if asked {
				return fmt.Errorf("the fix %q: %w", f.ID, why)
			}
			f.Chosen, f.Why = false, why.Error()
			continue
		}
		edits, p.Text = more, text
		p.Edits++
	}
	return nil
}

// total computes the saving of each fix together with those above it.
func (p *Proposal) total(ctx context.Context, a *Analysis) error {
	plan := NewPlan(a)
	pass := max(len(a.Tree.versions)+len(a.Tree.inodes), 1)
	for i := range p.Fixes {
		plan.Choose(&p.Fixes[i].Fix)
		if left := len(p.Fixes) - i; left > 1 && (i+1)*pass > mostPlanned {
			continue // always compute the last one
		}
		got, err := plan.Figures(ctx)
		if err != nil {
			return err
		}
		p.Fixes[i].Total = p.Before.Stored - got.Stored
	}
	return nil
}
