package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

// The rules' limits unless flags say otherwise.
const (
	defaultMinEfficiency = 0.9
	defaultMaxUserWasted = 0.1
)

func (a *app) checkCommand() *cobra.Command {
	minEfficiency := ratioFlag(defaultMinEfficiency)
	maxWasted := sizeFlag(-1)
	maxUserWasted := ratioFlag(defaultMaxUserWasted)
	c := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Check an image against rules; exit 1 when one fails",
		Long:  `Check an image against rules, for a pipeline: exit 0 when all hold, 1 when one fails, and then show the largest waste and the build steps to blame. A rule whose value is "off" is not checked.`,
		Example: `
peel check app.tar --min-efficiency 95% --max-wasted 20MB
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.check(ctx, args[0], analyze.Rules{
				MinEfficiency: analyze.Limit[float64]{On: minEfficiency >= 0, Value: float64(minEfficiency), Severity: analyze.Error},
				MaxWasted:     analyze.Limit[int64]{On: maxWasted >= 0, Value: int64(maxWasted), Severity: analyze.Error},
				MaxUserWasted: analyze.Limit[float64]{On: maxUserWasted >= 0, Value: float64(maxUserWasted), Severity: analyze.Error},
			})
		}),
	}
	c.Flags().Var(&minEfficiency, "min-efficiency", "visible bytes' least share of the stored ones")
	c.Flags().Var(&maxWasted, "max-wasted", "most wasted bytes")
	c.Flags().Var(&maxUserWasted, "max-user-wasted", "most wasted share of what user layers store")
	return c
}

// check reports on the rules. That one has failed outranks output that could
// not be written: a pipeline must not pass because nobody read the reasons.
func (a *app) check(ctx context.Context, ref string, rules analyze.Rules) error {
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	outcome := analyze.Check(an, rules, nil)
	return concluded(outcome, a.print(ctx, func(w io.Writer) error { return report.Check(w, an, outcome) }))
}

// concluded returns what a check ends with, whose output ended with err.
func concluded(o *analyze.Outcome, err error) error {
	switch {
	case !o.Failed():
		return err
	case err == nil, closedPipe(err):
		return errRule
	}
	return &failure{code: exitRule, err: fmt.Errorf("a rule failed, and %w", err)}
}
