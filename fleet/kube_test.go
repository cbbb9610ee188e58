package fleet

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the golden files anew")

// someKube returns the options that the tests change.
func someKube() *Kube {
	return &Kube{
		Image: "ghcr.io/peelhq/peel:1.2.3", To: "s3://fleet/2026", Name: "peel",
		Plan: []byte("{\"type\":\"plan\",\"version\":1}\n{\"type\":\"end\"}\n"), PlanName: "0123456789abcdef",
		Shards: 6, Parallelism: 3, Retries: 3, MaxFailed: 1, Memory: "512Mi", CPU: "1",
	}
}

// TestKubeGolden checks the objects against the golden files, which the integration tests apply
// to a real Kubernetes.
func TestKubeGolden(t *testing.T) {
	for name, change := range map[string]func(*Kube){
		"kube":      func(*Kube) {},
		"kube-full": fullKube,
		"kube-cron": func(k *Kube) {
			k.Plan, k.PlanAt = nil, "s3://fleet/plans/all.ndjson"
			k.Cron, k.CronAnalyze = "0 2 * * *", "@weekly"
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := someKube()
			change(k)
			if err := k.Check(); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := k.Write(&out); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s is out of date (rewrite it with -update):\n%s", golden, out.Bytes())
			}
		})
	}
}

// fullKube sets every optional field.
func fullKube(k *Kube) {
	k.Namespace, k.Name = "platform", "fleet"
	k.PullSecret, k.RegistrySecret, k.StoreSecret, k.ServiceAccount = "pull", "registry", "store", "fleet-reader"
	k.Env = []string{"AWS_REGION=eu-central-1", "HTTPS_PROXY=http://proxy:3128", "NOTE=on $(HOME): \"x\""}
	k.IndexArgs = []string{"--rate", "5"}
	k.Memory, k.CPU = "1Gi", "500m"
}

// TestKubeHostileValues checks that the output is Kubernetes objects with the given values,
// whatever characters they contain.
func TestKubeHostileValues(t *testing.T) {
	hostile := []string{"on", "null", "1e3", "0x1f", "12:30", "a: b", "- a", "# a", "&a", "*a", "!!int 3", "{a: b}", "'", `"`, "\\", "$(HOME)", "$$", "ü ", "a\u2028b", "---", "...", "yes", "~", "%a", "@a", "`a", "2026-11-26", "a #b", "a:"}
	for _, text := range hostile {
		k := someKube()
		k.Env = []string{"X=" + text}
		k.IndexArgs = []string{text}
		k.Plan = []byte(text + "\n" + text + "\n")
		if err := k.Check(); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		docs := readKube(t, k)
		if got := docs[1].Data[planKey]; got != string(k.Plan) {
			t.Errorf("%q: got plan %q", text, got)
		}
		c := docs[2].Spec.Template.Spec.Containers[0]
		if got := expand(c.Args[3]); got != text {
			t.Errorf("%q: got argument %q", text, got)
		}
		if got := expand(c.Args[5]); got != k.To {
			t.Errorf("%q: got store %q", text, got)
		}
		if got := expand(c.Env[len(c.Env)-1].Value); got != text {
			t.Errorf("%q: got variable %q", text, got)
		}
		if got := expand(c.Args[7]); got != "3/6" {
			t.Errorf("%q: got shard %q", text, got)
		}
	}
}

// readObject has the fields of an object that the tests read.
type readObject struct {
	Kind string
	Data map[string]string
	Spec struct {
		Suspend  bool
		Template struct {
			Spec struct {
				Containers []struct {
					Args []string
					Env  []struct{ Name, Value string }
				}
			}
		}
	}
}

