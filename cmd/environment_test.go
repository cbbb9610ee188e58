package cmd

import (
	"strings"
	"testing"
)

// TestEnvironment checks that variables stand for flags, and that flags override them.
func TestEnvironment(t *testing.T) {
	inFolder(t, "docker-25", story)
	for _, c := range []struct {
		name      string
		variables string // NAME=VALUE, ...
		args      string
		code      int
		says      string
	}{
		{"a limit", "PEEL_MIN_EFFICIENCY=5%", "check app.tar", 0, "(limit 5.0 %)"},
		{"the flag overrides it", "PEEL_MIN_EFFICIENCY=5%", "check app.tar --min-efficiency 95%", 1, "(limit 95.0 %)"},
		{"a list, one per line", "PEEL_FORBID=*.zip\nmodel.bin", "check app.tar --min-efficiency off", 1, "FAIL  forbid"},
		{"the base", "PEEL_BASE=5", "check app.tar", 0, "base: 5 layers, as asked for"},
		{"a switch", "PEEL_NO_CACHE=true", "report app.tar", 0, "Image app:1"},
		{"off", "PEEL_NO_CACHE=no,PEEL_OFFLINE=off", "report app.tar", 0, "Image app:1"},
		{"neither true nor false", "PEEL_OFFLINE=maybe", "report app.tar", 2, `PEEL_OFFLINE in the environment: "maybe" is neither true nor false`},
		{"nothing", "PEEL_MIN_EFFICIENCY=", "check app.tar", 1, "(limit 90.0 %)"},
		{"of another command", "PEEL_MIN_EFFICIENCY=lots", "report app.tar", 0, "Image app:1"},
		{"an invalid value", "PEEL_MIN_EFFICIENCY=lots", "check app.tar", 2, "PEEL_MIN_EFFICIENCY in the environment"},
		{"the variable as origin", "PEEL_MIN_EFFICIENCY=5%,PEEL_WARN=user", "check --print-config", 0, "PEEL_MIN_EFFICIENCY"},
		{"no output", "PEEL_OUTPUT=somewhere,PEEL_FORCE=true", "report app.tar", 0, "Image app:1"},
		{"a malformed platform", "PEEL_PLATFORM=foo", "report app.tar", 2, `PEEL_PLATFORM in the environment: platform "foo": write`},
		{"a platform for nobody", "PEEL_PLATFORM=foo", "config", 0, "theme"},
		{"a misspelt name", "PEEL_MIN_EFFICIENCI=5%", "check app.tar", 1, "PEEL_MIN_EFFICIENCI in the environment is not a variable of peel; did you mean PEEL_MIN_EFFICIENCY?"},
		{"variables of others", "PEEL_VERSION=1.2.3,PEEL_IMAGE=x,PEEL_TAG=y", "report app.tar", 0, "Image app:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for pair := range strings.SplitSeq(c.variables, ",") {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			r := peel(strings.Fields(c.args)...)
			if text := r.out + r.err; r.code != c.code || !strings.Contains(text, c.says) || c.name == "variables of others" && r.err != "" {
				t.Errorf("got exit code %d, want %d and %q in\n%s", r.code, c.code, c.says, text)
			}
		})
	}
}
