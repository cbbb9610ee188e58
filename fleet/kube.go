package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// A Kube says how to process a plan in Kubernetes. Kube.Write writes it. Check it first with
// Kube.Check, which reports what Kubernetes would refuse.
type Kube struct {
	Image     string // container image whose entrypoint is peel
	To        string // store, s3://BUCKET[/PREFIX]
	Name      string // prefix of the names of all objects
	Namespace string // "": kubectl's

	Plan     []byte // the plan, for a ConfigMap; nil: the pods read PlanAt
	PlanAt   string // where the pods find the plan: s3://BUCKET/PATH
	PlanName string // the plan's digest, in hex

	Shards      int    // completions of each Job
	Parallelism int    // pods at once
	Retries     int    // of one shard
	MaxFailed   int    // failed shards that end the Job
	Memory      string // request and limit of a pod: a quantity, "512Mi"
	CPU         string // request of a pod

	PullSecret     string   // Secret to pull Image with, "" for none
	RegistrySecret string   // Secret of the type kubernetes.io/dockerconfigjson, "" for none
	StoreSecret    string   // Secret with the keys of AWS's environment variables, "" for none
	ServiceAccount string   // an existing one; "": make one without rights
	Env            []string // NAME=VALUE, but no secrets
	IndexArgs      []string // more arguments of "peel fleet index"
	AnalyzeArgs    []string // and of "peel fleet analyze"

	Cron        string // schedule of the index; "": Jobs that run once
	CronAnalyze string // schedule of the analysis
}

// Values of every pod.
const (
	kubeUser      = 65532 // "nonroot" of distroless images; peel needs no entry in /etc/passwd
	kubeContainer = "peel"
	kubeGrace     = 30        // seconds that a shard has to stop
	kubeKeep      = 7 * 86400 // seconds that a finished Job stays
	kubeTemp      = "2Gi"     // of temporary files

	planDir     = "/etc/peel/plan"
	planKey     = "plan.ndjson"
	registryDir = "/etc/peel/registry"
	tempDir     = "/tmp"
)

// ExitNoRetry is the exit code of "peel fleet index" and "analyze" for errors that trying again
// can't fix: those of credentials, the plan or the store. A Job fails such a shard immediately.
const ExitNoRetry = 42

// A storeKey is a key of the store's Secret, which becomes an environment variable.
type storeKey struct {
	name     string
	optional bool // a Secret may lack it
}

var storeKeys = []storeKey{
	{"AWS_ACCESS_KEY_ID", false},
	{"AWS_SECRET_ACCESS_KEY", false},
	{"AWS_SESSION_TOKEN", true},
}

