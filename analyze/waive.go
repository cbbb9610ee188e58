package analyze

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/human"
)

// RuleWaive is the rule of findings about waivers themselves.
const RuleWaive = "waive"

// A Waiver accepts findings of a check: one finding by its ID, or those of a rule at some paths.
// Create one with NewWaiver.
type Waiver struct {
	ID     string // of a finding, full or short; "" to use Rule and Path
	Rule   string // one of WaivableRules
	Path   string // a glob
	Reason string // why, for people
	Until  string // last day of validity, YYYY-MM-DD; "" for unlimited
	From   string // its place, for people: ".peel.yaml:12"

	globs Globs
	used  bool
}

// NewWaiver validates w and returns it ready for use.
func NewWaiver(w Waiver) (*Waiver, error) {
	switch {
	case w.ID == "" && w.Rule == "":
		return nil, errors.New("a waiver needs the id of a finding, or a rule and a path")
	case w.ID != "" && (w.Rule != "" || w.Path != ""):
		return nil, errors.New("give either the id of a finding, or a rule and a path")
	case w.ID == "" && w.Path == "":
		return nil, fmt.Errorf("give the path too; to waive the whole rule, write id: %s", w.Rule)
	case w.Rule != "" && !slices.Contains(WaivableRules(), w.Rule):
		return nil, fmt.Errorf("unknown rule %q: the rules are %s", w.Rule, strings.Join(WaivableRules(), ", "))
	case strings.TrimSpace(w.Reason) == "":
		return nil, errors.New("give a reason, for those who read the file later")
	case strings.HasPrefix(w.Path, "!"):
		return nil, errors.New("a path that begins with ! is an exception and waives nothing")
	}
	if w.Path != "" {
		var err error
		if w.globs, err = addGlob(nil, w.Path); err != nil {
			return nil, err
		}
	}
	return &w, nil
}

// WaivableRules returns the rules that findings may have: those of the check and those of the
// advice.
func WaivableRules() []string {
	names := RuleNames()
	for name := range adviceRules {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// What describes, for people, what the waiver covers.
func (w *Waiver) What() string {
	if w.ID != "" {
		return w.ID
	}
	return w.Rule + " at " + w.Path
}

// Used reports whether the waiver has waived something, or has expired.
func (w *Waiver) Used() bool { return w.used }

// waives reports whether the waiver covers a finding.
func (w *Waiver) waives(f *Finding) bool {
	if w.ID != "" {
		return w.ID == f.ID || w.ID == ShortID(f.ID)
	}
	return w.Rule == f.Rule && f.Path != "" && w.globs.coverPath(f.Path)
}

// ShortID returns a short ID of a finding that rules files accept: "f-3b0c44298fc1".
func ShortID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "f-" + hex.EncodeToString(sum[:6])
}

// A Waived is a finding removed from a check by a waiver.
type Waived struct {
	Finding
	Waiver *Waiver
}

// Waive removes the findings covered by waivers from o. A rule whose findings are all waived has
// not failed. A waiver whose last day is before today (YYYY-MM-DD) waives nothing, and fails the
// check until it is renewed or deleted.
func (o *Outcome) Waive(waivers []*Waiver, today string) {
	var active, expired []*Waiver
	for _, w := range waivers {
		if w.Until != "" && w.Until < today {
			w.used = true
			expired = append(expired, w)
			continue
		}
		active = append(active, w)
	}
	o.waive(active)
	o.expire(expired)
}

// waive is Waive for waivers that have not expired.
func (o *Outcome) waive(active []*Waiver) {
	unchecked, rest := map[string]bool{}, map[string]bool{}
	for _, r := range o.Results {
		unchecked[r.Rule] = r.Unchecked && !r.Failed
	}
	first := func(f *Finding) *Waiver {
		for _, w := range active {
			if w.waives(f) {
				w.used = true // an unchecked rule does not make its waiver unnecessary
				if !unchecked[f.Rule] {
					return w
				}
			}
		}
		return nil
	}
	var kept []Finding
	by := map[string]*Waiver{}
	take := func(f *Finding, w *Waiver) {
		o.Waived = append(o.Waived, Waived{*f, w})
		by[f.Rule] = w
	}
	had := map[string]bool{}
	for i := range o.Findings {
		f := &o.Findings[i]
		had[f.Rule] = true
		if w := first(f); w != nil {
			take(f, w)
			continue
		}
		rest[f.Rule] = true
		kept = append(kept, *f)
	}
	o.Findings = kept
	for i := range o.Results {
		r := &o.Results[i]
		if !r.Failed || rest[r.Rule] {
			continue
		}
		if !had[r.Rule] {
			f := Finding{ID: r.Rule, Rule: r.Rule, Severity: r.Severity, Layer: -1, Title: r.Rule + " fails", Message: r.Message}
			w := first(&f)
			if w == nil {
				continue
			}
			take(&f, w)
		}
		r.Failed, r.Waived = false, true
		r.Message += " (waived" + by[r.Rule].until() + ": " + by[r.Rule].Reason + ")"
	}
}

// until describes the validity of the waiver, for a sentence.
func (w *Waiver) until() string {
	if w.Until == "" {
		return ""
	}
	return " until " + w.Until
}

// expire adds a failed rule with a finding for each expired waiver.
func (o *Outcome) expire(expired []*Waiver) {
	if len(expired) == 0 {
		return
	}
	n := human.Count(len(expired), "waiver", "waivers")
	o.Results = append(o.Results, Result{
		Rule: RuleWaive, Severity: Error, Failed: true, Value: human.Comma(len(expired)), Limit: "0",
		Number: countOf(len(expired)), Bound: countOf(0),
		Message: n + " " + pick(len(expired) == 1, "has", "have") + " expired",
	})
	var all []Finding
	for _, w := range expired {
		all = append(all, Finding{
			ID: RuleWaive + "/" + w.What(), Rule: RuleWaive, Severity: Error, Layer: -1, Title: "Waiver expired",
			Message: fmt.Sprintf("the waiver of %s (%s) counted until %s: %s", w.What(), w.From, w.Until, w.Reason),
			Advice:  "Fix the finding, give the waiver a later date, or delete it.",
		})
	}
	distinct(all)
	o.add(all...)
}
