package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/source"
)

// fleetCommand has the commands about many images.
func (a *app) fleetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "fleet COMMAND",
		Short: "Index a whole registry, and ask what its images waste",
		Long:  `Find out what all images of a registry store and waste. Any number of machines read each unique layer once, and write tables to a folder or an object store. peel and any SQL engine can read them. docs/fleet/README.md describes the steps.`,
		Args:  onlyCommands,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		a.takes(a.fleetPlanCommand(), registryFlags, engineFlags, []string{"platform", "cross-mounts"}),
		a.takes(a.fleetIndexCommand(), registryFlags, engineFlags, []string{"cross-mounts"}),
		a.takes(a.fleetAnalyzeCommand()), a.takes(a.fleetReportCommand()), a.takes(a.fleetFindCommand()),
		a.takes(a.fleetKubeCommand(), []string{"insecure-registry"}),
	)
	return a.takes(c)
}

// openFleet opens the store of a fleet to be read.
func (a *app) openFleet(ctx context.Context, place string) (source.Objects, error) {
	s, err := fleet.OpenStore(ctx, place, false)
	if err != nil {
		return nil, failed("", "cannot open the store %s: %w", place, err)
	}
	return s, nil
}

// fleetFailed returns the error for failed work on the tables of a fleet.
func fleetFailed(ctx context.Context, what string, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if errors.Is(err, fleet.ErrTooMany) {
		return usage("", "%w", err)
	}
	return failed("", "%s: %w", what, err)
}

// planFlag adds the flag that chooses a plan of a store.
func planFlag(c *cobra.Command, plan *string) {
	c.Flags().StringVar(plan, "plan", "", "plan to use, by its first digits (default: the newest in the store)")
}

// checkPlanDigits returns a usage error unless s is the beginning of a plan's digits, or "".
func checkPlanDigits(flag, s string) error {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return usage("", "--%s %q: %w", flag, s, fmt.Errorf("a plan is named by hexadecimal digits, as peel fleet report shows them"))
		}
	}
	return nil
}
