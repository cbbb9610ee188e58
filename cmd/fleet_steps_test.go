package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// TestFleetEqualsReport checks that the report made from the layers' indexes in a store is
// identical to peel report of the image.
func TestFleetEqualsReport(t *testing.T) {
	dir := t.TempDir()
	list := "../testdata/sample.tar\n"
	for i, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		shapes := f.Shapes()
		shape := shapes[i%len(shapes)]
		if len(f.Images) == 1 && f.Images[0].Absent == "" && !strings.Contains(shape.Name, "stargz") && !strings.Contains(shape.Name, "chunked") {
			list += shape.Write(t, f) + "\n"
		}
	}
	if corpus := os.Getenv("PEEL_FLEET_CORPUS"); corpus != "" {
		list += corpus + "\n"
	}
	write(t, filepath.Join(dir, "list"), []byte(list))
	p, s := analysedFleet(t, 2, "@"+filepath.Join(dir, "list"))
	compared := 0
	err := p.Each(t.Context(), func(im *fleet.PlanImage) error {
		an, err := fleet.AnalyzeStored(t.Context(), s, im, nil)
		direct := peel("report", im.Reference, "-f", "json", "--offline", "--no-cache")
		if err != nil {
			if direct.code == 0 {
				t.Errorf("%s: %v", im.Reference, err)
			}
			return nil
		}
		findings, err := analyze.Advise(t.Context(), an, analyze.AdviceOptions{})
		if err != nil {
			return err
		}
		var got bytes.Buffer
		if err := report.JSON(&got, an, findings); err != nil {
			return err
		}
		if got.String() != direct.out {
			t.Errorf("%s:\n%s", im.Reference, firstDifference(got.String(), direct.out))
		}
		compared++
		return nil
	}, nil)
	if err != nil || compared < 10 {
		t.Error(compared, err)
	}
}

