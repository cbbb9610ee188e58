package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

const checkAbout = `Check images against rules in a pipeline. The exit code is 0 if all rules hold and 1 if one fails; peel then shows the findings and the build steps that cause them.

Set a rule with a flag or with the key of the same name in .peel.yaml. Flags override the file, and the file overrides the defaults. The value "off" turns a rule off. docs/check.md describes every rule.

peel checks several images one after another and writes one document about all of them. Without IMAGE, it checks the images that .peel.yaml lists by name under "images". With --platform all, it checks every platform of an image.`

func (a *app) checkCommand() *cobra.Command {
	var flags checkFlags
	var forms outputFlags
	c := &cobra.Command{
		Use:   "check IMAGE...",
		Short: "Check images against rules; exit 1 if a rule fails",
		Long:  checkAbout,
		Example: `
peel check app.tar --min-efficiency 95% --max-wasted 20MB
peel check app.tar --forbid '**/.git' --forbid '*.pem' --max-layers 20 --warn max-layers
# several images, in one report
peel check app:1 job:1 -f junit -o peel.xml
# write a .peel.yaml to start from
peel check --init
# show all rules with their values, and where each comes from
peel check --print-config
`,
		Args: func(c *cobra.Command, args []string) error {
			if flags.init {
				return wantArgs(0, 0, "no image with --init")(c, args)
			}
			return wantArgs(0, -1, "images")(c, args)
		},
		ValidArgsFunction: completeAll,
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
		rules, err := flags.inForce(ctx, a, config)
		if err != nil {
			return err
		}
		if flags.print {
			return a.printRules(ctx, rules, args, outs)
		}
		return a.checkImages(ctx, args, rules, outs)
	})
	return c
}

// completeAll is complete for a command that takes any number of images.
func completeAll(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return complete(c, nil, begun)
}

// concluded returns the result of a check whose output or images ended with err. A failed rule
// takes precedence over output that could not be written and images that could not be loaded: a
// pipeline must not pass, or misread the result, because the reasons could not be shown.
func concluded(ruleFailed bool, err error) error {
	switch {
	case !ruleFailed:
		return err
	case err == nil, closedPipe(err):
		return errRule
	}
	return &failure{code: exitRule, err: fmt.Errorf("a rule failed, and %w", err)}
}
