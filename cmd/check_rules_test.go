package cmd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
)

// said are all rules that are on, as "rule limit severity", and what else a
// ruleset says.
func (r *ruleset) said() string {
	var out []string
	limit := func(name string, value any, on bool, severity analyze.Severity) {
		if on {
			out = append(out, fmt.Sprintf("%s %v %s", name, value, severity))
		}
	}
	limit("min-efficiency", r.MinEfficiency.Value, r.MinEfficiency.On, r.MinEfficiency.Severity)
	limit("max-wasted", r.MaxWasted.Value, r.MaxWasted.On, r.MaxWasted.Severity)
	limit("max-user-wasted", r.MaxUserWasted.Value, r.MaxUserWasted.On, r.MaxUserWasted.Severity)
	limit("max-size", r.MaxSize.Value, r.MaxSize.On, r.MaxSize.Severity)
	limit("max-compressed-size", r.MaxCompressedSize.Value, r.MaxCompressedSize.On, r.MaxCompressedSize.Severity)
	limit("max-layers", r.MaxLayers.Value, r.MaxLayers.On, r.MaxLayers.Severity)
	limit("max-layer-size", r.MaxLayerSize.Value, r.MaxLayerSize.On, r.MaxLayerSize.Severity)
	limit("max-files", r.MaxFiles.Value, r.MaxFiles.On, r.MaxFiles.Severity)
	limit("max-growth", r.MaxGrowth.Value, r.MaxGrowth.On, r.MaxGrowth.Severity)
	limit("forbid", r.Forbid.Value, r.Forbid.On, r.Forbid.Severity)
	if len(r.Ignore) > 0 {
		out = append(out, fmt.Sprintf("ignore %v", r.Ignore))
	}
	if r.MinWasted > 0 {
		out = append(out, fmt.Sprintf("min-wasted %d", r.MinWasted))
	}
	if r.base != "" {
		out = append(out, "base "+r.base)
	}
	return strings.Join(out, "; ")
}

func TestRuleValues(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		want       string // "" if it cannot be read
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
		{"forbid", "", ""},
	} {
		r := &ruleset{given: map[string][]string{}}
		err := r.say(settingNamed(c.rule), c.text)
		got := r.said()
		switch {
		case c.want == "":
			if err == nil {
				t.Errorf("%s: %q is taken for %s", c.rule, c.text, got)
			}
		case err != nil:
			t.Errorf("%s: %q: %v", c.rule, c.text, err)
		case c.want == "off":
			if got != "" {
				t.Errorf("%s: off is taken for %s", c.rule, got)
			}
		default:
			if want := c.rule + " " + c.want + " note"; got != want {
				t.Errorf("%q is taken for %q, want %q", c.text, got, want)
			}
		}
	}
}

// Every default and every value that is shown as an example can be read.
func TestSettings(t *testing.T) {
	for _, s := range settings {
		texts := []string{s.try}
		if text, ok := defaults[s.name]; ok {
			texts = append(texts, text)
		}
		for _, text := range texts {
			if err := newRuleset().say(&s, text); err != nil {
				t.Errorf("%s: %q: %v", s.name, text, err)
			}
		}
	}
	if got, want := newRuleset().said(), "min-efficiency 0.9 error; max-user-wasted 0.1 error"; got != want {
		t.Errorf("the defaults are %s, want %s", got, want)
	}
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if settingNamed(name) == nil {
			t.Errorf("a default for %s, which is no rule", name)
		}
	}
}

