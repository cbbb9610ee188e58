package cmd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// fleetPlan has the options of "peel fleet plan".
type fleetPlan struct {
	file   string
	tags   string
	newest int
	since  string
	rate   float64
	atOnce int
}

func (a *app) fleetPlanCommand() *cobra.Command {
	var f fleetPlan
	c := &cobra.Command{
		Use:   "plan SOURCE... -o PLAN",
		Short: "List images and their unique layers, for fleet index",
		Long: `List the images of one or more sources, and each unique layer once, in a file that every shard of peel fleet index reads. No layer is read. SOURCE is one of:

` + fleet.SourceForms + `

peel looks a tag up by HEAD before it fetches the manifest. The plan lists what peel cannot read, with the reason. If the command is interrupted, run it again: it continues from PLAN.part.`,
		Example: `
peel fleet plan registry://registry.example.com/ -o plan.ndjson
# the ten newest releases of one repository
peel fleet plan registry://ghcr.io/me/app/ --tags 'v*' --newest 10 -o plan.ndjson
peel fleet plan docker:// ./archives @references.txt -o plan.ndjson
`,
		Args: wantArgs(1, -1, "one source or more"),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fleetPlan(ctx, args, &f)
		}),
	}
	c.Flags().StringVarP(&f.file, "output", "o", "", "file to write the plan to")
	c.Flags().StringVar(&f.tags, "tags", "", "only tags that match this glob")
	c.Flags().IntVar(&f.newest, "newest", 0, "only the newest N images of each repository (default: all)")
	c.Flags().StringVar(&f.since, "since", "", "only images since a date (2026-01-31) or within a time (720h)")
	fleetRegistryFlags(c, &f.rate, &f.atOnce)
	return c
}

// fleetRegistryFlags adds the flags that say how to query registries.
func fleetRegistryFlags(c *cobra.Command, rate *float64, atOnce *int) {
	c.Flags().Float64Var(rate, "rate", 0, "send at most this many requests a second to each registry (default: no limit)")
	c.Flags().IntVar(atOnce, "concurrency", 4, "read this many images or layers at once")
}

// fleetOptions are how images are opened for a fleet. The caller closes Registries.
func (a *app) fleetOptions(rate float64, atOnce int) (source.Options, error) {
	if rate < 0 {
		return source.Options{}, usage("", "--rate %v: it cannot be negative", rate)
	}
	if atOnce < 1 || atOnce > 256 {
		return source.Options{}, usage("", "--concurrency %d: from 1 to 256", atOnce)
	}
	opts := a.options(false, nil)
	opts.Asking, opts.OtherEngine = nil, nil // there may be thousands of images
	opts.Cache = ""                          // everything is read once
	opts.WideSums, opts.Verify = true, true
	opts.Collect = analyze.Collectors()
	opts.Registries = source.NewRegistries(opts, rate)
	return opts, nil
}

// fleetPlan makes a plan.
func (a *app) fleetPlan(ctx context.Context, sources []string, f *fleetPlan) error {
	switch {
	case f.file == "" || f.file == standardOutput:
		return usage("peel fleet plan "+strings.Join(sources, " ")+" -o PLAN", "name the file to write the plan to with -o: an interrupted plan continues from it")
	case f.newest < 0:
		return usage("", "--newest %d: it cannot be negative", f.newest)
	case f.tags != "" && !doublestar.ValidatePattern(f.tags):
		return usage("", "--tags %q: a malformed glob", f.tags)
	}
	since, err := parseSince(f.since, time.Now())
	if err != nil {
		return err
	}
	opts, err := a.fleetOptions(f.rate, f.atOnce)
	if err != nil {
		return err
	}
	defer opts.Registries.Close()
	tell := a.fleetProgress()
	end, err := fleet.MakePlan(ctx, filepath.Clean(f.file), fleet.PlanOptions{
		Sources: sources, Choice: fleet.Choice{Platform: a.platform, Tags: f.tags, Newest: f.newest, Since: since},
		Open: opts, Concurrency: f.atOnce, Now: time.Now(),
		Progress: func(done, known int) {
			tell(fmt.Sprintf("planning: %s of %s looked at", human.Comma(done), human.Count(known, "reference", "references")))
		},
	})
	switch {
	case ctx.Err() != nil:
		a.say("run the same command again: it continues from %s.part", f.file)
		return ctx.Err()
	case err != nil:
		return failed("", "cannot make the plan %s: %w", f.file, err)
	}
	a.say("%s: %s, %s unreadable, %s, %s", f.file, human.Count(int(end.Images), "image", "images"), human.Comma(int(end.Unreadable)),
		human.Count(int(end.Layers), "unique layer", "unique layers"), human.Size(end.Bytes))
	if end.Images == end.Unreadable {
		return failed("peel fleet plan --help", "no image can be read: the plan says why")
	}
	return nil
}

// parseSince reads a date, a time of RFC 3339, or how long ago.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		// Whole days: an interrupted plan that resumes some time later stays the same plan.
		return now.Add(-d).UTC().Truncate(24 * time.Hour), nil
	}
	return time.Time{}, usage("", "--since %q: write a date (2026-01-31) or a time (720h)", text)
}

// fleetProgress returns a function that reports the progress of long work, at most one line
// every few seconds, including in a cluster's log.
func (a *app) fleetProgress() func(line string) {
	const every = 10 * time.Second
	last := time.Now()
	return func(line string) {
		if now := time.Now(); now.Sub(last) >= every {
			last = now
			a.say("%s", line)
		}
	}
}
