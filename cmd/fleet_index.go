package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/human"
)

func (a *app) fleetIndexCommand() *cobra.Command {
	var f fleetShard
	c := &cobra.Command{
		Use:   "index PLAN --to STORE",
		Short: "Read each unique layer of a plan once, into a store",
		Long: `Read each unique layer of a shard of PLAN once, as it arrives, and write its files, with checksums and facts about packages, to STORE: a Parquet object for each layer (docs/fleet/tables.md). PLAN is a file, or s3://BUCKET/NAME.

peel writes an object only if it does not exist. If a shard dies, run it again: it does no work twice. For a broken or missing layer, peel writes an object with the reason, which is not an error. Shards are balanced by bytes. Without --shard, the scheduler gives the number of the shard. A shard uses at most 300 MB of memory.

The exit code is 42 if trying again will not help (credentials, plan, store), and 3 if it may.`,
		Example: `
peel fleet index plan.ndjson --to ./store
# the third of eight shards, into a bucket
peel fleet index plan.ndjson --shard 2/8 --to s3://fleet/2026
`,
		Args: wantArgs(1, 1, "one plan"),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fleetIndex(ctx, args[0], &f)
		}),
	}
	f.addTo(c)
	fleetRegistryFlags(c, &f.rate, &f.atOnce)
	c.Flags().BoolVar(&f.retry, "retry-failed", false, "read layers once more that could not be read before")
	return c
}

// fleetIndex indexes a shard.
func (a *app) fleetIndex(ctx context.Context, plan string, f *fleetShard) error {
	opts, err := a.fleetOptions(f.rate, f.atOnce)
	if err != nil {
		return err
	}
	defer opts.Registries.Close()
	p, s, shard, err := f.open(ctx, plan)
	if err != nil {
		return err
	}
	defer p.Close()
	boundMemory()
	tell := a.fleetProgress()
	t, err := fleet.Index(ctx, p, s, fleet.ShardOptions{
		Shard: shard, Open: opts, Concurrency: f.atOnce, Retry: f.retry,
		Progress: func(t fleet.Tally) {
			tell(fmt.Sprintf("indexing: %s of %s, %s", human.Comma(t.Done+t.Before), human.Count(t.Todo, "layer and image", "layers and images"), human.Size(t.Bytes)))
		},
	})
	if ctx.Err() == nil {
		a.shardDone("layers and images indexed", shard, &t)
	}
	if err != nil {
		return shardFailed(ctx, "cannot index", err)
	}
	return nil
}
