package analyze

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// A Wish says what a proposal is to be made of. The zero value asks for every fix with
// edits that saves more than little.
type Wish struct {
	Fixes  []string     // IDs of findings, or AllFixes
	Squash []LayerRange // layers to merge
	Drop   []string     // paths to leave out

	// NoTotals leaves Total of fixes out: working them out takes a pass over the image
	// for each.
	NoTotals bool
}

// AllFixes asks for every fix with edits that saves more than little, beside what else is
// asked for.
const AllFixes = "all"

// A Proposal is fixes of an image and a plan of some of them, with the figures of both.
type Proposal struct {
	Fixes   []ProposedFix // those that save most first
	Dropped []Dropped
	Squash  []LayerRange // as asked for, those that overlap made one

	Before, After PlanFigures

	// Text is the Dockerfile with the edits of the chosen fixes; nil if there are none.
	Text  []byte
	Edits int // how many fixes are in Text
}

// A ProposedFix is a fix, and its part in the proposal.
type ProposedFix struct {
	Fix

	Chosen bool // it is in the plan

	// Total is what this fix and all above it save together; -1 if it was not worked out,
	// in an image so large that it would take long.
	Total int64
}

// A Dropped is a path that is left out.
type Dropped struct {
	Path string // as asked for
	Kept int64  // bytes of it that the base's layers store
}

// mostPlanned bounds how many versions are gone through for running totals: beyond, a
// reader would wait.
const mostPlanned = 100_000_000

// Propose chooses from fixes, which are of a, and works out what the image would come to.
// file is the Dockerfile that the fixes were found with, nil if there was none. An error
// that is not ctx's is about what was asked for.
func Propose(ctx context.Context, a *Analysis, fixes []Fix, file *dockerfile.File, wish Wish) (*Proposal, error) {
	p := &Proposal{Before: FiguresOf(a)}
	for i := range fixes {
		p.Fixes = append(p.Fixes, ProposedFix{Fix: fixes[i], Total: -1})
	}
	if err := p.choose(wish); err != nil {
		return nil, err
	}
	if err := p.edit(file, len(wish.Fixes) > 0); err != nil {
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

// choose marks the fixes that are asked for.
func (p *Proposal) choose(wish Wish) error {
	all := len(wish.Fixes)+len(wish.Squash)+len(wish.Drop) == 0
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
		if f := &p.Fixes[i]; all && len(f.Edits) > 0 && !f.Small {
			f.Chosen = true
		}
	}
	return nil
}

// edit makes the Dockerfile of the chosen fixes. One that cannot be made together with
// those above it is left out: an error if it was asked for by its ID.
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

// total works out what each fix saves together with those above it.
func (p *Proposal) total(ctx context.Context, a *Analysis) error {
	plan := NewPlan(a)
	pass := max(len(a.Tree.versions)+len(a.Tree.inodes), 1)
	for i := range p.Fixes {
		plan.Choose(&p.Fixes[i].Fix)
		if left := len(p.Fixes) - i; left > 1 && (i+1)*pass > mostPlanned {
			continue // the last one's is worked out in any case
		}
		got, err := plan.Figures(ctx)
		if err != nil {
			return err
		}
		p.Fixes[i].Total = p.Before.Stored - got.Stored
	}
	return nil
}
