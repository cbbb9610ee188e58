package cmd

import (
	"strings"
	"testing"
)

// TestCheckFloor checks that every form says how much waste isn't listed: waste that only
// another base image can fix, and waste below the floor.
func TestCheckFloor(t *testing.T) {
	inFolder(t, "docker-25", story)
	const (
		small = "3 findings of waste of less than 1.00 MB each"
		base  = "1 finding of waste that only another base image fixes"
	)
	for _, c := range []struct {
		args string
		has  []string
		not  string
	}{
		{"--min-finding 1MB --min-efficiency off --max-layers 1", []string{"Not listed (--min-finding off lists all)", "45.0 kB  " + small, "1.80 kB  " + base, "The waste"}, "To improve"},
		// Findings that must be fixed for a rule to pass are listed, however small they are.
		{"--min-finding 1MB --min-efficiency off --max-wasted 30kB", []string{"20.0 kB  A file ", "2 findings of waste of less than 1.00 MB each", "1.80 kB  " + base}, small},
		{"--min-finding 1MB --min-efficiency off --max-wasted 30kB -f sarif", []string{"2 findings of waste of less than 1.00 MB each", base}, small},
		{"--min-finding 1MB --min-efficiency off --max-wasted 100B", []string{"20.0 kB  A file ", "5.00 kB  A file rewritten", "Of the base image", "1.80 kB  Documentation deleted"}, "Not listed"},
		{"--min-finding 1MB --min-efficiency 99%", []string{"20.0 kB  A file deleted", "5.00 kB  1 finding of waste of less than", "1.80 kB  " + base}, small},
		{"--min-finding 1MB --min-efficiency off --max-wasted 30kB -f json", []string{`"belowFloor": false`, `"belowFloor": true`}, "waste/below-floor"},
		{"--min-finding 6kB", []string{"5.00 kB  1 finding of waste of less than 6.00 kB each", "1.80 kB  " + base, "20.0 kB  A file deleted"}, "A file rewritten"},
		{"--details", []string{"A file rewritten", "1.80 kB  " + base}, "less than"},
		{"--min-finding off --details", []string{"Of the base image", "1.80 kB  Documentation deleted", "A file rewritten"}, "Not listed"},
		{"--min-finding 1MB --min-efficiency off -f markdown", []string{"Not listed: " + small + ", 45.0 kB in all.", "<summary>Of the base image: 1 finding, 1.80 kB</summary>"}, "A file deleted"},
		{"--min-finding off -f markdown", []string{"A file rewritten", "<summary>Of the base image: 1 finding, 1.80 kB</summary>"}, "Not listed"},
		{"--min-finding 1MB --min-efficiency off -f sarif", []string{small, base, "waste/below-floor", "waste/of-base"}, "A file rewritten"},
		{"--min-finding 1MB --min-efficiency off -f gitlab", []string{small, base}, "A file rewritten"},
		{"--min-finding 1MB --min-efficiency off -f github", []string{small, base}, "A file rewritten"},
		{"--min-finding 1MB --min-efficiency off -f junit", []string{small, base}, "A file rewritten"},
		{"--min-finding 1MB --min-efficiency off -f json", []string{"A file rewritten", `"belowFloor": true`, `"ofBase": true`}, "waste/below-floor"},
		{"--min-finding off -f sarif", []string{"A file rewritten", "Documentation deleted"}, "waste/of-base"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := peel(append([]string{"check", "app.tar", "--config", "none"}, strings.Fields(c.args)...)...)
			for _, has := range c.has {
				if !strings.Contains(r.out, has) {
					t.Errorf("the output lacks %q", has)
				}
			}
			if strings.Contains(r.out, c.not) {
				t.Errorf("the output contains %q", c.not)
			}
			if t.Failed() {
				t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
			}
		})
	}
}
