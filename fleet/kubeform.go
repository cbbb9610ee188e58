package fleet

// The types below are the parts of Kubernetes' objects that peel writes. Their fields are its keys,
// in the order of its documentation.
type (
	kubeMeta struct {
		Name      kubeText            `yaml:"name"`
		Namespace kubeText            `yaml:"namespace,omitempty"`
		Labels    map[string]kubeText `yaml:"labels"`
	}

	kubeAccount struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   kubeMeta `yaml:"metadata"`
		Automount  bool     `yaml:"automountServiceAccountToken"`
	}

	kubeConfigMap struct {
		APIVersion string              `yaml:"apiVersion"`
		Kind       string              `yaml:"kind"`
		Metadata   kubeMeta            `yaml:"metadata"`
		Immutable  bool                `yaml:"immutable"`
		Data       map[string]kubeText `yaml:"data"`
	}

	kubeJob struct {
		APIVersion string      `yaml:"apiVersion"`
		Kind       string      `yaml:"kind"`
		Metadata   kubeMeta    `yaml:"metadata"`
		Spec       kubeJobSpec `yaml:"spec"`
	}

	kubeCronJob struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   kubeMeta `yaml:"metadata"`
		Spec       struct {
			Schedule    kubeText `yaml:"schedule"`
			Concurrency string   `yaml:"concurrencyPolicy"`
			Succeeded   int      `yaml:"successfulJobsHistoryLimit"`
			Failed      int      `yaml:"failedJobsHistoryLimit"`
			Template    struct {
				Metadata kubeLabels  `yaml:"metadata"`
				Spec     kubeJobSpec `yaml:"spec"`
			} `yaml:"jobTemplate"`
		} `yaml:"spec"`
	}

	kubeLabels struct {
		Labels map[string]kubeText `yaml:"labels"`
	}

	kubeJobSpec struct {
		Completions int    `yaml:"completions"`
		Parallelism int    `yaml:"parallelism"`
		Mode        string `yaml:"completionMode"`
		Retries     int    `yaml:"backoffLimitPerIndex"`
		MaxFailed   int    `yaml:"maxFailedIndexes"`
		Failure     struct {
			Rules []kubeFailureRule `yaml:"rules"`
		} `yaml:"podFailurePolicy"`
		Suspend  bool `yaml:"suspend,omitempty"`
		Keep     int  `yaml:"ttlSecondsAfterFinished"`
		Template struct {
			Metadata kubeLabels  `yaml:"metadata"`
			Spec     kubePodSpec `yaml:"spec"`
		} `yaml:"template"`
	}

	kubeFailureRule struct {
		Action       string          `yaml:"action"`
		OnExitCodes  *kubeExitCodes  `yaml:"onExitCodes,omitempty"`
		OnConditions []kubeCondition `yaml:"onPodConditions,omitempty"`
	}

	kubeExitCodes struct {
		Container string `yaml:"containerName"`
		Operator  string `yaml:"operator"`
		Values    []int  `yaml:"values,flow"`
	}

	kubeCondition struct {
		Type   string   `yaml:"type"`
		Status kubeText `yaml:"status"`
	}

	kubePodSpec struct {
		Restart      string              `yaml:"restartPolicy"`
		Account      kubeText            `yaml:"serviceAccountName"`
		Automount    bool                `yaml:"automountServiceAccountToken"`
		ServiceLinks bool                `yaml:"enableServiceLinks"`
		Grace        int                 `yaml:"terminationGracePeriodSeconds"`
		Security     kubePodSecurity     `yaml:"securityContext"`
		PullSecrets  []kubeName          `yaml:"imagePullSecrets,omitempty"`
		Containers   []kubeContainerSpec `yaml:"containers"`
		Volumes      []kubeVolume        `yaml:"volumes"`
	}

	kubePodSecurity struct {
		NonRoot bool `yaml:"runAsNonRoot"`
		User    int  `yaml:"runAsUser"`
		Group   int  `yaml:"runAsGroup"`
		FSGroup int  `yaml:"fsGroup"`
		Seccomp struct {
			Type string `yaml:"type"`
		} `yaml:"seccompProfile"`
	}

	kubeContainerSpec struct {
		Name      string     `yaml:"name"`
		Image     kubeText   `yaml:"image"`
		Args      []kubeText `yaml:"args"`
		Env       []kubeEnv  `yaml:"env"`
		Resources struct {
			Requests map[string]kubeText `yaml:"requests"`
			Limits   map[string]kubeText `yaml:"limits"`
		} `yaml:"resources"`
		Security struct {
			Escalation   bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRoot bool `yaml:"readOnlyRootFilesystem"`
			Capabilities struct {
				Drop []string `yaml:"drop,flow"`
			} `yaml:"capabilities"`
		} `yaml:"securityContext"`
		Mounts []kubeMount `yaml:"volumeMounts"`
	}

	kubeEnv struct {
		Name  string       `yaml:"name"`
		Value kubeText     `yaml:"value,omitempty"`
		From  *kubeEnvFrom `yaml:"valueFrom,omitempty"`
	}

	kubeEnvFrom struct {
		Secret kubeKey `yaml:"secretKeyRef"`
	}

	kubeKey struct {
		Name     kubeText `yaml:"name"`
		Key      string   `yaml:"key"`
		Optional bool     `yaml:"optional,omitempty"`
	}

	kubeMount struct {
		Name     string `yaml:"name"`
		Path     string `yaml:"mountPath"`
		ReadOnly bool   `yaml:"readOnly,omitempty"`
	}

	kubeVolume struct {
		Name      string        `yaml:"name"`
		EmptyDir  *kubeEmptyDir `yaml:"emptyDir,omitempty"`
		ConfigMap *kubeName     `yaml:"configMap,omitempty"`
		Secret    *kubeSecret   `yaml:"secret,omitempty"`
	}

	kubeEmptyDir struct {
		Limit string `yaml:"sizeLimit"`
	}

	kubeName struct {
		Name kubeText `yaml:"name"`
	}

	kubeSecret struct {
		Name  kubeText   `yaml:"secretName"`
		Mode  int        `yaml:"defaultMode"`
		Items []kubeItem `yaml:"items"`
	}

	kubeItem struct {
		Key  string `yaml:"key"`
		Path string `yaml:"path"`
	}
)
