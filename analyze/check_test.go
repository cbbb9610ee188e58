package analyze

import "testing"

func TestCheck(t *testing.T) {
	off := Rules{MinEfficiency: -1, MaxWasted: -1, MaxUserWasted: -1}
	totals := Totals{Stored: 1000, Visible: 900, Wasted: 100, Efficiency: 0.9, UserWastedRatio: 0.2}
	with := func(change func(*Rules)) Rules {
		r := off
		change(&r)
		return r
	}
	for _, c := range []struct {
		name   string
		rules  Rules
		rule   string // "" for none
		failed bool
		says   string
	}{
		{"all off", off, "", false, ""},
		{"efficiency just met", with(func(r *Rules) { r.MinEfficiency = 0.9 }), "min-efficiency", false, "efficiency is 90.0 %, at least 90.0 %"},
		{"efficiency just missed", with(func(r *Rules) { r.MinEfficiency = 0.90001 }), "min-efficiency", true, "efficiency is 90.000 %, less than 90.001 %"},
		{"waste just met", with(func(r *Rules) { r.MaxWasted = 100 }), "max-wasted", false, "waste is 100 B, at most 100 B"},
		{"waste exceeded", with(func(r *Rules) { r.MaxWasted = 99 }), "max-wasted", true, "waste is 100 B, more than 99 B"},
		{"no waste allowed", with(func(r *Rules) { r.MaxWasted = 0 }), "max-wasted", true, "waste is 100 B, more than 0 B"},
		{"user waste met", with(func(r *Rules) { r.MaxUserWasted = 0.2 }), "max-user-wasted", false, "the share of user layers that is waste is 20.0 %, at most 20.0 %"},
		{"user waste exceeded", with(func(r *Rules) { r.MaxUserWasted = 0.1 }), "max-user-wasted", true, "the share of user layers that is waste is 20.0 %, more than 10.0 %"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Check(&Analysis{Totals: totals}, c.rules)
			if c.rule == "" {
				if len(got) != 0 {
					t.Errorf("got %v, want nothing", got)
				}
				return
			}
			if len(got) != 1 || got[0].Rule != c.rule || got[0].Failed != c.failed || got[0].Message != c.says {
				t.Errorf("got %+v, want %s, failed %v, %q", got, c.rule, c.failed, c.says)
			}
		})
	}
}
