package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestPrecedence checks that flags override the file, that the file overrides the defaults, and
// that globs add up.
func TestPrecedence(t *testing.T) {
	for _, c := range []struct {
		name, file, flags string
		want              string // "" for an error
	}{
		{"nothing said", "", "", "min-efficiency 0.9 error"},
		{"the file alone", "max-wasted: 20MB", "", "min-efficiency 0.9 error; max-wasted 20000000 error"},
		{"the file over a default", "min-efficiency: 50%", "", "min-efficiency 0.5 error"},
		{"the file switches a default off", "min-efficiency: off\nmax-user-wasted: off\nmax-layers: 3", "", "max-layers 3 error"},
		{"a flag over a default", "", "--max-user-wasted 0.3", "min-efficiency 0.9 error; max-user-wasted 0.3 error"},
		{"a flag over the file", "min-efficiency: 50%", "--min-efficiency 0.7", "min-efficiency 0.7 error"},
		{"a flag switches the file's off", "max-wasted: 20MB", "--max-wasted off", "min-efficiency 0.9 error"},
		{"a flag switches on what the file has off", "min-efficiency: off", "--min-efficiency 0.2", "min-efficiency 0.2 error"},
		{"the last of two flags", "", "--max-layers 5 --max-layers 6", "min-efficiency 0.9 error; max-layers 6 error"},
		{"a severity in the file", "max-layers: 3\nseverity: {max-layers: warn, min-efficiency: off}", "", "max-layers 3 warning"},
		{"a severity before its rule", "severity: {max-layers: warn}\nmax-layers: 3", "", "min-efficiency 0.9 error; max-layers 3 warning"},
		{"a flag keeps the file's severity", "max-layers: 3\nseverity: {max-layers: warn}", "--max-layers 9", "min-efficiency 0.9 error; max-layers 9 warning"},
		{"a flag's severity over the file's", "max-layers: 3\nseverity: {max-layers: warn}", "--error max-layers --warn min-efficiency", "min-efficiency 0.9 warning; max-layers 3 error"},
		{"a flag's value over the file's severity off", "severity: {min-efficiency: off}", "--min-efficiency 0.4", "min-efficiency 0.4 error"},
		{"the later of two severities", "", "--warn min-efficiency --error min-efficiency", "min-efficiency 0.9 error"},
		{"globs add up", "forbid: ['*.pem', .git]\nignore: /a", "--forbid *.key --ignore /b", "min-efficiency 0.9 error; forbid [*.pem .git *.key] error; ignore [/a /b]"},
		{"off, then others", "forbid: ['*.pem', .git]\nignore: /a", "--forbid off --forbid *.key --ignore off", "min-efficiency 0.9 error; forbid [*.key] error"},
		{"forbidden, but as a warning", "forbid: '*.pem'\nseverity: {forbid: warn}", "", "min-efficiency 0.9 error; forbid [*.pem] warning"},
		{"the floor and the base", "min-wasted: 1MB\nbase: 3", "--min-wasted 2MB", "min-efficiency 0.9 error; min-wasted 2000000; base 3"},
		{"no floor", "min-wasted: 1MB", "--min-wasted off", "min-efficiency 0.9 error"},
		{"dive's file", "rules: {lowestEfficiency: 0.95, highestWastedBytes: 20MB, highestUserWastedPercent: 0.2}", "--max-wasted 1MB", "min-efficiency 0.95 error; max-wasted 1000000 error; max-user-wasted 0.2 error; scope image"},
		{"dive's file, and another scope", "rules: {lowestEfficiency: 0.95}", "--scope own --max-user-wasted off", "min-efficiency 0.95 error; scope own"},
		{"the scope in a file", "scope: image", "", "min-efficiency 0.9 error; scope image"},
		{"a flag says no file", "min-efficiency: 50%", "--config none", "min-efficiency 0.9 error"},
		{"an empty flag means no file", "min-efficiency: 50%", "--config=", "min-efficiency 0.9 error"},
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
			in, err := flags.inForce(t.Context(), &app{}, command.Flags().Lookup("config"))
			switch {
			case c.want == "":
				if err == nil {
					t.Errorf("parsed as %s", in.general.String())
				}
			case err != nil:
				t.Error(err)
			case limits(in.general.Rules) != c.want:
				t.Errorf("got  %s\nwant %s", limits(in.general.Rules), c.want)
			}
		})
	}
}