// Write writes the objects as YAML, for kubectl apply: a service account without rights, the
// plan as a ConfigMap, an Indexed Job that reads the layers, and one that analyses the images,
// suspended until the first has finished. With schedules, the Jobs are CronJobs. The names of
// Jobs and ConfigMap end in a digest of the plan and the flags: applying the same again changes nothing.
func (k *Kube) Write(w io.Writer) error {
	out := &bytes.Buffer{}
	out.WriteString(k.preface())
	for _, object := range k.objects() {
		text, err := yaml.Dump(object, yaml.WithIndent(2), yaml.WithLineWidth(-1))
		if err != nil {
			return err
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// preface says, in comments, how to apply the objects.
func (k *Kube) preface() string {
	kubectl := "kubectl"
	if k.Namespace != "" {
		kubectl += " --namespace " + k.Namespace
	}
	text := "# Written by peel fleet kube. Apply it with:  kubectl apply -f FILE\n"
	if k.Cron != "" {
		return text
	}
	return text + fmt.Sprintf(`# The second Job waits. Start it when the first has finished:
#   %s wait --for=condition=Complete --timeout=24h job/%s
#   %s patch job/%s --type=merge -p '{"spec":{"suspend":false}}'
`, kubectl, k.jobName("index"), kubectl, k.jobName("analyze"))
}

// objects returns all objects in the order in which Kubernetes needs them.
func (k *Kube) objects() []any {
	var all []any
	if k.ServiceAccount == "" {
		all = append(all, kubeAccount{
			APIVersion: "v1", Kind: "ServiceAccount", Metadata: k.meta(k.Name),
			Automount: false,
		})
	}
	if k.Plan != nil {
		all = append(all, kubeConfigMap{
			APIVersion: "v1", Kind: "ConfigMap", Metadata: k.meta(k.planMap()), Immutable: true,
			Data: map[string]kubeText{planKey: kubeText(k.Plan)},
		})
	}
	index := k.job(append([]string{"fleet", "index", k.planPath()}, k.IndexArgs...), k.RegistrySecret)
	analyze := k.job(append([]string{"fleet", "analyze", k.planPath()}, k.AnalyzeArgs...), "") // it fetches nothing
	if k.Cron != "" {
		return append(all, k.cron("index", k.Cron, index), k.cron("analyze", k.CronAnalyze, analyze))
	}
	analyze.Suspend = true
	for _, j := range []struct {
		step string
		spec kubeJobSpec
	}{{"index", index}, {"analyze", analyze}} {
		all = append(all, kubeJob{APIVersion: "batch/v1", Kind: "Job", Metadata: k.meta(k.jobName(j.step)), Spec: j.spec})
	}
	return all
}

func (k *Kube) cron(step, schedule string, job kubeJobSpec) kubeCronJob {
	var c kubeCronJob
	c.APIVersion, c.Kind, c.Metadata = "batch/v1", "CronJob", k.meta(k.Name+"-"+step)
	c.Spec.Schedule, c.Spec.Concurrency = kubeText(schedule), "Forbid"
	c.Spec.Succeeded, c.Spec.Failed = 1, 3
	c.Spec.Template.Metadata.Labels = k.labels()
	c.Spec.Template.Spec = job
	return c
}

// job returns an Indexed Job that runs peel with these arguments, the shard and the store, and
// with this Secret for registries.
func (k *Kube) job(args []string, registrySecret string) kubeJobSpec {
	args = append(args, "--to", k.To)
	for i := range args {
		args[i] = literal(args[i])
	}
	args = append(args, "--shard", "$(JOB_COMPLETION_INDEX)/"+strconv.Itoa(k.Shards))
	j := kubeJobSpec{
		Completions: k.Shards, Parallelism: min(k.Parallelism, k.Shards), Mode: "Indexed",
		Retries: k.Retries, MaxFailed: min(k.MaxFailed, k.Shards), Keep: kubeKeep,
	}
	j.Failure.Rules = []kubeFailureRule{
		{Action: "FailIndex", OnExitCodes: &kubeExitCodes{kubeContainer, "In", []int{ExitNoRetry}}},
		{Action: "Ignore", OnConditions: []kubeCondition{{"DisruptionTarget", "True"}}},
	}
	j.Template.Metadata.Labels = k.labels()
	j.Template.Spec = k.pod(args, registrySecret)
	return j
}

func (k *Kube) pod(args []string, registrySecret string) kubePodSpec {
	c := kubeContainerSpec{Name: kubeContainer, Image: kubeText(k.Image), Args: kubeTexts(args)}
	c.Resources.Requests = map[string]kubeText{"cpu": kubeText(k.CPU), "memory": kubeText(k.Memory)}
	c.Resources.Limits = map[string]kubeText{"memory": kubeText(k.Memory)}
	c.Security.ReadOnlyRoot = true
	c.Security.Capabilities.Drop = []string{"ALL"}
	p := kubePodSpec{Restart: "Never", Account: kubeText(k.account()), Grace: kubeGrace}
	p.Security = kubePodSecurity{NonRoot: true, User: kubeUser, Group: kubeUser, FSGroup: kubeUser}
	p.Security.Seccomp.Type = "RuntimeDefault"
	if k.PullSecret != "" {
		p.PullSecrets = []kubeName{{kubeText(k.PullSecret)}}
	}

	mount := func(name, path string, v kubeVolume, readOnly bool) {
		v.Name = name
		p.Volumes = append(p.Volumes, v)
		c.Mounts = append(c.Mounts, kubeMount{name, path, readOnly})
	}
	mount("temp", tempDir, kubeVolume{EmptyDir: &kubeEmptyDir{kubeTemp}}, false)
	c.Env = append(c.Env, kubeEnv{Name: "HOME", Value: tempDir})
	if k.Plan != nil {
		mount("plan", planDir, kubeVolume{ConfigMap: &kubeName{kubeText(k.planMap())}}, true)
	}
	if registrySecret != "" {
		mount("registry", registryDir, kubeVolume{Secret: &kubeSecret{
			Name: kubeText(registrySecret), Mode: 0o440,
			Items: []kubeItem{{".dockerconfigjson", "config.json"}},
		}}, true)
		c.Env = append(c.Env, kubeEnv{Name: "DOCKER_CONFIG", Value: registryDir})
	}
	if k.StoreSecret != "" {
		for _, key := range storeKeys {
			c.Env = append(c.Env, kubeEnv{Name: key.name, From: &kubeEnvFrom{Secret: kubeKey{
				Name: kubeText(k.StoreSecret), Key: key.name, Optional: key.optional,
			}}})
		}
	}
	for _, e := range k.Env {
		name, value, _ := bytes.Cut([]byte(e), []byte("="))
		c.Env = append(c.Env, kubeEnv{Name: string(name), Value: kubeText(literal(string(value)))})
	}
	p.Containers = []kubeContainerSpec{c}
	return p
}

func (k *Kube) account() string {
	if k.ServiceAccount != "" {
		return k.ServiceAccount
	}
	return k.Name
}

// planPath returns the path at which a pod finds the plan.
func (k *Kube) planPath() string {
	if k.Plan != nil {
		return planDir + "/" + planKey
	}
	return k.PlanAt
}

func (k *Kube) planMap() string { return k.Name + "-plan-" + k.digits() }

// jobName returns the name of the Job of a step, "index" or "analyze".
func (k *Kube) jobName(step string) string { return k.Name + "-" + step + "-" + k.digits() }

// digits returns a part of names that depends on the plan and the flags: an existing Job can't be
// changed, so other flags need another Job.
func (k *Kube) digits() string {
	asked := *k
	asked.Plan = nil               // PlanName identifies it
	text, _ := json.Marshal(asked) // strings and numbers never fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:4])
}

func (k *Kube) meta(name string) kubeMeta {
	return kubeMeta{Name: kubeText(name), Namespace: kubeText(k.Namespace), Labels: k.labels()}
}

func (k *Kube) labels() map[string]kubeText {
	return map[string]kubeText{"app.kubernetes.io/name": "peel", "app.kubernetes.io/instance": kubeText(k.Name)}
}

// literal escapes an argument or a value, so that Kubernetes expands no "$(NAME)" in it.
func literal(s string) string {
	var b []byte
	for i := range len(s) {
		if b = append(b, s[i]); s[i] == '$' {
			b = append(b, '$')
		}
	}
	return string(b)
}

func kubeTexts(all []string) []kubeText {
	out := make([]kubeText, len(all))
	for i, s := range all {
		out[i] = kubeText(s)
	}
	return out
}

// kubeText is a text that every YAML parser reads as a string: it is quoted unless it is plain, and
// several lines of plain characters become a block.
type kubeText string

// MarshalYAML returns the node of the text.
func (s kubeText) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(s), Style: yaml.DoubleQuotedStyle}
	switch {
	case plainText(string(s)):
		n.Style = 0
	case blockText(string(s)):
		n.Style = yaml.LiteralStyle
	}
	return n, nil
}

// IsZero reports whether the text is empty, so that it can be left out.
func (s kubeText) IsZero() bool { return s == "" }

// notStrings are plain words that some YAML parsers don't read as strings.
var notStrings = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// plainText reports whether s is a word of letters, digits and "-./_:" that begins with a
// letter or "/", ends without ":", and means nothing in YAML.
func plainText(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		inner := '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == ':'
		if !letter && c != '/' && (i == 0 || !inner) {
			return false
		}
	}
	return s != "" && s[len(s)-1] != ':' && !slices.Contains(notStrings, string(bytes.ToLower([]byte(s))))
}

// blockText reports whether s is complete lines of printable ASCII, and the first doesn't begin
// with a space.
func blockText(s string) bool {
	for i := range len(s) {
		if s[i] != '\n' && (s[i] < ' ' || s[i] > '~') {
			return false
		}
	}
	return len(s) > 1 && s[0] > ' ' && s[len(s)-1] == '\n' && s[len(s)-2] != '\n'
}
