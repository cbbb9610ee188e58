package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Addresses of services inside the cluster.
const (
	registryAt = nodeIP + ":5001" // docker-registry itself
	gateAt     = nodeIP + ":5000" // in front of it; peel uses this address
	storeAt    = nodeIP + ":7070"
)

// Keys for the object store.
const accessKey, secretKey = "peel-access", "peel-secret-of-the-test"

// TestFleet processes a registry of 60 images with the Jobs of peel fleet kube. Some shards are
// killed, run out of memory or meet a broken layer. The store must match peel report for every
// image.
func TestFleet(t *testing.T) {
	c := start(t)
	f := &fleetTest{cluster: c}
	f.services()
	f.push()
	f.breakLayer()
	f.plan()
	t.Run("goldens", f.goldens)
	t.Run("index", f.index)
	t.Run("again", f.indexAgain)
	t.Run("analyze", f.analyze)
	f.schedule()
	t.Run("equal", f.equal)
	t.Run("find", f.find)
	t.Run("scheduled", f.scheduled)
	t.Run("refused", f.refused)
}

type fleetTest struct {
	*cluster

	images []madeImage
	layers map[string]bool // all unique layers
	broken string          // the broken layer in the registry
	index1 string          // name of the first Job
}

func (f *fleetTest) services() {
	for _, dir := range []string{"registry", "objects/fleet", "gate"} {
		if err := os.MkdirAll(f.path(dir), 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", f.path("registry"), registryAt)
	if err := os.WriteFile(f.path("registry.yml"), []byte(config), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.serve(registryAt, nil, "docker-registry", "serve", f.path("registry.yml"))
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	f.serve(gateAt, []string{envGate + "=" + gateAt + " " + registryAt + " " + f.path("gate")}, self)
	f.serve(storeAt, nil, os.Getenv(envVersitygw), "--access", accessKey, "--secret", secretKey, "--port", storeAt, "--quiet", "posix", f.path("objects"))
}

// push copies all images to the registry, several at once.
func (f *fleetTest) push() {
	f.images = layoutOf(f.t, f.path("layout"))
	f.layers = map[string]bool{}
	errs := make([]error, len(f.images))
	var wait sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, image := range f.images {
		for _, layer := range image.layers {
			f.layers[layer] = true
		}
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			command := f.command(context.Background(), "skopeo", "copy", "-q", "--dest-tls-verify=false", fmt.Sprintf("oci:%s:image%02d", f.path("layout"), i), "docker://"+registryAt+"/"+image.name)
			if out, err := command.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("skopeo: %w\n%s", err, out)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// breakLayer overwrites the last layer of the last image in the registry's files with the same
// number of bytes, so that only the checksum shows the damage.
func (f *fleetTest) breakLayer() {
	last := f.images[len(f.images)-1].layers
	f.broken = last[len(last)-1]
	hex := strings.TrimPrefix(f.broken, "sha256:")
	name := f.path("registry/docker/registry/v2/blobs/sha256/" + hex[:2] + "/" + hex + "/data")
	content, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := len(content) / 2; i < len(content)/2+100; i++ {
		content[i] ^= 0xff
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// peel runs peel in the cluster's network, with the store's keys.
func (f *fleetTest) peel(args ...string) string {
	f.t.Helper()
	var errs bytes.Buffer
	command := f.peelCommand(f.t.Context(), args...)
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		f.t.Fatalf("peel %.300q: %v\n%s", args, err, errs.Bytes())
	}
	return string(out)
}

func (f *fleetTest) peelCommand(ctx context.Context, args ...string) *exec.Cmd {
	return f.command(ctx, append([]string{
		"env", "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_ENDPOINT_URL=http://" + storeAt, "AWS_REGION=us-east-1",
		"XDG_CACHE_HOME=" + f.path("cache"), "HOME=" + f.path("home"), f.path("bin/peel"),
	}, args...)...)
}

const storePlace = "s3://fleet/2026"

func (f *fleetTest) plan() {
	f.peel("fleet", "plan", "registry://"+gateAt+"/", "--insecure-registry", gateAt, "-o", f.path("plan.ndjson"))
	ns := "apiVersion: v1\nkind: Namespace\nmetadata: {name: fleet, labels: {pod-security.kubernetes.io/enforce: restricted}}\n"
	f.kubectl(ns, "apply", "-f", "-")
	f.kubectl("", "-n", "fleet", "create", "secret", "generic", "store", "--from-literal=AWS_ACCESS_KEY_ID="+accessKey, "--from-literal=AWS_SECRET_ACCESS_KEY="+secretKey)
	f.kubectl("", "-n", "fleet", "create", "secret", "docker-registry", "registry", "--docker-server="+gateAt, "--docker-username=u", "--docker-password=p")
}

// jobs writes the plan's Jobs.
func (f *fleetTest) jobs(args ...string) string {
	f.t.Helper()
	return f.peel(append([]string{
		"fleet", "kube", f.path("plan.ndjson"), "--image", "localhost/peel:1", "--to", storePlace, "-n", "fleet", "--shards", "6", "--parallelism", "6", "--cpu", "50m",
		"--registry-secret", "registry", "--store-secret", "store", "--env", "AWS_ENDPOINT_URL=http://" + storeAt, "--env", "AWS_REGION=us-east-1", "--insecure-registry", gateAt,
	}, args...)...)
}

// goldens submits the golden files to the API server, which validates them completely.
func (f *fleetTest) goldens(t *testing.T) {
	f.kubectl("apiVersion: v1\nkind: Namespace\nmetadata: {name: platform}\n", "apply", "-f", "-")
	files, err := filepath.Glob("../../fleet/testdata/kube*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out := f.kubectl(string(text), "apply", "--dry-run=server", "--validate=strict", "-f", "-")
		if strings.Count(out, "created (server dry run)") != strings.Count(string(text), "\n---\n") {
			t.Errorf("%s: %s", file, out)
		}
	}
}

// job has the fields of a Job that the tests read.
type job struct {
	Status struct {
		Succeeded        int
		CompletedIndexes string
		FailedIndexes    string
		Conditions       []struct{ Type, Status, Reason string }
	}
}

// pods has the fields of pods that the tests read.
type pods struct {
	Items []struct {
		Metadata struct {
			Name        string
			Annotations map[string]string
		}
		Status struct {
			Phase             string
			ContainerStatuses []struct {
				State struct {
					Terminated struct {
						ExitCode int
						Reason   string
					}
				}
			}
		}
	}
}

// finished waits for a Job to end and returns it.
func (f *fleetTest) finished(name string) job {
	f.t.Helper()
	var j job
	f.wait("end of "+name, func() bool {
		j = objects[job](f.cluster, "-n", "fleet", "get", "job", name)
		return slices.ContainsFunc(j.Status.Conditions, func(c struct{ Type, Status, Reason string }) bool {
			return (c.Type == "Complete" || c.Type == "Failed") && c.Status == "True"
		})
	})
	return j
}

// endings counts how the pods of a Job ended, by exit code and reason.
func (f *fleetTest) endings(name string) map[string]int {
	f.t.Helper()
	n := map[string]int{}
	for _, p := range objects[pods](f.cluster, "-n", "fleet", "get", "pods", "-l", "job-name="+name).Items {
		for _, s := range p.Status.ContainerStatuses {
			n[fmt.Sprint(s.State.Terminated.ExitCode, " ", s.State.Terminated.Reason)]++
		}
	}
	return n
}

var jobName = regexp.MustCompile(`kind: Job\nmetadata:\n {2}name: (\S+)`)

// index runs the first Job. All blobs are held back until all shards are running; then one
// shard is killed, and another may not use more memory than it has.
func (f *fleetTest) index(t *testing.T) {
	yaml := f.jobs()
	names := jobName.FindAllStringSubmatch(yaml, -1)
	if len(names) != 2 {
		t.Fatalf("%d Jobs in:\n%s", len(names), yaml)
	}
	f.index1 = names[0][1]
	f.hold(true)
	f.kubectl(yaml, "apply", "-f", "-")
	pids := map[int]int{}
	f.wait("six shards", func() bool {
		for i := range 6 {
			if pid := f.shard(i); pid > 0 {
				pids[i] = pid
			}
		}
		return len(pids) == 6
	})
	f.wait("blobs asked for", func() bool { return len(f.requests()) >= 6 })
	if err := syscall.Kill(pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.starve(t, pids[2])
	f.hold(false)
	j := f.finished(f.index1)
	if j.Status.Succeeded != 6 || j.Status.FailedIndexes != "" || j.Status.CompletedIndexes != "0-5" {
		t.Errorf("%+v\n%s", j.Status, f.kubectl("", "-n", "fleet", "get", "pods", "-o", "wide"))
	}
	ends := f.endings(f.index1)
	if ends["0 Completed"] != 6 || ends["137 Error"] != 1 || ends["137 OOMKilled"] != 1 || len(ends) != 3 {
		t.Errorf("the pods ended with %v", ends)
	}
	f.stored(t)
	for layer, n := range f.requests() {
		if f.layers[layer] && n > 3 {
			t.Errorf("%s was requested %d times", layer, n)
		}
	}
	if j := objects[job](f.cluster, "-n", "fleet", "get", "job", names[1][1]); j.Status.Succeeded != 0 {
		t.Errorf("the analysis did not wait: %+v", j.Status)
	}
}

// stored checks that the store has each good layer once, and the reason for the broken one.
func (f *fleetTest) stored(t *testing.T) {
	t.Helper()
	base := f.path("objects/fleet/2026/")
	have := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(base, "layers/sha256/*.parquet"))
	for _, file := range files {
		have["sha256:"+strings.TrimSuffix(filepath.Base(file), ".parquet")] = true
	}
	for layer := range f.layers {
		if have[layer] == (layer == f.broken) {
			t.Errorf("layer %s: in the store %v, broken %v", layer, have[layer], layer == f.broken)
		}
	}
	if len(have) != len(f.layers)-1 {
		t.Errorf("the store has %d layers, want %d", len(have), len(f.layers)-1)
	}
	reasons, _ := filepath.Glob(filepath.Join(base, "failed/sha256/*.json"))
	if len(reasons) != 1 || !strings.Contains(reasons[0], strings.TrimPrefix(f.broken, "sha256:")) {
		t.Fatalf("reasons: %q", reasons)
	}
	text, err := os.ReadFile(reasons[0])
	if err != nil || len(text) < 20 {
		t.Errorf("the reason: %s %v", text, err)
	}
}

// indexAgain runs the first Job again, which must fetch and store nothing new.
func (f *fleetTest) indexAgain(t *testing.T) {
	before, times := f.requests(), f.times(t)
	f.kubectl("", "-n", "fleet", "delete", "job", f.index1, "--wait")
	f.kubectl(f.jobs(), "apply", "-f", "-")
	if j := f.finished(f.index1); j.Status.Succeeded != 6 {
		t.Errorf("%+v", j.Status)
	}
	if ends := f.endings(f.index1); ends["0 Completed"] != 6 || len(ends) != 1 {
		t.Errorf("the pods ended with %v", ends)
	}
	for layer, n := range f.requests() {
		if f.layers[layer] && layer != f.broken && n != before[layer] {
			t.Errorf("%s was fetched again", layer)
		}
	}
	for name, when := range f.times(t) {
		if old, there := times[name]; there && !old.Equal(when) {
			t.Errorf("%s was written again", name)
		} else if !there {
			t.Errorf("%s is new", name)
		}
	}
	f.stored(t)
}

// times returns when the store's objects were written.
func (f *fleetTest) times(t *testing.T) map[string]time.Time {
	t.Helper()
	all := map[string]time.Time{}
	err := filepath.WalkDir(f.path("objects/fleet/2026"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all[path] = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// refused runs a shard with keys that the store rejects: it must fail immediately, with exit
// code 42.
func (f *fleetTest) refused(t *testing.T) {
	f.kubectl("", "-n", "fleet", "create", "secret", "generic", "wrong", "--from-literal=AWS_ACCESS_KEY_ID=nobody", "--from-literal=AWS_SECRET_ACCESS_KEY=nothing")
	yaml := f.jobs("--name", "wrong", "--store-secret", "wrong", "--max-failed", "0", "--shards", "1")
	name := jobName.FindStringSubmatch(yaml)[1]
	f.kubectl(yaml, "apply", "-f", "-")
	j := f.finished(name)
	if ends := f.endings(name); ends["42 Error"] != 1 || len(ends) != 1 {
		t.Errorf("the pods ended with %v, %+v", ends, j.Status)
	}
}

// hold holds all blobs back, or releases them.
func (f *fleetTest) hold(on bool) {
	f.t.Helper()
	var err error
	if on {
		err = os.WriteFile(f.path("gate/hold"), nil, 0o600)
	} else {
		err = os.Remove(f.path("gate/hold"))
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// requests returns how often each blob was requested.
func (f *fleetTest) requests() map[string]int {
	f.t.Helper()
	text, err := os.ReadFile(f.path("gate/requests"))
	if err != nil {
		f.t.Fatal(err)
	}
	n := map[string]int{}
	for line := range strings.FieldsSeq(string(text)) {
		n[line]++
	}
	return n
}

// shard returns the process ID of a shard of the index, or 0 if it isn't running.
func (f *fleetTest) shard(i int) int {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range lines {
		text, err := os.ReadFile(name)
		words := strings.Split(string(text), "\x00")
		if err != nil || words[0] != "/peel" || !slices.Contains(words, "index") || !slices.Contains(words, fmt.Sprintf("%d/6", i)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil {
			return pid
		}
	}
	return 0
}

// starve limits a process to the memory that it uses now.
func (f *fleetTest) starve(t *testing.T, pid int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.SplitN(strings.TrimSpace(line), ":", 3)
		limit, stat := "", ""
		switch {
		case slices.Contains(strings.Split(words[1], ","), "memory"):
			limit, stat = "/sys/fs/cgroup/memory"+words[2]+"/memory.limit_in_bytes", "rss "
		case words[0] == "0" && words[1] == "" && words[2] != "/":
			limit, stat = "/sys/fs/cgroup"+words[2]+"/memory.max", "anon "
		}
		if _, err := os.Stat(limit); limit == "" || err != nil {
			continue
		}
		stats, err := os.ReadFile(filepath.Join(filepath.Dir(limit), "memory.stat"))
		if err != nil {
			t.Fatal(err)
		}
		used := 0
		for line := range strings.Lines(string(stats)) {
			if n, ok := strings.CutPrefix(line, stat); ok {
				used, _ = strconv.Atoi(strings.TrimSpace(n))
			}
		}
		for more := 64 << 10; more < 256<<20; more *= 2 { // the kernel refuses a limit below what it can't reclaim
			if os.WriteFile(limit, []byte(strconv.Itoa(used+more)), 0o600) == nil {
				return
			}
		}
	}
	t.Fatalf("no control group with a memory limit:\n%s", text)
}

// find searches for a file that every image of one base has, and that a higher layer hides.
func (f *fleetTest) find(t *testing.T) {
	out := f.peel("fleet", "find", storePlace, "/usr/lib/base0/f000")
	if lines := strings.Count(out, "\n"); lines != imageCount/3 || strings.Count(out, "visible") != imageCount/3 {
		t.Errorf("%d lines:\n%s", lines, out)
	}
	out = f.peel("fleet", "find", storePlace, "/opt/runtime3/f001")
	if lines := strings.Count(out, "\n"); lines != imageCount/12 || !strings.Contains(out, "hidden by layer 3") {
		t.Errorf("%d lines:\n%s", lines, out)
	}
}

// analyze starts the second Job, following the first lines of the YAML.
func (f *fleetTest) analyze(t *testing.T) {
	name := strings.Replace(f.index1, "-index-", "-analyze-", 1)
	f.kubectl("", "-n", "fleet", "patch", "job/"+name, "--type=merge", "-p", `{"spec":{"suspend":false}}`)
	if j := f.finished(name); j.Status.Succeeded != 6 || j.Status.FailedIndexes != "" {
		t.Fatalf("%+v\n%s", j.Status, f.kubectl("", "-n", "fleet", "logs", "-l", "job-name="+name, "--tail=5"))
	}
}
