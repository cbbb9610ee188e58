package cmd

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/peelhq/peel/bench/madefleet"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/testkit"
)

// fleetFolder returns a folder with a made-up fleet, and its plan. It makes each fleet once.
func fleetFolder(t *testing.T, images int) (store, plan string) {
	t.Helper()
	store = filepath.Join(t.TempDir(), "store")
	made, ok := madeFleets[images]
	if !ok {
		made.id = makeFleet(t, images, store)
		made.files = filesBelow(t, store)
		madeFleets[images] = made
	} else if err := os.CopyFS(store, made.files); err != nil {
		t.Fatal(err)
	}
	return store, filepath.Join(store, filepath.FromSlash(fleet.PlanName(made.id)))
}

// madeFleets holds the fleets that tests have made, by their number of images.
var madeFleets = map[int]struct {
	id    string
	files fstest.MapFS
}{}

// filesBelow returns the files of a folder.
func filesBelow(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name] = &fstest.MapFile{Data: []byte(read(t, filepath.Join(dir, name))), Mode: 0o644}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// makeFleet writes a made-up fleet and returns the ID of its plan.
func makeFleet(t *testing.T, images int, store string) (id string) {
	t.Helper()
	s, err := fleet.OpenStore(t.Context(), store, true)
	if err != nil {
		t.Fatal(err)
	}
	f := &madefleet.Fleet{Images: images, Seed: 1, Files: images < 10, Packages: images < 10, Made: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	id, err = f.Write(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestFleetReport checks all forms of the report.
func TestFleetReport(t *testing.T) {
	store, _ := fleetFolder(t, 4)
	for form, want := range map[string]string{
		"text": "Teams by waste", "json": `"schema": "peel.fleet/v1"`, "markdown": "**What to change first**", "html": `<section id="repositories"`,
	} {
		if got := must(t, "fleet", "report", store, "-f", form); !strings.Contains(got, want) {
			t.Errorf("%s has no %q:\n%.500s", form, want, got)
		}
	}
	valid(t, schema(t, "fleet.schema.json"), must(t, "fleet", "report", store, "-f", "json", "--team-depth", "0"))
}

// TestFleetFind checks that matches are printed with one line per image, and that no match is
// exit code 1.
func TestFleetFind(t *testing.T) {
	store, _ := fleetFolder(t, 4)
	lines := strings.Split(strings.TrimSpace(must(t, "fleet", "find", store, "*.jar")), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "registry.example.com/team-00/app-00000:1.0  ") || !strings.Contains(lines[0], ".jar") {
		t.Errorf("%d lines: %.300q", len(lines), lines)
	}
	row := schema(t, "fleet-find.schema.json")
	lines = strings.Split(strings.TrimSpace(must(t, "fleet", "find", store, "/opt/**", "-f", "json")), "\n")
	for i := 0; i < len(lines); i += testkit.Stride(1) {
		valid(t, row, lines[i])
	}
	if r := peel("fleet", "find", store, "/nothing"); r.code != exitRule || r.out != "" || r.err != "" {
		t.Errorf("no match: got exit code %d, %q, %q", r.code, r.out, r.err)
	}
}

// TestFleetKube checks the Jobs for a plan in a file.
func TestFleetKube(t *testing.T) {
	_, plan := fleetFolder(t, 4)
	out := must(t, "fleet", "kube", plan, "--image", "peel:1", "--to", "s3://fleet/x", "--plan", "s3://fleet/plan.ndjson", "--rate", "2.5", "--insecure-registry", "reg:5000")
	for _, want := range []string{"kind: ServiceAccount\n", "kind: Job\n", "- s3://fleet/plan.ndjson\n", `- "--rate=2.5"`, `- "--insecure-registry=reg:5000"`, `- "$(JOB_COMPLETION_INDEX)/1"`, "maxFailedIndexes: 1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if out := must(t, "fleet", "kube", plan, "--image", "peel:1", "--to", "s3://fleet/x", "--shards", "3"); !strings.Contains(out, "kind: ConfigMap\n") || !strings.Contains(out, "completions: 3\n") {
		t.Errorf("no ConfigMap in:\n%.500s", out)
	}
}

// TestFleetUsage checks that invalid usage is refused with the reason.
func TestFleetUsage(t *testing.T) {
	store, plan := fleetFolder(t, 4)
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	broken, other := filepath.Join(folder, "broken"), filepath.Join(folder, "other")
	_, large := fleetFolder(t, 300)
	lines := strings.SplitAfter(string(text), "\n")
	for name, content := range map[string]string{broken: strings.Join(lines[:2], ""), other: "{}\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"fleet", "report"}, exitUsage, "one store"},
		{[]string{"fleet", "report", filepath.Join(folder, "none")}, exitWork, "cannot open the store"},
		{[]string{"fleet", "report", store, "--plan", "../x"}, exitUsage, "hexadecimal"},
		{[]string{"fleet", "report", store, "--plan", "ffffffff"}, exitWork, "no plan in the store"},
		{[]string{"fleet", "report", store, "--team-depth", "99"}, exitUsage, "not between"},
		{[]string{"fleet", "find", store, "["}, exitUsage, "not a glob"},
		{[]string{"fleet", "find", store, "!/etc"}, exitUsage, "exception"},
		{[]string{"fleet", "kube", plan}, exitUsage, "--image"},
		{[]string{"fleet", "kube", plan, "--image", "peel:1", "--to", store}, exitUsage, "s3://BUCKET/PREFIX"},
		{[]string{"fleet", "kube", broken, "--image", "peel:1", "--to", "s3://fleet"}, exitWork, "peel fleet plan"},
		{[]string{"fleet", "kube", other, "--image", "peel:1", "--to", "s3://fleet"}, exitWork, "not a usable plan"},
		{[]string{"fleet", "kube", large, "--image", "peel:1", "--to", "s3://fleet"}, exitUsage, "copy the plan into the store"},
		{[]string{"fleet", "kube", plan, "--image", "peel:1", "--to", "s3://fleet", "--cron", "@daily", "--cron-analyze", "@daily"}, exitUsage, "reads the same plan"},
		{[]string{"fleet", "kube", plan, "--image", "peel:1", "--to", "s3://fleet", "--env", "AWS_SECRET_ACCESS_KEY=x"}, exitUsage, "looks like a secret"},
	} {
		r := peel(c.args...)
		if r.code != c.code || r.out != "" || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: got exit code %d, want %d, %q: %.200s%s", c.args, r.code, c.code, c.says, r.out, r.err)
		}
	}
}
