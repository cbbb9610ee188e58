package analyze_test

import (
	"slices"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// TestFixesSave checks that a fix saves as much as a plan with that fix alone, and that all
// fixes together save the sum of their bytes, each byte counted once.
func TestFixesSave(t *testing.T) {
	fixes := 0
	for seed := range uint64(cases(400, 10_000)) {
		im := testkit.Throw(6_000_000 + seed).Image()
		a := analysedImage(t, im, int(seed%2))
		found, err := analyze.Fixes(t.Context(), a, analyze.AdviceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		findings, both, err := analyze.AdviseAndFix(t.Context(), a, analyze.AdviceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		alone, err := analyze.Advise(t.Context(), a, analyze.AdviceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sameFindings := slices.EqualFunc(alone, findings, func(x, y analyze.Finding) bool { return x.ID == y.ID && x.Message == y.Message && x.Bytes == y.Bytes })
		sameFixes := slices.EqualFunc(found, both, func(x, y analyze.Fix) bool { return x.ID == y.ID && x.Saves == y.Saves && x.Text() == y.Text() })
		if !sameFindings || !sameFixes {
			t.Fatalf("seed %d: findings and fixes differ when computed together", seed)
		}
		all := analyze.NewPlan(a)
		for i := range found {
			f := &found[i]
			fixes++
			plan := analyze.NewPlan(a)
			plan.Choose(f)
			all.Choose(f)
			got, err := plan.Figures(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if saved := a.Totals.Stored - got.Stored; saved != f.Saves {
				t.Fatalf("seed %d: %s saves %d bytes, but claims %d:\n%s", seed, f.ID, saved, f.Saves, testkit.Text(im))
			}
			if len(f.Edits) > 0 || f.Why == "" {
				t.Fatalf("seed %d: %s has edits although there is no Dockerfile", seed, f.ID)
			}
		}
		got, err := all.Figures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Everything visible stays, and the only waste left is the base's.
		if want := a.Totals.Wasted - a.Totals.UserWasted; got.Visible != a.Totals.Visible || got.Wasted != want {
			t.Fatalf("seed %d: after all fixes, got %+v, want %d wasted and %d visible:\n%s", seed, got, want, a.Totals.Visible, testkit.Text(im))
		}
	}
	if fixes == 0 {
		t.Error("no image has fixes")
	}
}

// TestProposalTotals checks that a proposal's running totals grow up to what all fixes save.
func TestProposalTotals(t *testing.T) {
	for seed := range uint64(cases(100, 2000)) {
		a := analysedImage(t, testkit.Throw(7_000_000+seed).Image(), 0)
		fixes, err := analyze.Fixes(t.Context(), a, analyze.AdviceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var wish analyze.Wish
		for i := range fixes {
			wish.Fixes = append(wish.Fixes, fixes[i].ID)
		}
		p, err := analyze.Propose(t.Context(), a, fixes, nil, wish)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(p.Fixes, func(x, y analyze.ProposedFix) int { return int(x.Total - y.Total) }) {
			t.Fatalf("seed %d: totals don't grow", seed)
		}
		if n := len(p.Fixes); n > 0 && p.Fixes[n-1].Total != p.Before.Stored-p.After.Stored {
			t.Fatalf("seed %d: all fixes save %d bytes, want %d", seed, p.Fixes[n-1].Total, p.Before.Stored-p.After.Stored)
		}
		wish.NoTotals = true
		brief, err := analyze.Propose(t.Context(), a, fixes, nil, wish)
		if err != nil || brief.After != p.After || slices.ContainsFunc(brief.Fixes, func(f analyze.ProposedFix) bool { return f.Total >= 0 }) {
			t.Fatalf("seed %d: without totals, got %+v, %v, want %+v", seed, brief.After, err, p.After)
		}
	}
}
