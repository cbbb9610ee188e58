package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// exitLasting is the exit code for failures that another try can't fix.
const exitLasting = 42

// A scheduler gives each of its jobs a number.
type scheduler struct {
	name   string // for people
	number string // variable with the job's number
	of     string // variable with the number of jobs; "" if none
	first  string // variable with the first job's number; "" if none
	last   string // variable with the last job's number; "" if none
	from   int    // number of the first job, unless first says it
}

// schedulers are those whose variables peel knows. The first one whose variable is set counts: a
// scheduler that others may run in comes before them. Sources: each one's documentation of the
// variables of a job.
var schedulers = []scheduler{
	{name: "Slurm job array", number: "SLURM_ARRAY_TASK_ID", of: "SLURM_ARRAY_TASK_COUNT", first: "SLURM_ARRAY_TASK_MIN"},
	{name: "AWS Batch array job", number: "AWS_BATCH_JOB_ARRAY_INDEX", of: "AWS_BATCH_JOB_ARRAY_SIZE"},
	{name: "Cloud Run job", number: "CLOUD_RUN_TASK_INDEX", of: "CLOUD_RUN_TASK_COUNT"},
	{name: "Google Batch job", number: "BATCH_TASK_INDEX", of: "BATCH_TASK_COUNT"},
	{name: "Kubernetes Indexed Job", number: "JOB_COMPLETION_INDEX"},
	{name: "Nomad group", number: "NOMAD_ALLOC_INDEX"},
	{name: "Buildkite parallelism", number: "BUILDKITE_PARALLEL_JOB", of: "BUILDKITE_PARALLEL_JOB_COUNT"},
	{name: "CircleCI parallelism", number: "CIRCLE_NODE_INDEX", of: "CIRCLE_NODE_TOTAL"},
	{name: "Azure Pipelines parallel", number: "SYSTEM_JOBPOSITIONINPHASE", of: "SYSTEM_TOTALJOBSINPHASE", from: 1},
	{name: "GitLab parallel", number: "CI_NODE_INDEX", of: "CI_NODE_TOTAL", from: 1},
	{name: "Grid Engine array job", number: "SGE_TASK_ID", first: "SGE_TASK_FIRST", last: "SGE_TASK_LAST", from: 1},
	{name: "PBS array job", number: "PBS_ARRAY_INDEX"},
	{name: "LSF job array", number: "LSB_JOBINDEX", last: "LSB_JOBINDEX_END", from: 1},
}

// shardOf returns the shard that a flag ("I/N", "I/" or "/N") and the environment name.
func shardOf(flag string, env func(string) string) (fleet.Shard, error) {
	number, of := "", flag
	if flag != "" {
		var ok bool
		if number, of, ok = strings.Cut(flag, "/"); !ok {
			return fleet.Shard{}, usage("", "--shard %q: write I/N, where I counts from 0", flag)
		}
	}
	s := fleet.Shard{Of: -1, Number: -1}
	by, err := byScheduler(&s, env)
	if err != nil {
		return s, err
	}
	for _, part := range []struct {
		text string
		to   *int
	}{{number, &s.Number}, {of, &s.Of}} {
		if part.text == "" {
			continue
		}
		n, err := strconv.Atoi(part.text)
		if err != nil || n < 0 {
			return s, usage("", "--shard %q: write I/N, where I counts from 0", flag)
		}
		*part.to = n
	}
	switch {
	case s.Number < 0 && s.Of < 0:
		return fleet.Shard{Of: 1}, nil // all of it
	case s.Of < 0:
		return s, usage("--shard /N", "%s gives the number of this job, %d, but not the number of jobs", by, s.Number)
	case s.Number < 0:
		return s, usage("--shard I/N", "--shard %q: the number of this shard is missing", flag)
	case s.Of < 1 || s.Of > fleet.MaxShards || s.Number >= s.Of:
		return s, usage("", "shard %d of %d: I counts from 0 and is less than N, and N is at most %d", s.Number, s.Of, fleet.MaxShards)
	}
	return s, nil
}

