package cmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/report"
)

// maxTeamDepth bounds --team-depth: names of repositories don't have more parts.
const maxTeamDepth = 20

func (a *app) fleetReportCommand() *cobra.Command {
	var outputs outputFlags
	var choice fleet.SummaryChoice
	c := &cobra.Command{
		Use:   "report STORE",
		Short: "Sum up a registry: waste by team and image, fixes, bases, growth",
		Long: `Sum up all images of a plan, from the tables that "peel fleet analyze" wrote: totals, the ten fixes that save most in all images together, teams, repositories and images by waste, base images and their age, shared layers, and what has grown since an older plan. You need no SQL engine, and memory use stays small for any number of images.

A fix counts the bytes of each layer once, however many images have it. A team is the first part of a repository's path below the registry, or a label's value. docs/fleet/README.md describes the JSON format.`,
		Example: `
peel fleet report s3://fleet/2026
# what has grown since an older plan
peel fleet report s3://fleet/2026 --against 5d41402a
# a page with a map of all repositories
peel fleet report ./store -f html -o registry.html
`,
		Args: wantArgs(1, 1, "one store"),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fleetReport(ctx, args[0], choice, &outputs)
		}),
	}
	outputs.addTo(c, "text", "json", "markdown", "html")
	planFlag(c, &choice.Plan)
	c.Flags().StringVar(&choice.Against, "against", "", "older plan, by its first digits, to show growth")
	c.Flags().StringVar(&choice.TeamLabel, "team-label", "", "label that names an image's team (default: its path)")
	c.Flags().IntVar(&choice.TeamDepth, "team-depth", 1, "parts of a repository's path, below the registry, that name its team")
	return c
}

// fleetReport sums up the images of a store, in every requested form.
func (a *app) fleetReport(ctx context.Context, place string, choice fleet.SummaryChoice, flags *outputFlags) error {
	outs, err := flags.outputs()
	if err != nil {
		return err
	}
	if choice.TeamDepth < 0 || choice.TeamDepth > maxTeamDepth {
		return usage("--team-depth 1", "--team-depth %d is not between 0 and %d", choice.TeamDepth, maxTeamDepth)
	}
	if err := checkPlanDigits("plan", choice.Plan); err != nil {
		return err
	}
	if err := checkPlanDigits("against", choice.Against); err != nil {
		return err
	}
	s, err := a.openFleet(ctx, place)
	if err != nil {
		return err
	}
	sum, err := fleet.Summarize(ctx, s, choice)
	if err != nil {
		return fleetFailed(ctx, "cannot sum up "+place, err)
	}
	f := &report.Fleet{Store: s.String(), Summary: sum, Each: func(fn func(*fleet.ImageRow) error) error { return sum.Plan.EachImage(ctx, s, fn) }}
	return a.writeOutputs(ctx, outs, func(o output, w io.Writer) error {
		switch o.format {
		case "json":
			return report.FleetJSON(w, f)
		case "markdown":
			return report.FleetMarkdown(w, f)
		case "html":
			return report.FleetHTML(w, f)
		}
		return a.layout(o).FleetText(w, f)
	})
}
