package kubernetes

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// cronJob has the fields of a CronJob that the tests read.
type cronJob struct {
	Status struct{ LastScheduleTime string }
}

// jobList has the fields of Jobs that the tests read.
type jobList struct {
	Items []struct {
		Metadata struct {
			Name            string
			OwnerReferences []struct{ Kind, Name string }
		}
	}
}

const scheduledPlace = "s3://fleet/scheduled"

// schedule applies the CronJobs, which read the plan from the store. The index starts with the
// next minute; the analysis waits for New Year.
func (f *fleetTest) schedule() {
	plan, err := os.ReadFile(f.path("plan.ndjson"))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(f.path("objects/fleet/plan.ndjson"), plan, 0o600); err != nil { // in the gateway's folder, it's an object
		f.t.Fatal(err)
	}
	f.kubectl(f.jobs("--name", "nightly", "--plan", "s3://fleet/plan.ndjson", "--to", scheduledPlace, "--shards", "2",
		"--cron", "* * * * *", "--cron-analyze", "0 0 1 1 *"), "apply", "-f", "-")
}

// scheduled checks that the CronJobs fill a second store with the same tables as the Jobs.
func (f *fleetTest) scheduled(t *testing.T) {
	name := ""
	f.wait("Job of the schedule", func() bool {
		for _, j := range objects[jobList](f.cluster, "-n", "fleet", "get", "jobs").Items {
			if owners := j.Metadata.OwnerReferences; len(owners) == 1 && owners[0].Kind == "CronJob" && owners[0].Name == "nightly-index" {
				name = j.Metadata.Name
				return true
			}
		}
		return false
	})
	if c := objects[cronJob](f.cluster, "-n", "fleet", "get", "cronjob", "nightly-index"); c.Status.LastScheduleTime == "" {
		t.Error("the CronJob has no time of its last Job")
	}
	f.kubectl("", "-n", "fleet", "patch", "cronjob/nightly-index", "--type=merge", "-p", `{"spec":{"suspend":true}}`)
	if j := f.finished(name); j.Status.Succeeded != 2 || j.Status.FailedIndexes != "" {
		t.Fatalf("%+v\n%s", j.Status, f.kubectl("", "-n", "fleet", "logs", "-l", "job-name="+name, "--tail=5"))
	}
	f.kubectl("", "-n", "fleet", "create", "job", "--from=cronjob/nightly-analyze", "now")
	if j := f.finished("now"); j.Status.Succeeded != 2 || j.Status.FailedIndexes != "" {
		t.Fatalf("%+v\n%s", j.Status, f.kubectl("", "-n", "fleet", "logs", "-l", "job-name=now", "--tail=5"))
	}
	want, err := filepath.Glob(f.path("objects/fleet/2026/tables/*/*/*.parquet"))
	if err != nil || len(want) < 5 {
		t.Fatal(want, err)
	}
	for _, file := range want {
		rel, err := filepath.Rel(f.path("objects/fleet/2026"), file)
		if err != nil {
			t.Fatal(err)
		}
		a, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(f.path(filepath.Join("objects/fleet/scheduled", rel)))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", rel, err)
		}
	}
}
