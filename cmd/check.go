package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

const checkAbout = `Check an image against rules, for a pipeline: exit 0 when all hold, 1 when one fails, and then show what was found and the build steps to blame.

Rules are in force by a flag, by a key of the same name in .peel.yaml, or by default; flags beat the file, and what neither says stays as it is by default. A rule whose value is "off" is not checked. docs/check.md describes each.`

func (a *app) checkCommand() *cobra.Command {
	var flags checkFlags
	var forms outputFlags
	c := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Check an image against rules; exit 1 when one fails",
		Long:  checkAbout,
		Example: `
peel check app.tar --min-efficiency 95% --max-wasted 20MB
peel check app.tar --forbid '**/.git' --forbid '*.pem' --max-layers 20 --warn max-layers
# write a .peel.yaml to start from
peel check --init
`,
		Args: func(c *cobra.Command, args []string) error {
			if flags.init {
				return wantArgs(0, 0, "no image with --init")(c, args)
			}
			return wantArgs(1, 1, "one image")(c, args)
		},
		ValidArgsFunction: complete,
	}
	flags.register(c)
	forms.addTo(c, checkFormNames...)
	config := c.Flags().Lookup("config")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		if flags.init {
			return a.initRules(ctx, &flags, config)
		}
		outs, err := forms.outputs()
		if err != nil {
			return err
		}
		rules, err := flags.inForce(config)
		if err != nil {
			return err
		}
		file, err := readDockerfile(flags.dockerfile)
		if err != nil {
			return err
		}
		if err := a.guard(slices.Concat(outs, summaryOutput(outs)), args[0], flags.baseline, flags.dockerfile, rules.From); err != nil {
			return err
		}
		return a.check(ctx, args[0], rules, checkedWith{flags.baseline, file}, outs)
	})
	return c
}

// checkedWith is what there is beside the image and the rules.
type checkedWith struct {
	baseline   string           // an image or a report; "" if there is none
	dockerfile *dockerfile.File // nil if there is none
}

// check holds an image against rules and reports on them, in every form that is
// asked for.
func (a *app) check(ctx context.Context, ref string, rules *analyze.Rules, with checkedWith, outs []output) error {
	if source.ReadsStdin(ref) && with.baseline == standardInput {
		return usage("", "only one of the image and its baseline can come from standard input")
	}
	a.base = cmp.Or(a.base, rules.Base())
	an, err := a.load(ctx, ref, false)
	if err != nil {
		if rules.Base() != "" && strings.Contains(err.Error(), "base "+rules.Base()) {
			return failed("", "%w (the base is from %s)", err, rules.From)
		}
		return err
	}
	defer an.Image.Close()
	opts := analyze.CheckOptions{Dockerfile: with.dockerfile}
	if with.baseline != "" {
		if opts.Growth, err = a.growth(ctx, an, with.baseline); err != nil {
			return err
		}
	}
	outcome, err := analyze.Check(ctx, an, rules, opts)
	if err != nil {
		return failed("", "cannot check the image: %w", err)
	}
	return concluded(outcome, a.writeOutcome(ctx, outs, an, outcome))
}

// concluded returns what a check ends with, whose output ended with err. That a
// rule has failed outranks output that could not be written: a pipeline must not
// pass, nor take it for something else, because nobody could read the reasons.
func concluded(o *analyze.Outcome, err error) error {
	switch {
	case !o.Failed():
		return err
	case err == nil, closedPipe(err):
		return errRule
	}
	return &failure{code: exitRule, err: fmt.Errorf("a rule failed, and %w", err)}
}
