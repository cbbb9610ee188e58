package analyze

import (
	"strings"
	"testing"
)

// TestNewWaiver checks which texts are valid waivers.
func TestNewWaiver(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Waiver
		want string // of the error; "" for no error
	}{
		{"an id", Waiver{ID: "max-wasted", Reason: "why"}, ""},
		{"a rule and a path", Waiver{Rule: "forbid", Path: "/srv", Reason: "why"}, ""},
		{"a rule of the advice", Waiver{Rule: RuleWaste, Path: "*.pyc", Reason: "why"}, ""},
		{"nothing", Waiver{Reason: "why"}, "a waiver needs the id"},
		{"both", Waiver{ID: "a", Rule: "forbid", Path: "/", Reason: "why"}, "either the id"},
		{"a rule alone", Waiver{Rule: "forbid", Reason: "why"}, "write id: forbid"},
		{"an unknown rule", Waiver{Rule: "forbids", Path: "/", Reason: "why"}, `unknown rule "forbids"`},
		{"no reason", Waiver{ID: "a", Reason: " "}, "give a reason"},
		{"an exception", Waiver{Rule: "forbid", Path: "!/srv", Reason: "why"}, "begins with !"},
		{"no glob", Waiver{Rule: "forbid", Path: "a[", Reason: "why"}, "is not a glob"},
	} {
		_, err := NewWaiver(c.w)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestWaive checks that waivers remove findings, and rules that have no findings left, but
// nothing else.
func TestWaive(t *testing.T) {
	outcome := func() *Outcome {
		return &Outcome{
			Results: []Result{
				{Rule: "forbid", Severity: Error, Failed: true},
				{Rule: "max-layers", Severity: Error, Failed: true},
				{Rule: "max-growth", Severity: Error, Unchecked: true},
				{Rule: "max-size", Severity: Error, Failed: true}, // without a finding
			},
			Findings: []Finding{
				{ID: "forbid/a", Rule: "forbid", Severity: Error, Path: "/srv/a"},
				{ID: "forbid/b", Rule: "forbid", Severity: Error, Path: "/srv"},
				{ID: "max-layers", Rule: "max-layers", Severity: Error},
				{ID: "max-growth", Rule: "max-growth", Severity: Warning},
				{ID: "waste/x", Rule: RuleWaste, Path: "/srv/a"},
			},
		}
	}
	for _, c := range []struct {
		name    string
		waivers []Waiver
		waived  string // findings
		failed  string // rules
		unused  int
	}{
		{"none", nil, "", "forbid max-layers max-size", 0},
		{"one finding", []Waiver{{ID: "forbid/a"}}, "forbid/a", "forbid max-layers max-size", 0},
		{"by its short name", []Waiver{{ID: ShortID("forbid/a")}}, "forbid/a", "forbid max-layers max-size", 0},
		{"a path, not what holds it", []Waiver{{Rule: "forbid", Path: "/srv/a"}}, "forbid/a", "forbid max-layers max-size", 0},
		{"a path and all below", []Waiver{{Rule: "forbid", Path: "/srv"}}, "forbid/a forbid/b", "max-layers max-size", 0},
		{"a rule's own finding", []Waiver{{ID: "max-layers"}}, "max-layers", "forbid max-size", 0},
		{"a path of a finding without one", []Waiver{{Rule: "max-layers", Path: "/"}}, "", "forbid max-layers max-size", 1},
		{"a rule without a finding", []Waiver{{ID: "max-size"}}, "max-size", "forbid max-layers", 0},
		{"a rule that is not checked", []Waiver{{ID: "max-growth"}}, "", "forbid max-layers max-size", 0},
		{"advice", []Waiver{{Rule: RuleWaste, Path: "/srv"}}, "waste/x", "forbid max-layers max-size", 0},
		{"nothing that is there", []Waiver{{ID: "forbid/c"}}, "", "forbid max-layers max-size", 1},
		{"expired", []Waiver{{ID: "forbid/a", Until: "2026-11-25"}}, "", "forbid max-layers max-size waive", 0},
		{"on its last day", []Waiver{{ID: "forbid/a", Until: "2026-11-26"}}, "forbid/a", "forbid max-layers max-size", 0},
		{"two of one finding expired", []Waiver{{ID: "x", Until: "2026-01-01"}, {ID: "x", Until: "2026-01-02"}}, "", "forbid max-layers max-size waive", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ws []*Waiver
			for _, w := range c.waivers {
				w.Reason = "why"
				made, err := NewWaiver(w)
				if err != nil {
					t.Fatal(err)
				}
				ws = append(ws, made)
			}
			o := outcome()
			o.Waive(ws, "2026-11-26")
			var waived, failed []string
			ids := map[string]bool{}
			for _, w := range o.Waived {
				waived = append(waived, w.ID)
			}
			for _, f := range o.Findings {
				if ids[f.ID] {
					t.Errorf("two findings have the ID %s", f.ID)
				}
				ids[f.ID] = true
			}
			for _, r := range o.Results {
				if r.Failed {
					failed = append(failed, r.Rule)
				}
				if r.Failed && r.Waived {
					t.Errorf("%s failed and is waived", r.Rule)
				}
			}
			unused := 0
			for _, w := range ws {
				if !w.Used() {
					unused++
				}
			}
			if strings.Join(waived, " ") != c.waived || strings.Join(failed, " ") != c.failed || unused != c.unused {
				t.Errorf("waived %q, failed %q, %d unused", waived, failed, unused)
			}
			if len(o.Findings)+len(o.Waived) < len(outcome().Findings) {
				t.Error("a finding is missing")
			}
		})
	}
}
