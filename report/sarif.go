package report

import (
	"encoding/json"
	"io"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

const (
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	home         = "https://github.com/peelhq/peel"
	rulesHelp    = home + "/blob/main/docs/check.md"
	resultsShown = 5000 // GitHub shows no more of a run, and refuses 25,000
)

// The types below are the part of SARIF 2.1.0 that is written; the names of keys
// are the standard's.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}

	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Properties  sarifImage        `json:"properties"`
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
		ShortDescription sarifText    `json:"shortDescription"`
		HelpURI          string       `json:"helpUri"`
		Default          sarifDefault `json:"defaultConfiguration"`
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

	// sarifImage is what the run is about: SARIF has no word for it.
	sarifImage struct {
		Image           *quoted `json:"image"`
		ImageID         *quoted `json:"imageId"`
		StoredBytes     int64   `json:"storedBytes"`
		WastedBytes     int64   `json:"wastedBytes"`
		Efficiency      float64 `json:"efficiency"`
		CompressedBytes *int64  `json:"compressedBytes"`
	}

	sarifResult struct {
		RuleID       quoted            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   sarifFinding      `json:"properties"`
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

	sarifRegion struct {
		StartLine int `json:"startLine"`
		EndLine   int `json:"endLine"`
	}

	sarifLogical struct {
		Name               quoted `json:"name"`
		FullyQualifiedName quoted `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}

	// sarifFinding is a finding as it is: raw text, null for what is unknown.
	sarifFinding struct {
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

// CheckSARIF writes the verdict as SARIF 2.1.0: one result for each finding, at
// its line of the Dockerfile; one without a line is laid at the first, as viewers
// refuse what has none, and says so in its properties ("lineKnown"). It fails
// only where w does.
func CheckSARIF(w io.Writer, v *Verdict) error {
	all := v.findings()
	t := v.Analysis.Totals
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "peel", Version: v.Version, InformationURI: home, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Successful: true}},
		Properties: sarifImage{
			Image: known(v.Analysis.Image.Name), ImageID: known(v.Analysis.Image.ID),
			StoredBytes: t.Stored, WastedBytes: t.Wasted, Efficiency: finite(t.Efficiency), CompressedBytes: knownInt(t.Compressed),
		},
		Results: []sarifResult{},
	}
	if left := len(all) - resultsShown; left > 0 {
		text := human.Count(left, "finding is", "findings are") + " left out, the least of them"
		run.Invocations[0].Notifications = []sarifNotification{{"warning", sarifText{quoted(text)}}}
		all = all[:resultsShown]
	}
	index := map[string]int{}
	rule := func(id string, s analyze.Severity) int {
		i, ok := index[id]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			index[id] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{quoted(id), sarifText{quoted(analyze.AboutRule(id))}, rulesHelp, sarifDefault{s.String()}})
		}
		return i
	}
	for _, r := range v.Outcome.Results {
		rule(r.Rule, r.Severity)
	}
	fallback := commonFile(all)
	for i := range all {
		f := &all[i]
		run.Results = append(run.Results, newSARIFResult(f, rule(f.Rule, f.Severity), fallback))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

func newSARIFResult(f *analyze.Finding, rule int, fallback string) sarifResult {
	file, first, last := spot(f, fallback)
	location := sarifLocation{Physical: sarifPhysical{newSARIFArtifact(file), sarifRegion{first, last}}}
	if f.Path != "" {
		location.Logical = []sarifLogical{{quoted(path.Base(f.Path)), quoted(f.Path), "resource"}}
	}
	// "[a](b)" would be a link in a message.
	text := strings.ReplaceAll(sentences(f), "](", "] (")
	sum := fingerprint(f)
	return sarifResult{
		RuleID: quoted(f.Rule), RuleIndex: rule, Level: f.Severity.String(), Message: sarifText{quoted(text)},
		Locations: []sarifLocation{location},
		// The first is the one that GitHub goes by.
		Fingerprints: map[string]string{"primaryLocationLineHash": sum[:16] + ":1", "peelFinding/v1": sum},
		Properties: sarifFinding{
			ID: quoted(f.ID), Path: known(f.Path), Layer: knownInt(f.Layer), Bytes: f.Bytes, Versions: f.Versions, Step: known(f.Step),
			LineKnown: f.Line != nil, LineSure: f.Line != nil && f.Line.Sure,
		},
	}
}

// drive is how a path of Windows begins.
var drive = regexp.MustCompile(`^[A-Za-z]:/`)

// newSARIFArtifact returns a file as a URI: one that is relative, as it should
// be, lies below the root of the repository.
func newSARIFArtifact(file string) sarifArtifact {
	switch {
	case drive.MatchString(file):
		return sarifArtifact{URI: quoted((&url.URL{Scheme: "file", Path: "/" + file}).String())}
	case path.IsAbs(file):
		return sarifArtifact{URI: quoted((&url.URL{Scheme: "file", Path: file}).String())}
	}
	return sarifArtifact{URI: quoted((&url.URL{Path: file}).String()), BaseID: "%SRCROOT%"}
}
