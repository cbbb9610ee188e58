package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/peelhq/peel/internal/lazy"
)

// Kubernetes' limits, from its API's validation.
const (
	maxKubeName   = 30      // characters of Kube.Name: a CronJob's name has at most 52, the name of an Indexed Job's pod 63, including suffixes
	maxKubeObject = 253     // characters of the name of a Secret
	maxKubeShards = 10_000  // completions; other limits apply from 100,000
	maxKubeMemory = 1 << 50 // bytes
	maxStorePath  = 900     // bytes of a store's prefix; the names of objects follow it, and S3 takes 1,024 in all

	// MinKubeMemory is the minimum memory of a pod, in bytes: a shard takes up to 300 MB, and the
	// kernel also counts pages of files.
	MinKubeMemory = 384 << 20

	// MaxConfigMap is the maximum number of bytes of a plan, written as JSON, in a ConfigMap for
	// kubectl apply, which repeats the object in an annotation: all annotations together have at
	// most 256 KiB.
	MaxConfigMap = 240 << 10
)

// ErrPlanTooLarge says that a plan doesn't fit into a ConfigMap.
var ErrPlanTooLarge = errors.New("the plan is too large for a ConfigMap")

var (
	kubeLabel    = lazy.New(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	kubeObject   = lazy.New(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	kubeVariable = lazy.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
	kubeQuantity = lazy.New(`^(\d{1,9})(Mi|Gi|M|G)$`)
	kubeCPU      = lazy.New(`^([1-9][0-9]{0,2}|[1-9][0-9]{0,5}m|0\.[0-9]{1,3}|[1-9][0-9]{0,2}\.[0-9]{1,3})$`)
	cronField    = lazy.New(`^[0-9A-Za-z*/,?-]+$`)
	storeBucket  = lazy.New(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	storePath    = lazy.New(`^[A-Za-z0-9_=-][A-Za-z0-9._=-]*(/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*$`)
	secretName   = lazy.New(`(?i)(secret|password|passwd|token|credential|access_key|private_key|api_?key)`)
)

// ownVariables are set in every pod, or can be.
var ownVariables = []string{"HOME", "DOCKER_CONFIG", "JOB_COMPLETION_INDEX"}

// cronNames are the schedules that have names.
var cronNames = []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}

// A KubeError says which value of a Kube is wrong, and why.
type KubeError struct {
	Field string // the flag's name: "image"
	Err   error
}

func (e *KubeError) Error() string { return "--" + e.Field + ": " + e.Err.Error() }
func (e *KubeError) Unwrap() error { return e.Err }

// Check returns a KubeError for the first value that is missing, that Kubernetes would refuse,
// or with which a Job could only fail.
func (k *Kube) Check() error {
	for _, c := range []struct {
		field string
		check func() error
	}{
		{"image", func() error { return checkKubeImage(k.Image) }},
		{"to", func() error { return checkStoreURL(k.To) }},
		{"plan", k.checkPlan},
		{"name", func() error { return checkName(k.Name, kubeLabel, maxKubeName) }},
		{"namespace", func() error { return optionalName(k.Namespace, kubeLabel, 63) }},
		{"shards", func() error { return within(k.Shards, 1, maxKubeShards) }},
		{"parallelism", func() error { return within(k.Parallelism, 1, maxKubeShards) }},
		{"retries", func() error { return within(k.Retries, 0, 100) }},
		{"max-failed", func() error { return within(k.MaxFailed, 0, maxKubeShards) }},
		{"memory", func() error { return checkMemory(k.Memory) }},
		{"cpu", func() error { return checkCPU(k.CPU) }},
		{"pull-secret", func() error { return optionalName(k.PullSecret, kubeObject, maxKubeObject) }},
		{"registry-secret", func() error { return optionalName(k.RegistrySecret, kubeObject, maxKubeObject) }},
		{"store-secret", func() error { return optionalName(k.StoreSecret, kubeObject, maxKubeObject) }},
		{"service-account", func() error { return optionalName(k.ServiceAccount, kubeObject, maxKubeObject) }},
		{"env", k.checkEnv},
		{"cron", func() error { return checkCron(k.Cron) }},
		{"cron-analyze", k.checkCronAnalyze},
	} {
		if err := c.check(); err != nil {
			return &KubeError{c.field, err}
		}
	}
	return nil
}

func checkKubeImage(image string) error {
	if image == "" {
		return errors.New("the container image of peel is missing")
	}
	ref, err := reference.Parse(image)
	if err != nil {
		return fmt.Errorf("%q is not the name of an image: %w", image, err)
	}
	if _, named := ref.(reference.Named); !named {
		return fmt.Errorf("%q is a digest without a name", image)
	}
	return nil
}

// checkStoreURL checks s3://BUCKET[/PREFIX].
func checkStoreURL(url string) error {
	rest, s3 := strings.CutPrefix(url, "s3://")
	if !s3 {
		return fmt.Errorf("%q: a pod cannot see folders of this machine: use s3://BUCKET/PREFIX", url)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if !storeBucket.MatchString(bucket) {
		return fmt.Errorf("%q: the bucket's name is not valid", url)
	}
	if key = strings.TrimSuffix(key, "/"); key != "" && (len(key) > maxStorePath || !storePath.MatchString(key)) {
		return fmt.Errorf("%q: use letters, digits and -._= in the path, with / between names that do not begin with a dot", url)
	}
	return nil
}

func (k *Kube) checkPlan() error {
	if k.Plan == nil {
		if k.PlanAt == "" {
			return errors.New("the place where the pods find the plan is missing: use s3://BUCKET/PATH")
		}
		return checkStoreURL(k.PlanAt)
	}
	text, err := json.Marshal(string(k.Plan))
	if err != nil {
		return err
	}
	if len(text) > MaxConfigMap {
		return fmt.Errorf("%w: it would have %d bytes there, more than %d", ErrPlanTooLarge, len(text), MaxConfigMap)
	}
	return nil
}

func checkName(name string, form *lazy.Regexp, most int) error {
	if len(name) > most || !form.MatchString(name) {
		return fmt.Errorf("%q: use lower-case letters, digits and -, at most %d characters", name, most)
	}
	return nil
}

func optionalName(name string, form *lazy.Regexp, most int) error {
	if name == "" {
		return nil
	}
	return checkName(name, form, most)
}

func within(n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%d is not between %d and %d", n, least, most)
	}
	return nil
}

func checkMemory(quantity string) error {
	m := kubeQuantity.FindStringSubmatch(quantity)
	if m == nil {
		return fmt.Errorf("%q: use a number with Mi, Gi, M or G", quantity)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return err
	}
	n *= map[string]int64{"Mi": 1 << 20, "Gi": 1 << 30, "M": 1e6, "G": 1e9}[m[2]]
	if n < MinKubeMemory || n > maxKubeMemory {
		return fmt.Errorf("%s: a shard needs at least %dMi", quantity, MinKubeMemory>>20)
	}
	return nil
}

func checkCPU(quantity string) error {
	if !kubeCPU.MatchString(quantity) || strings.Trim(quantity, "0.") == "" {
		return fmt.Errorf("%q: use a number of cores (2, 0.5) or of thousandths (500m)", quantity)
	}
	return nil
}

func (k *Kube) checkEnv() error {
	for _, e := range k.Env {
		name, value, ok := strings.Cut(e, "=")
		switch {
		case !ok || !kubeVariable.MatchString(name):
			return fmt.Errorf("%q: use NAME=VALUE", name)
		case secretName.MatchString(name):
			return fmt.Errorf("%s looks like a secret, and everyone who may read the Job would see it: use --store-secret or --registry-secret", name)
		case slices.Contains(ownVariables, name), slices.ContainsFunc(storeKeys, func(key storeKey) bool { return key.name == name }):
			return fmt.Errorf("%s is already set", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
			return fmt.Errorf("the value of %s has control characters or is not UTF-8", name)
		}
	}
	return nil
}

func checkCron(schedule string) error {
	if schedule == "" || slices.Contains(cronNames, schedule) {
		return nil
	}
	fields := strings.Fields(schedule)
	if len(fields) != 5 || slices.ContainsFunc(fields, func(f string) bool { return !cronField.MatchString(f) }) {
		return fmt.Errorf("%q: use five fields (minute, hour, day, month, weekday) or %s", schedule, strings.Join(cronNames, ", "))
	}
	return nil
}

func (k *Kube) checkCronAnalyze() error {
	switch {
	case k.Cron == "" && k.CronAnalyze != "":
		return errors.New("it needs --cron")
	case k.Cron != "" && k.CronAnalyze == "":
		return errors.New("the schedule of the analysis, which --cron needs, is missing")
	case k.Cron != "" && k.Plan != nil:
		return errors.New("a schedule reads the same plan each time: put it in the store, where you can replace it, and name it with --plan s3://BUCKET/PATH")
	}
	return checkCron(k.CronAnalyze)
}
