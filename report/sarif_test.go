package report

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// GitHub's limits on SARIF files. Source: docs.github.com, "SARIF support for code scanning",
// "Supported SARIF output file properties" and "Validating your SARIF file".
const (
	githubBytes     = 10 << 20 // compressed with gzip
	githubRuns      = 20
	githubResults   = 25_000
	githubShown     = 5_000
	githubRules     = 25_000
	githubLocations = 10
	githubTags      = 10 // shown; it accepts 20
)

// ingested fails the test if GitHub would reject a SARIF file, drop a part of it, or take two
// results for the same one.
func ingested(t *testing.T, text string) {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, text); err != nil || z.Close() != nil || packed.Len() > githubBytes {
		t.Errorf("%v, %d bytes as gzip", err, packed.Len())
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	required(t, "the log", doc, "$schema", "version")
	if doc["version"] != "2.1.0" {
		t.Errorf("got version %v", doc["version"])
	}
	runs := list(doc["runs"])
	if len(runs) == 0 || len(runs) > githubRuns {
		t.Errorf("got %d runs, want 1 to %d", len(runs), githubRuns)
	}
	for _, r := range runs {
		run := r.(map[string]any)
		driver := run["tool"].(map[string]any)["driver"].(map[string]any)
		required(t, "the driver", driver, "name")
		rules := list(driver["rules"])
		if driver["rules"] == nil || len(rules) > githubRules {
			t.Errorf("got %d rules, want a list of at most %d", len(rules), githubRules)
		}
		ids := map[string]bool{}
		for _, rule := range rules {
			ingestedRule(t, rule.(map[string]any))
			id := rule.(map[string]any)["id"].(string)
			if ids[id] {
				t.Errorf("rule %q appears twice", id)
			}
			ids[id] = true
		}
		results := list(run["results"])
		if run["results"] == nil || len(results) > min(githubResults, githubShown) {
			t.Errorf("got %d results, want a list of at most %d", len(results), min(githubResults, githubShown))
		}
		seen := map[string]bool{}
		for _, result := range results {
			ingestedResult(t, result.(map[string]any), rules, seen)
		}
	}
}

func ingestedRule(t *testing.T, rule map[string]any) {
	t.Helper()
	required(t, "a rule", rule, "id", "shortDescription.text", "fullDescription.text", "help.text", "help.markdown")
	for path, most := range map[string]int{"name": 255, "shortDescription.text": 1024, "fullDescription.text": 1024} {
		if s, _ := at(rule, path).(string); utf8.RuneCountInString(s) > most {
			t.Errorf("%s of rule %v has %d characters", path, rule["id"], utf8.RuneCountInString(s))
		}
	}
	properties := rule["properties"].(map[string]any)
	if tags := list(properties["tags"]); len(tags) > githubTags {
		t.Errorf("got %d tags, want at most %d", len(tags), githubTags)
	}
	oneOf(t, properties["precision"], "very-high", "high", "medium", "low")
	oneOf(t, properties["problem.severity"], "error", "warning", "recommendation")
	oneOf(t, at(rule, "defaultConfiguration.level"), "note", "warning", "error")
	if s, ok := properties["security-severity"]; ok {
		if n, err := strconv.ParseFloat(s.(string), 64); err != nil || n <= 0 || n > 10 || !slices.Contains(list(properties["tags"]), any("security")) {
			t.Errorf("security-severity %v, tags %v", s, properties["tags"])
		}
	}
}

// lineHash matches the value that GitHub's own action writes for primaryLocationLineHash.
var lineHash = regexp.MustCompile(`^[0-9a-f]+:\d+$`)

func ingestedResult(t *testing.T, result map[string]any, rules []any, seen map[string]bool) {
	t.Helper()
	required(t, "a result", result, "message.text", "partialFingerprints.primaryLocationLineHash", "partialFingerprints.peelFinding/v1")
	oneOf(t, result["level"], "note", "warning", "error")
	if i := int(result["ruleIndex"].(float64)); i >= len(rules) || rules[i].(map[string]any)["id"] != result["ruleId"] {
		t.Errorf("rule %d isn't %v", i, result["ruleId"])
	}
	locations := list(result["locations"])
	if len(locations) == 0 || len(locations) > githubLocations {
		t.Errorf("got %d locations, want 1 to %d", len(locations), githubLocations)
	}
	for _, l := range locations {
		place := l.(map[string]any)["physicalLocation"].(map[string]any)
		required(t, "a location", place, "artifactLocation.uri", "region.startLine", "region.startColumn", "region.endLine", "region.endColumn")
		region := place["region"].(map[string]any)
		from, to := region["startLine"].(float64), region["endLine"].(float64)
		if from < 1 || to < from || from == to && region["endColumn"].(float64) <= region["startColumn"].(float64) {
			t.Errorf("got region %v", region)
		}
	}
	for _, name := range []string{"primaryLocationLineHash", "peelFinding/v1"} {
		sum := result["partialFingerprints"].(map[string]any)[name].(string)
		if seen[sum] || name == "primaryLocationLineHash" && !lineHash.MatchString(sum) {
			t.Errorf("fingerprint %s is a duplicate or not a hash: %s", name, sum)
		}
		seen[sum] = true
	}
	for _, s := range list(result["suppressions"]) {
		required(t, "a suppression", s.(map[string]any), "kind", "justification")
	}
}

