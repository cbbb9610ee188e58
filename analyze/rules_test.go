package analyze

import "testing"

func TestRuleValues(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		want       string // "" if it can't be parsed
	}{
		{"min-efficiency", "0.95", "0.95"},
		{"min-efficiency", "95%", "0.95"},
		{"min-efficiency", "95 %", "0.95"},
		{"min-efficiency", "99.5%", "0.995"},
		{"min-efficiency", "0", "0"},
		{"min-efficiency", "1", "1"},
		{"min-efficiency", "100%", "1"},
		{"min-efficiency", "off", "off"},
		{"min-efficiency", "1.01", ""},
		{"min-efficiency", "95", ""},
		{"min-efficiency", "101%", ""},
		{"min-efficiency", "-1%", ""},
		{"min-efficiency", "NaN", ""},
		{"min-efficiency", "Inf", ""},
		{"min-efficiency", "1e-1", ""},
		{"min-efficiency", "0x1p-1", ""},
		{"min-efficiency", "%", ""},
		{"min-efficiency", "", ""},
		{"min-efficiency", "Off", ""},
		{"max-user-wasted", "10%", "0.1"},
		{"max-wasted", "512", "512"},
		{"max-wasted", "0", "0"},
		{"max-wasted", "100MB", "100000000"},
		{"max-wasted", "100 mb", "100000000"},
		{"max-wasted", "64MiB", "67108864"},
		{"max-wasted", "1.5GB", "1500000000"},
		{"max-wasted", "2k", "2000"},
		{"max-wasted", "off", "off"},
		{"max-wasted", "1,5GB", ""},
		{"max-wasted", "-5", ""},
		{"max-wasted", "lots", ""},
		{"max-wasted", "MB", ""},
		{"max-wasted", "10XB", ""},
		{"max-wasted", "99EB", ""},
		{"max-size", "1GB", "1000000000"},
		{"max-compressed-size", "1GB", "1000000000"},
		{"max-layer-size", "1GB", "1000000000"},
		{"max-layers", "20", "20"},
		{"max-layers", "0", "0"},
		{"max-layers", "off", "off"},
		{"max-layers", "-1", ""},
		{"max-layers", "1.5", ""},
		{"max-layers", "0x10", ""},
		{"max-layers", "9223372036854775808", ""},
		{"max-files", "50000", "50000"},
		{"max-growth", "20MB", "{20000000 0}"},
		{"max-growth", "0", "{0 0}"},
		{"max-growth", "5%", "{-1 0.05}"},
		{"max-growth", "250%", "{-1 2.5}"},
		{"max-growth", "off", "off"},
		{"max-growth", "0.05", ""},
		{"max-growth", "-5%", ""},
		{"max-growth", "much", ""},
		{"forbid", "*.pem", "[*.pem]"},
		{"forbid", "off", "off"},
		{"forbid", "[", ""},
		{"label", "org.example.team", "[org.example.team]"},
		{"label", "org.example.team=a*", "[org.example.team=a*]"},
		{"label", "off", "off"},
		{"label", "", ""},
		{"label", "=a", ""},
		{"label", "a=", ""},
		{"secret", "off", "off"},
		{"secret", "yes", ""},
		{"secret", "5", ""},
		{"forbid", "", ""},
	} {
		r := NoRules()
		err := r.Say(SettingNamed(c.rule), c.text)
		got := r.String()
		switch {
		case c.want == "":
			if err == nil {
				t.Errorf("%s: %q is parsed as %s", c.rule, c.text, got)
			}
		case err != nil:
			t.Errorf("%s: %q: %v", c.rule, c.text, err)
		case c.want == "off":
			if got != "" {
				t.Errorf("%s: off is parsed as %s", c.rule, got)
			}
		default:
			if want := c.rule + " " + c.want + " error"; got != want {
				t.Errorf("%q is parsed as %q, want %q", c.text, got, want)
			}
		}
	}
}

// TestSettings checks that every default and every example value can be parsed, and that every
// rule has all the texts that the forms of a check need.
func TestSettings(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings() {
		texts := []string{s.Example}
		if s.Default != "" {
			texts = append(texts, s.Default)
		}
		for _, text := range texts {
			if err := NoRules().Say(s, text); err != nil {
				t.Errorf("%s: %q: %v", s.Name, text, err)
			}
		}
		if s.Text == "" || s.Kind.Schema == "" || s.IsRule() && (s.Help == "" || s.About == "" || s.Severity == Note) {
			t.Errorf("%s: a text is missing: %+v", s.Name, s)
		}
		for _, name := range append([]string{s.Name}, s.Dive...) {
			if seen[name] {
				t.Errorf("%s: two settings have this name", name)
			}
			seen[name] = true
		}
	}
	if got, want := NewRules().String(), "min-efficiency 0.9 error; secret on warning; user on warning; healthcheck on warning; setuid on warning"; got != want {
		t.Errorf("got defaults %s, want %s", got, want)
	}
}
