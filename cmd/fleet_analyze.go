package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/human"
)

func (a *app) fleetAnalyzeCommand() *cobra.Command {
	var f fleetShard
	c := &cobra.Command{
		Use:   "analyze PLAN --to STORE",
		Short: "Work out each image's figures from indexed layers",
		Long: `Work out the figures, causes, findings and packages of each image of a shard of PLAN from what peel fleet index has written to STORE, and write them there as tables (docs/fleet/tables.md). peel fetches no layer. The figures are those of peel report.

A shard works in parts of 200 images, and skips the parts that are already in STORE. Run it when all shards of peel fleet index have ended. The exit codes are those of peel fleet index.`,
		Example: `
peel fleet analyze plan.ndjson --to ./store
`,
		Args: wantArgs(1, 1, "one plan"),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fleetAnalyze(ctx, args[0], &f)
		}),
	}
	f.addTo(c)
	c.Flags().IntVar(&f.atOnce, "concurrency", 2, "analyse this many images at once")
	return c
}

// fleetAnalyze analyses a shard.
func (a *app) fleetAnalyze(ctx context.Context, plan string, f *fleetShard) error {
	if f.atOnce < 1 || f.atOnce > 256 {
		return usage("", "--concurrency %d: from 1 to 256", f.atOnce)
	}
	p, s, shard, err := f.open(ctx, plan)
	if err != nil {
		return err
	}
	defer p.Close()
	tell := a.fleetProgress()
	t, err := fleet.Analyze(ctx, p, s, fleet.ShardOptions{
		Shard: shard, Concurrency: f.atOnce,
		Progress: func(t fleet.Tally) {
			tell(fmt.Sprintf("analysing: %s of %s", human.Comma(t.Done+t.Before), human.Count(t.Todo, "image", "images")))
		},
	})
	if ctx.Err() == nil {
		a.say("shard %d of %d: %s analyzed, %s already done, %s unreadable", shard.Number, shard.Of, human.Count(t.Done, "image", "images"), human.Comma(t.Before), human.Comma(t.Failed))
	}
	if err != nil {
		return shardFailed(ctx, "cannot analyse", err)
	}
	return nil
}
