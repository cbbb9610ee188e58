package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/peelhq/peel/internal/human"
)

// The default floor of findings: a share of the image's stored bytes, or a number of bytes,
// whichever is less.
const (
	floorShare = 0.01
	floorBytes = 1_000_000
)

// findingFloor returns the bytes below which a finding of waste is small, for an image that
// stores this many bytes, according to the setting "min-finding"; 0 if it is off.
func findingFloor(r *Rules, stored int64) int64 {
	switch said := r.of(minFindingSetting.Setting); {
	case said.on:
		return minFindingSetting.in(r)
	case len(said.given) > 0: // off
		return 0
	}
	return DefaultFloor(stored)
}

// DefaultFloor returns the default floor for an image that stores this many bytes; Advise uses
// it.
func DefaultFloor(stored int64) int64 { return min(floorBytes, int64(floorShare*float64(stored))) }

// markBelow marks findings of waste below a floor. Findings of other rules never count as small:
// a secret has few bytes.
func markBelow(floor int64, findings []Finding) {
	for i := range findings {
		f := &findings[i]
		f.BelowFloor = f.Rule == RuleWaste && f.Severity == Note && f.Bytes < floor
	}
}

// An excess is the waste that has to go for the failed rules to pass: in own layers, and in all
// layers together.
type excess struct{ own, all int64 }

// markDecisive marks the largest findings of waste that together make up the excess. Those of
// the base image come last: the reader can't fix them.
func markDecisive(x excess, findings []Finding) {
	order := make([]*Finding, 0, len(findings))
	for i := range findings {
		if f := &findings[i]; f.Rule == RuleWaste && f.Severity == Note && f.Bytes > 0 {
			order = append(order, f)
		}
	}
	slices.SortStableFunc(order, func(a, b *Finding) int {
		if a.OfBase != b.OfBase {
			if a.OfBase {
				return 1
			}
			return -1
		}
		return cmp.Compare(b.Bytes, a.Bytes)
	})
	for _, f := range order {
		if !(x.all > 0 || x.own > 0 && !f.OfBase) {
			return
		}
		f.Decisive, f.BelowFloor = true, false
		x.own, x.all = x.own-f.Bytes, x.all-f.Bytes
	}
}

// Sorted are findings by section of a report for people; each section keeps the original order.
type Sorted struct {
	Shown      []Finding // fixable in own steps, or more severe than a note
	OfBase     []Finding // notes that only another base image resolves, including those below the floor
	BelowFloor []Finding // other notes below the floor
}

// Sort splits findings into sections.
func Sort(findings []Finding) Sorted {
	var s Sorted
	for i := range findings {
		switch f := &findings[i]; {
		case f.OfBase && f.Severity == Note:
			s.OfBase = append(s.OfBase, *f)
		case f.BelowFloor:
			s.BelowFloor = append(s.BelowFloor, *f)
		default:
			s.Shown = append(s.Shown, *f)
		}
	}
	return s
}

// Brief returns the findings for a form without room for small ones; floor is Outcome.Floor. It
// merges findings of waste that only another base image resolves into one, and those below the
// floor into another, so that the bytes of RuleWaste still add up. Decisive findings stay. With a floor of 0, it returns
// all findings in order.
func Brief(findings []Finding, floor int64) []Finding {
	if floor <= 0 {
		return findings
	}
	s := Sort(findings)
	out := s.Shown
	var base []Finding
	for i := range s.OfBase {
		if f := &s.OfBase[i]; f.Rule == RuleWaste && !f.Decisive {
			base = append(base, *f)
		} else {
			out = append(out, *f)
		}
	}
	if len(base) > 0 {
		f := summedUp("waste/of-base", base)
		f.OfBase = true
		f.Title = counted(len(base)) + " that only another base image fixes"
		out = append(out, f)
	}
	if len(s.BelowFloor) > 0 {
		f := summedUp("waste/below-floor", s.BelowFloor)
		f.BelowFloor = true
		f.Title = counted(len(s.BelowFloor)) + " of less than " + human.Size(floor) + " each"
		out = append(out, f)
	}
	return out
}

// CountFindings returns the number of findings, with each of those that Brief has merged.
func CountFindings(findings []Finding) int {
	n := 0
	for i := range findings {
		n += findings[i].Count()
	}
	return n
}

// Count returns the number of findings that f stands for: 1, or those that Brief has merged.
func (f *Finding) Count() int { return max(f.merged, 1) }

func counted(n int) string { return human.Count(n, "finding of waste", "findings of waste") }

// summedUp returns a note that replaces several findings of waste; it has no title yet.
func summedUp(id string, findings []Finding) Finding {
	f := Finding{ID: id, Rule: RuleWaste, Severity: Note, Layer: -1, merged: len(findings), Advice: "JSON lists each of them; so does a check with min-finding: off."}
	for i := range findings {
		f.Bytes += findings[i].Bytes
		f.Versions += findings[i].Versions
	}
	f.Message = fmt.Sprintf("%s %s in all.", pick(len(findings) == 1, "It wastes", "They waste"), human.Size(f.Bytes))
	return f
}