// Flags beat the file, and the file the defaults; globs add up.
func TestPrecedence(t *testing.T) {
	for _, c := range []struct {
		name, file, flags string
		want              string // "" if it is an error
	}{
		{"nothing said", "", "", "min-efficiency 0.9 error; max-user-wasted 0.1 error"},
		{"the file alone", "max-wasted: 20MB", "", "min-efficiency 0.9 error; max-wasted 20000000 error; max-user-wasted 0.1 error"},
		{"the file over a default", "min-efficiency: 50%", "", "min-efficiency 0.5 error; max-user-wasted 0.1 error"},
		{"the file switches a default off", "min-efficiency: off\nmax-user-wasted: off\nmax-layers: 3", "", "max-layers 3 error"},
		{"a flag over a default", "", "--max-user-wasted 0.3", "min-efficiency 0.9 error; max-user-wasted 0.3 error"},
		{"a flag over the file", "min-efficiency: 50%", "--min-efficiency 0.7", "min-efficiency 0.7 error; max-user-wasted 0.1 error"},
		{"a flag switches the file's off", "max-wasted: 20MB", "--max-wasted off", "min-efficiency 0.9 error; max-user-wasted 0.1 error"},
		{"a flag switches on what the file has off", "min-efficiency: off", "--min-efficiency 0.2", "min-efficiency 0.2 error; max-user-wasted 0.1 error"},
		{"the last of two flags", "", "--max-layers 5 --max-layers 6", "min-efficiency 0.9 error; max-user-wasted 0.1 error; max-layers 6 error"},
		{"a severity in the file", "max-layers: 3\nseverity: {max-layers: warn, min-efficiency: off}", "", "max-user-wasted 0.1 error; max-layers 3 warning"},
		{"a severity before its rule", "severity: {max-layers: warn}\nmax-layers: 3", "", "min-efficiency 0.9 error; max-user-wasted 0.1 error; max-layers 3 warning"},
		{"a flag keeps the file's severity", "max-layers: 3\nseverity: {max-layers: warn}", "--max-layers 9", "min-efficiency 0.9 error; max-user-wasted 0.1 error; max-layers 9 warning"},
		{"a flag's severity over the file's", "max-layers: 3\nseverity: {max-layers: warn}", "--error max-layers --warn min-efficiency,max-user-wasted", "min-efficiency 0.9 warning; max-user-wasted 0.1 warning; max-layers 3 error"},
		{"a flag's value over the file's severity off", "severity: {min-efficiency: off}", "--min-efficiency 0.4", "min-efficiency 0.4 error; max-user-wasted 0.1 error"},
		{"the later of two severities", "", "--warn min-efficiency --error min-efficiency", "min-efficiency 0.9 error; max-user-wasted 0.1 error"},
		{"globs add up", "forbid: ['*.pem', .git]\nignore: /a", "--forbid *.key --ignore /b", "min-efficiency 0.9 error; max-user-wasted 0.1 error; forbid [*.pem .git *.key] error; ignore [/a /b]"},
		{"off, then others", "forbid: ['*.pem', .git]\nignore: /a", "--forbid off --forbid *.key --ignore off", "min-efficiency 0.9 error; max-user-wasted 0.1 error; forbid [*.key] error"},
		{"forbidden, but as a warning", "forbid: '*.pem'\nseverity: {forbid: warn}", "", "min-efficiency 0.9 error; max-user-wasted 0.1 error; forbid [*.pem] warning"},
		{"the floor and the base", "min-wasted: 1MB\nbase: 3", "--min-wasted 2MB", "min-efficiency 0.9 error; max-user-wasted 0.1 error; min-wasted 2000000; base 3"},
		{"no floor", "min-wasted: 1MB", "--min-wasted off", "min-efficiency 0.9 error; max-user-wasted 0.1 error"},
		{"dive's file", "rules: {lowestEfficiency: 0.95, highestWastedBytes: 20MB, highestUserWastedPercent: 0.2}", "--max-wasted 1MB", "min-efficiency 0.95 error; max-wasted 1000000 error; max-user-wasted 0.2 error"},
		{"no file by flag", "min-efficiency: 50%", "--config none", "min-efficiency 0.9 error; max-user-wasted 0.1 error"},
		{"no file by an empty flag", "min-efficiency: 50%", "--config=", "min-efficiency 0.9 error; max-user-wasted 0.1 error"},
		{"a severity for a rule that is off", "", "--warn max-layers", ""},
		{"off, and a severity", "max-layers: 3", "--max-layers off --warn max-layers", ""},
		{"growth without a baseline", "", "--max-growth 5%", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if c.file != "" {
				name := peelFile
				if strings.HasPrefix(c.file, diveRules) {
					name = diveFile
				}
				write(t, name, []byte(c.file))
			}
			var flags checkFlags
			command := &cobra.Command{}
			flags.register(command)
			if err := command.ParseFlags(strings.Fields(c.flags)); err != nil {
				t.Fatal(err)
			}
			r, err := flags.ruleset(command.Flags().Lookup("config"))
			switch {
			case c.want == "":
				if err == nil {
					t.Errorf("it is taken for %s", r.said())
				}
			case err != nil:
				t.Error(err)
			case r.said() != c.want:
				t.Errorf("got  %s\nwant %s", r.said(), c.want)
			}
		})
	}
}