// byScheduler fills in what a scheduler says, and returns its name.
func byScheduler(s *fleet.Shard, env func(string) string) (string, error) {
	for _, by := range schedulers {
		number, ok, err := envNumber(env, by.number)
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		from := by.from
		if n, ok, err := envNumber(env, by.first); err != nil {
			return "", err
		} else if ok {
			from = n
		}
		s.Number = number - from
		if of, ok, err := envNumber(env, by.of); err != nil {
			return "", err
		} else if ok {
			s.Of = of
		}
		if last, ok, err := envNumber(env, by.last); err != nil {
			return "", err
		} else if ok {
			s.Of = last - from + 1
		}
		if s.Number < 0 {
			return "", usage("--shard I/N", "%s=%d: less than %d, the number of the first job of a %s", by.number, number, from, by.name)
		}
		return "the " + by.name, nil
	}
	return "", nil
}

// envNumber returns the number that a variable holds; false if it holds none. Grid Engine
// sets its variables to "undefined" outside of array jobs.
func envNumber(env func(string) string, name string) (int, bool, error) {
	text := ""
	if name != "" {
		text = env(name)
	}
	if text == "" || text == "undefined" {
		return 0, false, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, false, usage("--shard I/N", "%s=%q in the environment is not the number of a job", name, text)
	}
	return n, true, nil
}

// fleetShard has the options of the commands that work in shards.
type fleetShard struct {
	to     string
	shard  string
	rate   float64
	atOnce int
	retry  bool
}

// addTo adds the flags of a shard.
func (f *fleetShard) addTo(c *cobra.Command) {
	c.Flags().StringVar(&f.to, "to", "", "store: a folder, or s3://BUCKET/PREFIX")
	c.Flags().StringVar(&f.shard, "shard", "", "shard I/N, where I counts from 0; /N takes I from the scheduler (default: what the scheduler says, else all)")
}

// shardMemory is roughly how much memory a shard may use, in bytes. The runtime collects garbage
// sooner when a shard approaches it.
const shardMemory = 230 << 20

// open opens a shard's plan and store. Trying again can't fix an error with either, unless it
// didn't answer.
func (f *fleetShard) open(ctx context.Context, plan string) (p *fleet.Plan, s source.Objects, shard fleet.Shard, err error) {
	if f.to == "" {
		return nil, nil, shard, usage("", "name the store to write to: --to DIR, or --to s3://BUCKET/PREFIX")
	}
	if shard, err = shardOf(f.shard, os.Getenv); err != nil {
		return nil, nil, shard, err
	}
	if s, err = fleet.OpenStore(ctx, f.to, true); err != nil {
		return nil, nil, shard, shardFailed(ctx, "cannot open the store "+f.to, err)
	}
	if p, err = fleet.OpenPlan(ctx, plan); err != nil {
		return nil, nil, shard, shardFailed(ctx, "cannot use the plan", err)
	}
	return p, s, shard, nil
}

// shardFailed is the error of a shard, with the exit code that says whether to try again.
func shardFailed(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case errors.Is(err, source.ErrRefused), errors.Is(err, fleet.ErrPlan), errors.Is(err, fleet.ErrDenied):
		return &failure{exitLasting, err, ""}
	case errors.Is(err, fleet.ErrLeft):
		return failed("the same command again, which skips what is done", "%w", err)
	}
	return failed("", "%w", err)
}

// shardDone says what a shard did.
func (a *app) shardDone(what string, s fleet.Shard, t *fleet.Tally) {
	a.say("shard %d of %d: %s %s, %s already done, %s unreadable, %s read", s.Number, s.Of, human.Comma(t.Done), what, human.Comma(t.Before), human.Comma(t.Failed), human.Size(t.Bytes))
}

// boundMemory makes the runtime collect garbage before a shard exceeds its memory.
func boundMemory() {
	if debug.SetMemoryLimit(-1) > shardMemory {
		debug.SetMemoryLimit(shardMemory)
	}
}
