package report

// The types below are the used part of SARIF 2.1.0. Keys have the standard's
// names, and those in properties that GitHub reads have GitHub's. Source:
// docs.github.com, "SARIF support for code scanning".
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}

	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Properties  any               `json:"properties"` // sarifImage or sarifImages
		Results     []sarifResult     `json:"results"`
	}

	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}

	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}

	sarifRule struct {
		ID               quoted       `json:"id"`
		Name             quoted       `json:"name"`
		ShortDescription sarifText    `json:"shortDescription"`
		FullDescription  sarifText    `json:"fullDescription"`
		Help             sarifHelp    `json:"help"`
		HelpURI          string       `json:"helpUri"`
		Default          sarifDefault `json:"defaultConfiguration"`
		Properties       sarifQuality `json:"properties"`
	}

	sarifHelp struct {
		Text     quoted `json:"text"`
		Markdown quoted `json:"markdown"`
	}

	// sarifQuality has the values by which code scanning orders and filters.
	sarifQuality struct {
		Tags             []string `json:"tags"`
		Precision        string   `json:"precision"`
		ProblemSeverity  string   `json:"problem.severity"`
		SecuritySeverity string   `json:"security-severity,omitempty"`
	}

	sarifDefault struct {
		Level string `json:"level"`
	}

	sarifText struct {
		Text quoted `json:"text"`
	}

	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}

	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}

	// sarifImages is the subject of a run about several images.
	sarifImages struct {
		Images []sarifImage `json:"images"`
	}

	// sarifImage is the subject of the run, for which SARIF has no word.
	sarifImage struct {
		Image           *quoted  `json:"image"`
		ImageID         *quoted  `json:"imageId"`
		StoredBytes     *int64   `json:"storedBytes"`
		WastedBytes     *int64   `json:"wastedBytes"`
		Efficiency      *float64 `json:"efficiency"`
		CompressedBytes *int64   `json:"compressedBytes"`
		OwnEfficiency   *float64 `json:"ownEfficiency"`
		Base            *baseRow `json:"base"`
	}

	sarifResult struct {
		RuleID       quoted             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   sarifFinding       `json:"properties"`
	}

	// sarifSuppression says why a result no longer counts.
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification quoted `json:"justification"`
	}

	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}

	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}

	sarifArtifact struct {
		URI    quoted `json:"uri"`
		BaseID string `json:"uriBaseId,omitempty"`
	}

	// sarifRegion is a range of whole lines, because only an instruction's lines are known.
	// GitHub requires the columns.
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}

	sarifLogical struct {
		Name               quoted `json:"name"`
		FullyQualifiedName quoted `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}

	// sarifFinding is a finding with raw text, and null for unknown values.
	sarifFinding struct {
		Image     quoted  `json:"image"`
		ID        quoted  `json:"findingId"`
		Path      *quoted `json:"path"`
		Layer     *int    `json:"layer"`
		Bytes     int64   `json:"bytes"`
		Versions  int     `json:"versions"`
		Step      *quoted `json:"step"`
		LineKnown bool    `json:"lineKnown"`
		LineSure  bool    `json:"lineSure"`
	}
)