// analysedFleet plans, indexes and analyses sources, in this many shards. It returns the plan and
// the store.
func analysedFleet(t *testing.T, shards int, sources ...string) (*fleet.Plan, source.Objects) {
	t.Helper()
	plan, store := filepath.Join(t.TempDir(), "plan"), t.TempDir()
	must := func(args ...string) {
		t.Helper()
		if r := peel(args...); r.code != 0 {
			t.Fatalf("peel %q: %+v", args, r)
		}
	}
	must(append([]string{"fleet", "plan", "-o", plan}, sources...)...)
	for i := range shards {
		must("fleet", "index", plan, "--to", store, "--shard", fmt.Sprintf("%d/%d", i, shards))
	}
	must("fleet", "analyze", plan, "--to", store)
	s, err := fleet.OpenStore(t.Context(), store, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fleet.OpenPlan(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, s
}

// firstDifference returns the place where two texts begin to differ.
func firstDifference(a, b string) string {
	other := strings.Split(b, "\n")
	for i, line := range strings.Split(a, "\n") {
		if i >= len(other) || line != other[i] {
			return fmt.Sprintf("line %d: %q, by peel report %q", i+1, line, strings.Join(other[min(i, len(other)):min(i+1, len(other))], ""))
		}
	}
	return "one is longer"
}

// TestShardOf checks that a shard's number comes from the flag or from the environment of a
// scheduler.
func TestShardOf(t *testing.T) {
	for _, test := range []struct {
		name, flag string
		env        map[string]string
		want       fleet.Shard
		fails      string
	}{
		{name: "alone", want: fleet.Shard{Number: 0, Of: 1}},
		{name: "flag", flag: "2/8", want: fleet.Shard{Number: 2, Of: 8}},
		{name: "flag over scheduler", flag: "2/8", env: map[string]string{"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "3"}, want: fleet.Shard{Number: 2, Of: 8}},
		{name: "Kubernetes", flag: "/6", env: map[string]string{"JOB_COMPLETION_INDEX": "5"}, want: fleet.Shard{Number: 5, Of: 6}},
		{name: "Kubernetes without a number", env: map[string]string{"JOB_COMPLETION_INDEX": "5"}, fails: "the number of jobs"},
		{name: "GitLab counts from 1", env: map[string]string{"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "3"}, want: fleet.Shard{Number: 2, Of: 3}},
		{name: "GitLab 0", env: map[string]string{"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "3"}, fails: "less than 1"},
		{name: "Slurm from 10", env: map[string]string{"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "4"}, want: fleet.Shard{Number: 2, Of: 4}},
		{name: "Slurm in GitLab", env: map[string]string{"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_COUNT": "4", "CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "1"}, want: fleet.Shard{Number: 1, Of: 4}},
		{name: "Buildkite", env: map[string]string{"BUILDKITE_PARALLEL_JOB": "0", "BUILDKITE_PARALLEL_JOB_COUNT": "4"}, want: fleet.Shard{Number: 0, Of: 4}},
		{name: "CircleCI", env: map[string]string{"CIRCLE_NODE_INDEX": "3", "CIRCLE_NODE_TOTAL": "4"}, want: fleet.Shard{Number: 3, Of: 4}},
		{name: "Azure", env: map[string]string{"SYSTEM_JOBPOSITIONINPHASE": "1", "SYSTEM_TOTALJOBSINPHASE": "4"}, want: fleet.Shard{Number: 0, Of: 4}},
		{name: "AWS Batch", env: map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "7", "AWS_BATCH_JOB_ARRAY_SIZE": "8"}, want: fleet.Shard{Number: 7, Of: 8}},
		{name: "AWS Batch alone", flag: "/8", env: map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "7"}, want: fleet.Shard{Number: 7, Of: 8}},
		{name: "Cloud Run", env: map[string]string{"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "2"}, want: fleet.Shard{Number: 0, Of: 2}},
		{name: "Google Batch", env: map[string]string{"BATCH_TASK_INDEX": "1", "BATCH_TASK_COUNT": "2"}, want: fleet.Shard{Number: 1, Of: 2}},
		{name: "Grid Engine", env: map[string]string{"SGE_TASK_ID": "4", "SGE_TASK_FIRST": "3", "SGE_TASK_LAST": "6"}, want: fleet.Shard{Number: 1, Of: 4}},
		{name: "Grid Engine, no array", env: map[string]string{"SGE_TASK_ID": "undefined"}, want: fleet.Shard{Number: 0, Of: 1}},
		{name: "LSF", env: map[string]string{"LSB_JOBINDEX": "4", "LSB_JOBINDEX_END": "6"}, want: fleet.Shard{Number: 3, Of: 6}},
		{name: "too large", flag: "8/8", fails: "less than N"},
		{name: "none", flag: "0/0", fails: "less than N"},
		{name: "many", flag: "0/1000000", fails: "at most"},
		{name: "negative", flag: "-1/3", fails: "counts from 0"},
		{name: "word", flag: "x", fails: "write I/N"},
		{name: "odd variable", env: map[string]string{"CI_NODE_INDEX": "x"}, fails: "not the number"},
		{name: "which", flag: "/3", fails: "the number of this shard is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := shardOf(test.flag, func(name string) string { return test.env[name] })
			switch {
			case test.fails == "" && (err != nil || got != test.want):
				t.Errorf("%+v, want %+v: %v", got, test.want, err)
			case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)):
				t.Errorf("%+v: %v, want %q", got, err, test.fails)
			}
		})
	}
}

// TestFleetExits checks that the exit code says whether trying again may help.
func TestFleetExits(t *testing.T) {
	dir := t.TempDir()
	plan, store := filepath.Join(dir, "plan"), filepath.Join(dir, "store")
	if r := peel("fleet", "plan", "../testdata/sample.tar", filepath.Join(dir, "none.tar"), "-o", plan); r.code != 0 || !strings.Contains(r.err, "2 images, 1 unreadable") {
		t.Fatalf("%+v", r)
	}
	if _, err := os.Stat(plan + ".part"); err == nil {
		t.Error("learned data is left behind")
	}
	whole := read(t, plan)
	write(t, plan+".cut", []byte(whole[:len(whole)-20]))
	write(t, filepath.Join(dir, "other", markFile), []byte("another store"))
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"index", plan + ".cut", "--to", store}, exitLasting, "cut off"},
		{[]string{"index", plan + ".none", "--to", store}, exitLasting, "no such file"},
		{[]string{"index", plan, "--to", filepath.Join(dir, "other")}, exitLasting, "another version"},
		{[]string{"index", plan, "--to", plan}, exitLasting, "not a directory"},
		{[]string{"index", plan}, exitUsage, "--to"},
		{[]string{"index", plan, "--to", store, "--shard", "3/2"}, exitUsage, "less than N"},
		{[]string{"index", plan, "--to", store, "--rate", "-1"}, exitUsage, "--rate"},
		{[]string{"analyze", plan, "--to", store}, exitWork, "not indexed"},
		{[]string{"index", plan, "--to", store}, exitFine, "12 layers and images indexed"},
		{[]string{"index", plan, "--to", store}, exitFine, "0 layers and images indexed, 12 already done"},
		{[]string{"analyze", plan, "--to", store}, exitFine, "2 images analyzed, 0 already done, 1 unreadable"},
		{[]string{"analyze", plan, "--to", store}, exitFine, "0 images analyzed, 2 already done"},
		{[]string{"plan", "../testdata/sample.tar"}, exitUsage, "-o"},
		{[]string{"plan", filepath.Join(dir, "none"), "-o", plan + "2"}, exitWork, "no image can be read"},
		{[]string{"plan", "x.tar", "-o", plan, "--tags", "["}, exitUsage, "malformed glob"},
		{[]string{"plan", "x.tar", "-o", plan, "--since", "soon"}, exitUsage, "write a date"},
	} {
		if r := peel(append([]string{"fleet"}, test.args...)...); r.code != test.code || !strings.Contains(r.err, test.want) {
			t.Errorf("%q: %+v, want %d with %q", test.args, r, test.code, test.want)
		}
	}
}

// markFile marks a folder as a store.
const markFile = "peel-fleet"

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"2026-01-31":           time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T10:00:00Z": time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
		"720h":                 time.Date(2026, 10, 27, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, want %v: %v", text, got, want, err)
		}
	}
}
