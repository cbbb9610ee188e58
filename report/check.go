package report

import (
	"io"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// checkWaste is how many rows of waste a failed check shows.
const checkWaste = 10

// Check writes the outcome of the rules for people: a line for each rule, and,
// if one has failed, the largest waste with the steps to blame. It fails only
// where w does.
func Check(w io.Writer, a *analyze.Analysis, results []analyze.Result) error {
	var p page
	p.image(a)
	p.WriteByte('\n')
	failed := 0
	for _, f := range results {
		verdict := "pass"
		if f.Failed {
			verdict = "FAIL"
			failed++
		}
		p.line("  %s  %s  %s  (limit %s)", verdict, pad(f.Rule, 15), padLeft(f.Value, 7), f.Limit)
	}
	if failed > 0 {
		p.waste(a, checkWaste)
	}
	p.WriteByte('\n')
	switch {
	case len(results) == 0:
		p.line("no rule is on")
	case failed > 0:
		p.line("failed: %d of %s", failed, human.Count(len(results), "rule", "rules"))
	default:
		p.line("passed: %s", human.Count(len(results), "rule", "rules"))
	}
	return p.writeTo(w)
}

// Failed reports whether any rule has failed.
func Failed(results []analyze.Result) bool {
	for _, f := range results {
		if f.Failed {
			return true
		}
	}
	return false
}