// required fails the test if a key is missing or empty. A key may be a path such as "a.b".
func required(t *testing.T, what string, of map[string]any, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if v := at(of, path); v == nil || v == "" {
			t.Errorf("%s has no %s: %v", what, path, of)
		}
	}
}

// at returns the value at a path such as "a.b", or nil.
func at(of map[string]any, path string) any {
	first, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return of[first]
	}
	inner, _ := of[first].(map[string]any)
	return at(inner, rest)
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func oneOf(t *testing.T, v any, values ...string) {
	t.Helper()
	if s, _ := v.(string); !slices.Contains(values, s) {
		t.Errorf("%v isn't one of %q", v, values)
	}
}

// TestSARIFIngestion checks that GitHub would accept the SARIF of every verdict: of one image,
// of several, with hostile text, and with far too many findings.
func TestSARIFIngestion(t *testing.T) {
	all := several(t)
	for name, v := range verdicts(t) {
		t.Run(name, func(t *testing.T) { ingested(t, written(t, CheckSARIF, v)) })
	}
	t.Run("several images", func(t *testing.T) {
		text := writtenOf(t, CheckSARIF, all)
		ingested(t, text)
		if strings.Count(text, `"driver"`) != 1 {
			t.Error("got more than one run")
		}
	})
	for i, text := range hostile {
		t.Run(fmt.Sprint("hostile ", i), func(t *testing.T) { ingested(t, written(t, CheckSARIF, hostileVerdict(t, text))) })
	}
	t.Run("too many", func(t *testing.T) {
		testkit.Long(t, "it reads 30,000 findings")
		v := verdicts(t)["failed"]
		for n := range 30_000 {
			v.Outcome.Findings = append(v.Outcome.Findings, analyze.Finding{ID: fmt.Sprint("waste/", n), Rule: "waste", Layer: 1, Title: "x", Message: strings.Repeat("y", 900)})
		}
		ingested(t, written(t, CheckSARIF, v))
	})
	t.Run("the finding appears twice", func(t *testing.T) {
		v := verdicts(t)["failed"]
		v.Outcome.Findings = append(v.Outcome.Findings, v.Outcome.Findings...)
		ingested(t, written(t, CheckSARIF, v))
	})
	t.Run("a secret", func(t *testing.T) {
		v := verdicts(t)["passed"]
		v.Outcome.Findings = []analyze.Finding{{ID: "secret/a", Rule: analyze.RuleSecret, Severity: analyze.Warning, Title: "x", Layer: 0, Path: "/a"}}
		text := written(t, CheckSARIF, v)
		ingested(t, text)
		if !strings.Contains(text, `"security-severity": "8.0"`) {
			t.Error("the finding isn't about security")
		}
	})
}

// several returns the verdicts of a check of several images. Two share a name, one can't be
// loaded, and one has waivers.
func several(t *testing.T) []*Verdict {
	t.Helper()
	all := verdicts(t)
	failed, passed := all["failed"], all["passed"]
	failed.Name, failed.Key = "registry.example/app:1", "registry.example/app"
	passed.Name, passed.Key = "registry.example/app:2", "registry.example/app"
	waiver := func(w analyze.Waiver) *analyze.Waiver {
		got, err := analyze.NewWaiver(w)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	o := *failed.Outcome
	o.Results, o.Findings = results(), sampleFindings()
	o.Waive([]*analyze.Waiver{
		waiver(analyze.Waiver{Rule: "forbid", Path: "/srv/app", Reason: "a key for tests", Until: "2027-01-31", From: ".peel.yaml:9"}),
		waiver(analyze.Waiver{ID: "max-layers", Reason: "the base has three", From: ".peel.yaml:12"}),
		waiver(analyze.Waiver{ID: "gone", Reason: "for the release", Until: "2025-12-31", From: ".peel.yaml:15"}),
	}, "2026-11-26")
	failed.Outcome = &o
	return []*Verdict{failed, passed, {Name: "job:3 linux/arm64", Key: "job linux/arm64", Err: errors.New("cannot open job:3: no engine has it")}}
}

func writtenOf(t *testing.T, write func(io.Writer, ...*Verdict) error, vs []*Verdict) string {
	t.Helper()
	shown := make([]*Verdict, len(vs))
	for i, v := range vs {
		as := *v
		as.Layout = onScreen
		shown[i] = &as
	}
	var b bytes.Buffer
	if err := write(&b, shown...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
