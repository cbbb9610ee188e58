package analyze_test

import (
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestQuantities checks that every rule with a unit gives its value and limit as numbers of
// that unit. A rule that couldn't be checked still gives the limit.
func TestQuantities(t *testing.T) {
	a := imageOf(t, "docker-25", "-- image app:1 linux/amd64 --\n-- layer --\nfile a 300\nfile b 100 mode=4755\n-- layer --\nfile a 200\nfile c.bad 50\nfile su 10 mode=4755\n")
	none := map[string]bool{"user": true, "healthcheck": true, "base-current": true}
	type number struct {
		unit  analyze.Unit
		value float64
		limit float64
	}
	want := map[string]number{
		"min-efficiency": {"ratio", 1, 0.9}, "max-wasted": {"bytes", 300, 5}, "max-user-wasted": {"ratio", 0, 0.1}, "max-size": {"bytes", 660, 5},
		"max-layers": {"count", 2, 1}, "max-layer-size": {"bytes", 400, 5}, "max-files": {"count", 4, 3}, "forbid": {"count", 1, 0},
		"secret": {"count", 0, 0}, "setuid": {"count", 1, 0}, "label": {"count", 0, 1},
	}
	values := map[string]string{
		"max-wasted": "5", "max-user-wasted": "10%", "max-size": "5", "max-compressed-size": "7", "max-layers": "1", "max-layer-size": "5", "max-files": "3",
		"max-growth": "5%", "forbid": "*.bad", "label": "version",
	}
	rules := analyze.NewRules()
	for _, s := range analyze.Settings() {
		if !s.IsRule() || rules.On(s) {
			continue
		}
		text, ok := values[s.Name]
		if !ok {
			text = s.Example
		}
		if err := rules.Say(s, text); err != nil {
			t.Fatal(err)
		}
	}
	o, err := analyze.Check(t.Context(), a, rules, analyze.CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	as := func(q *analyze.Quantity) float64 {
		if q.Unit == analyze.UnitRatio {
			return q.Ratio
		}
		return float64(q.N)
	}
	for _, r := range o.Results {
		w, exact := want[r.Rule]
		switch {
		case none[r.Rule]:
			if r.Number != nil || r.Bound != nil {
				t.Errorf("%s has numbers: %v, %v", r.Rule, r.Number, r.Bound)
			}
		case r.Bound == nil:
			t.Errorf("%s has no numeric limit", r.Rule)
		case r.Unchecked:
		case r.Number == nil:
			t.Errorf("%s has no numeric value", r.Rule)
		case r.Number.Unit != r.Bound.Unit:
			t.Errorf("%s: %s and %s", r.Rule, r.Number.Unit, r.Bound.Unit)
		case exact && (r.Number.Unit != w.unit || as(r.Number) != w.value || as(r.Bound) != w.limit):
			t.Errorf("%s is %v of %v, want %v", r.Rule, *r.Number, *r.Bound, w)
		}
	}
	for _, c := range []struct {
		limit  string
		before int64
		want   *analyze.Quantity
	}{
		{"5%", 600, &analyze.Quantity{Unit: analyze.UnitRatio, Ratio: 0.1}},
		{"5%", 0, nil}, // growth from nothing
		{"5kB", 1000, &analyze.Quantity{Unit: analyze.UnitBytes, N: -340}},
	} {
		rules := analyze.NoRules()
		if err := rules.Say(analyze.SettingNamed("max-growth"), c.limit); err != nil {
			t.Fatal(err)
		}
		o, err := analyze.Check(t.Context(), a, rules, analyze.CheckOptions{Growth: &analyze.Growth{Before: analyze.Figures{Stored: c.before}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Results[0].Number; (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("growth from %d: got %v, want %v", c.before, got, c.want)
		}
	}
}
