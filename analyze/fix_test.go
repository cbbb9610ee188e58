package analyze_test

import (
	"slices"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// What a fix is said to save is what a plan of it alone saves, and all fixes together save
// what their bytes are, each counted once.
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
			t.Fatalf("seed %d: findings and fixes are others if they are asked for together", seed)
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
				t.Fatalf("seed %d: %s saves %d, and is said to save %d:\n%s", seed, f.ID, saved, f.Saves, testkit.Text(im))
			}
			if len(f.Edits) > 0 || f.Why == "" {
				t.Fatalf("seed %d: %s has edits of no Dockerfile", seed, f.ID)
			}
		}
		got, err := all.Figures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Nothing that can be seen goes, and of the waste only what the base brings stays.
		if want := a.Totals.Wasted - a.Totals.UserWasted; got.Visible != a.Totals.Visible || got.Wasted != want {
			t.Fatalf("seed %d: all fixes leave %+v, not %d wasted and %d visible:\n%s", seed, got, want, a.Totals.Visible, testkit.Text(im))
		}
	}
	if fixes == 0 {
		t.Error("no fixes at all")
	}
}

// A proposal's running totals grow, and end in what all fixes save.
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
			t.Fatalf("seed %d: the totals do not grow", seed)
		}
		if n := len(p.Fixes); n > 0 && p.Fixes[n-1].Total != p.Before.Stored-p.After.Stored {
			t.Fatalf("seed %d: all save %d, not %d", seed, p.Fixes[n-1].Total, p.Before.Stored-p.After.Stored)
		}
		wish.NoTotals = true
		brief, err := analyze.Propose(t.Context(), a, fixes, nil, wish)
		if err != nil || brief.After != p.After || slices.ContainsFunc(brief.Fixes, func(f analyze.ProposedFix) bool { return f.Total >= 0 }) {
			t.Fatalf("seed %d: without totals %+v, %v, want %+v", seed, brief.After, err, p.After)
		}
	}
}