func readKube(t *testing.T, k *Kube) (docs []readObject) {
	t.Helper()
	var out bytes.Buffer
	if err := k.Write(&out); err != nil {
		t.Fatal(err)
	}
	loader, err := yaml.NewLoader(&out)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var doc readObject
		switch err := loader.Load(&doc); {
		case errors.Is(err, io.EOF):
			if len(docs) != 4 {
				t.Fatalf("got %d objects, want 4", len(docs))
			}
			return docs
		case err != nil:
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
}

// expand expands an argument as Kubernetes does (third_party/forked/golang/expansion in its
// sources).
func expand(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch rest := s[i:]; {
		case strings.HasPrefix(rest, "$$"):
			b.WriteByte('$')
			i++
		case strings.HasPrefix(rest, "$(JOB_COMPLETION_INDEX)"):
			b.WriteByte('3')
			i += len("$(JOB_COMPLETION_INDEX)") - 1
		case strings.HasPrefix(rest, "$("):
			b.WriteString("expanded")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// TestKubeCheck checks that options that Kubernetes would reject, or with which a Job could
// only fail, are rejected.
func TestKubeCheck(t *testing.T) {
	for _, c := range []struct {
		field  string
		change func(*Kube)
		says   string
	}{
		{"image", func(k *Kube) { k.Image = "" }, "missing"},
		{"image", func(k *Kube) { k.Image = "a b" }, "not the name of an image"},
		{"image", func(k *Kube) { k.Image = "a\n- evil" }, "not the name of an image"},
		{"image", func(k *Kube) { k.Image = "$(HOME)" }, "not the name of an image"},
		{"image", func(k *Kube) { k.Image = "@sha256:" + strings.Repeat("0", 64) }, "not the name"},
		{"to", func(k *Kube) { k.To = "/srv/store" }, "cannot see folders"},
		{"to", func(k *Kube) { k.To = "s3://UPPER/x" }, "bucket"},
		{"to", func(k *Kube) { k.To = "s3://user:pass@host/x" }, "bucket"},
		{"to", func(k *Kube) { k.To = "s3:///x" }, "bucket"},
		{"to", func(k *Kube) { k.To = "s3://fleet/a\nb" }, "use letters"},
		{"to", func(k *Kube) { k.To = "s3://fleet/../x" }, "use letters"},
		{"plan", func(k *Kube) { k.Plan = nil }, "missing"},
		{"plan", func(k *Kube) { k.Plan, k.PlanAt = nil, "plan.ndjson" }, "cannot see"},
		{"plan", func(k *Kube) { k.Plan = bytes.Repeat([]byte("a"), 300<<10) }, "too large"},
		{"plan", func(k *Kube) { k.Plan = make([]byte, 50<<10) }, "too large"},
		{"name", func(k *Kube) { k.Name = "" }, "lower-case"},
		{"name", func(k *Kube) { k.Name = "Peel" }, "lower-case"},
		{"name", func(k *Kube) { k.Name = "-a" }, "lower-case"},
		{"name", func(k *Kube) { k.Name = strings.Repeat("a", 31) }, "at most 30"},
		{"namespace", func(k *Kube) { k.Namespace = "a/b" }, "lower-case"},
		{"namespace", func(k *Kube) { k.Namespace = "a; rm -rf" }, "lower-case"},
		{"shards", func(k *Kube) { k.Shards = 0 }, "not between"},
		{"shards", func(k *Kube) { k.Shards = 10_001 }, "not between"},
		{"parallelism", func(k *Kube) { k.Parallelism = -1 }, "not between"},
		{"retries", func(k *Kube) { k.Retries = -1 }, "not between"},
		{"max-failed", func(k *Kube) { k.MaxFailed = -1 }, "not between"},
		{"memory", func(k *Kube) { k.Memory = "300Mi" }, "at least 384Mi"},
		{"memory", func(k *Kube) { k.Memory = "lots" }, "use a number"},
		{"memory", func(k *Kube) { k.Memory = "512Mi\n" }, "use a number"},
		{"cpu", func(k *Kube) { k.CPU = "0" }, "cores"},
		{"cpu", func(k *Kube) { k.CPU = "0.0" }, "cores"},
		{"cpu", func(k *Kube) { k.CPU = "all" }, "cores"},
		{"pull-secret", func(k *Kube) { k.PullSecret = "A" }, "lower-case"},
		{"registry-secret", func(k *Kube) { k.RegistrySecret = "a b" }, "lower-case"},
		{"store-secret", func(k *Kube) { k.StoreSecret = "../x" }, "lower-case"},
		{"service-account", func(k *Kube) { k.ServiceAccount = "a_b" }, "lower-case"},
		{"env", func(k *Kube) { k.Env = []string{"A"} }, "NAME=VALUE"},
		{"env", func(k *Kube) { k.Env = []string{"A B=c"} }, "NAME=VALUE"},
		{"env", func(k *Kube) { k.Env = []string{"AWS_SECRET_ACCESS_KEY=c"} }, "secret"},
		{"env", func(k *Kube) { k.Env = []string{"HOME=/"} }, "already set"},
		{"env", func(k *Kube) { k.Env = []string{"JOB_COMPLETION_INDEX=0"} }, "already set"},
		{"env", func(k *Kube) { k.Env = []string{"A=\x1b[31m"} }, "control"},
		{"cron", func(k *Kube) { k.Cron, k.CronAnalyze = "tomorrow", "@daily" }, "five fields"},
		{"cron", func(k *Kube) { k.Cron, k.CronAnalyze = "TZ=UTC 0 2 * * *", "@daily" }, "five fields"},
		{"cron-analyze", func(k *Kube) { k.CronAnalyze = "@daily" }, "needs --cron"},
		{"cron-analyze", func(k *Kube) { k.Cron = "@daily" }, "missing"},
		{"cron-analyze", func(k *Kube) { k.Cron, k.CronAnalyze = "@daily", "@daily" }, "same plan each time"},
	} {
		k := someKube()
		c.change(k)
		err := k.Check()
		var wrong *KubeError
		if !errors.As(err, &wrong) || wrong.Field != c.field || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %q: %v", c.field, c.says, err)
		}
	}
	if err := someKube().Check(); err != nil {
		t.Error(err)
	}
}

// TestKubeNames checks that another plan or other flags give Jobs of another name, since an
// existing Job can't be changed.
func TestKubeNames(t *testing.T) {
	seen := map[string]string{}
	for what, change := range map[string]func(*Kube){
		"as it is": func(*Kube) {},
		"plan":     func(k *Kube) { k.PlanName = "1" },
		"shards":   func(k *Kube) { k.Shards = 7 },
		"memory":   func(k *Kube) { k.Memory = "1Gi" },
		"env":      func(k *Kube) { k.Env = []string{"A=b"} },
	} {
		k := someKube()
		change(k)
		if other, twice := seen[k.jobName("index")]; twice {
			t.Errorf("%s and %s make the same Job", what, other)
		}
		seen[k.jobName("index")] = what
	}
	k := someKube()
	if name := k.jobName("index"); name != someKube().jobName("index") {
		t.Errorf("the same options make another Job: %s", name)
	}
	k.Name = strings.Repeat("a", maxKubeName)
	// A pod of an Indexed Job is named JOB-INDEX-abcde, and its host JOB-INDEX.
	if name := k.jobName("analyze") + "-9999-abcde"; len(name) > 63 {
		t.Errorf("%s has %d characters", name, len(name))
	}
}
