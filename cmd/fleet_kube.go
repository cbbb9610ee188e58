package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/fleet"
)

// Defaults of "peel fleet kube".
const (
	kubeShardBytes  = 20e9 // compressed bytes of layers that one shard reads, some minutes of work
	kubeMostShards  = 500
	kubeParallelism = 10
)

// fleetKube has the options of "peel fleet kube".
type fleetKube struct {
	fleet.Kube

	rate        float64
	concurrency int
}

func (a *app) fleetKubeCommand() *cobra.Command {
	var f fleetKube
	c := &cobra.Command{
		Use:   "kube PLAN --image IMAGE --to s3://BUCKET/PREFIX",
		Short: "Write the Kubernetes Jobs that run a plan",
		Long: `Write YAML for kubectl: an Indexed Job that runs "peel fleet index" with one pod a shard, and a second Job that runs "peel fleet analyze", suspended until you start it. The pods have no rights in the cluster, don't run as root, and can write only to /tmp. Kubernetes retries a shard that is killed or runs out of memory, but not one that ends with exit code 42 (wrong credentials, plan or store).

The plan becomes a ConfigMap. If it is too large for one, put it into the store and name it with --plan. Credentials come from existing Secrets. With --cron and --cron-analyze, both Jobs become CronJobs, which read the plan from the store each time. docs/fleet/kubernetes.md describes every step.`,
		Example: `
peel fleet kube plan.ndjson --image ghcr.io/peelhq/peel:1.2.3 --to s3://fleet/2026 --store-secret store | kubectl apply -f -
# a plan that is too large for a ConfigMap
peel fleet kube plan.ndjson --plan s3://fleet/plan.ndjson --image ghcr.io/peelhq/peel:1.2.3 --to s3://fleet/2026 --store-secret store
`,
		Args: wantArgs(1, 1, "one plan"),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fleetKube(ctx, args[0], &f)
		}),
	}
	flags := c.Flags()
	flags.StringVar(&f.Image, "image", "", "container image of peel, whose entrypoint is peel (required)")
	flags.StringVar(&f.To, "to", "", "store, s3://BUCKET/PREFIX (required)")
	flags.StringVar(&f.PlanAt, "plan", "", "where the pods find the plan, s3://BUCKET/PATH (default: in a ConfigMap)")
	flags.StringVar(&f.Name, "name", "peel", "what the names of all objects begin with")
	flags.StringVarP(&f.Namespace, "namespace", "n", "", "namespace (default: kubectl's)")
	flags.IntVar(&f.Shards, "shards", 0, "number of shards (default: one per 20 GB of layers)")
	flags.IntVar(&f.Parallelism, "parallelism", kubeParallelism, "pods at once")
	flags.IntVar(&f.Retries, "retries", 3, "how often a shard is tried again")
	flags.IntVar(&f.MaxFailed, "max-failed", -1, "failed shards that end a Job (default: a tenth of them)")
	flags.Lookup("max-failed").DefValue = "" // the help describes it in words
	flags.StringVar(&f.Memory, "memory", "512Mi", "memory of a pod")
	flags.StringVar(&f.CPU, "cpu", "1", "cores that a pod requests")
	flags.StringVar(&f.PullSecret, "pull-secret", "", "Secret to pull --image with")
	flags.StringVar(&f.RegistrySecret, "registry-secret", "", "Secret with credentials of registries, of the type kubernetes.io/dockerconfigjson")
	flags.StringVar(&f.StoreSecret, "store-secret", "", "Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the store")
	flags.StringVar(&f.ServiceAccount, "service-account", "", "existing service account, such as one with a role for the store (default: a new one without rights)")
	flags.StringArrayVar(&f.Env, "env", nil, "environment variable NAME=VALUE of the pods, such as AWS_REGION or HTTPS_PROXY (repeatable)")
	flags.Float64Var(&f.rate, "rate", 0, "requests a second of each shard to one registry (default: that of peel fleet index)")
	flags.IntVar(&f.concurrency, "concurrency", 0, "layers that a shard reads at once from one registry (default: that of peel fleet index)")
	flags.StringVar(&f.Cron, "cron", "", `schedule of the index, such as "0 2 * * *"`)
	flags.StringVar(&f.CronAnalyze, "cron-analyze", "", "schedule of the analysis, some hours later")
	return c
}

// fleetKube writes the objects that process a plan.
func (a *app) fleetKube(ctx context.Context, plan string, f *fleetKube) error {
	k := &f.Kube
	p, err := fleet.OpenPlan(ctx, plan)
	if err != nil {
		return failed("", "cannot read the plan: %w", err)
	}
	defer p.Close()
	k.PlanName = p.ID
	switch {
	case k.PlanAt != "":
	case strings.HasPrefix(plan, "s3://"):
		k.PlanAt = plan
	case p.Size() > fleet.MaxConfigMap:
		return usage("copy the plan into the store, and add --plan s3://BUCKET/PATH", "--plan: %w: it has %d bytes", fleet.ErrPlanTooLarge, p.Size())
	default:
		if k.Plan, err = p.Text(); err != nil {
			return failed("", "cannot read the plan %s: %w", plan, err)
		}
	}
	k.Shards = shardsOf(k.Shards, &p.End)
	if k.MaxFailed < 0 {
		k.MaxFailed = k.Shards/10 + 1
	}
	if err := f.passOn(a); err != nil {
		return err
	}
	if err := k.Check(); err != nil {
		wrong := (*fleet.KubeError)(nil)
		switch {
		case errors.Is(err, fleet.ErrPlanTooLarge):
			return usage("copy the plan into the store, and add --plan s3://BUCKET/PATH", "%w", err)
		case errors.As(err, &wrong):
			return usage("peel fleet kube --help", "%w", err)
		}
		return err
	}
	return a.print(ctx, func(w io.Writer) error { return k.Write(w) })
}

// passOn adds this command line's flags about registries to the pods' arguments.
func (f *fleetKube) passOn(a *app) error {
	if f.rate < 0 || f.concurrency < 0 {
		return usage("peel fleet kube --help", "--rate and --concurrency cannot be less than 0")
	}
	if f.rate > 0 {
		f.IndexArgs = append(f.IndexArgs, fmt.Sprintf("--rate=%g", f.rate))
	}
	if f.concurrency > 0 {
		f.IndexArgs = append(f.IndexArgs, fmt.Sprintf("--concurrency=%d", f.concurrency))
	}
	for _, host := range a.insecure {
		f.IndexArgs = append(f.IndexArgs, "--insecure-registry="+host)
	}
	return nil
}

// shardsOf returns the number of shards of a plan: as many as asked for, or enough that each has
// several minutes of work, but at most one per layer.
func shardsOf(asked int, plan *fleet.PlanEnd) int {
	if asked != 0 {
		return asked
	}
	n := int(min(plan.Bytes/kubeShardBytes+1, kubeMostShards))
	return max(1, int(min(int64(n), plan.Layers)))
}
