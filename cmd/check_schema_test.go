package cmd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/peelhq/peel/analyze"
)

// TestRulesSchema checks that the schema accepts exactly the rules files that peel accepts.
func TestRulesSchema(t *testing.T) {
	s := schema(t, "peel.schema.json")
	for _, text := range []string{
		string(fileOf(analyze.NewRules())),
		"min-efficiency: 0.95", "min-efficiency: 95%", "min-efficiency: '0.95'", "min-efficiency: off", "min-efficiency: 1", "min-efficiency: 100%", "min-efficiency: 99.5 %", "min-efficiency: '1.0'", "min-efficiency: 0%",
		"min-efficiency: 95", "min-efficiency: 101%", "min-efficiency: -1", "min-efficiency: lots", "min-efficiency: '1.1'", "min-efficiency: [1]",
		"max-wasted: 20MB", "max-wasted: 20 MiB", "max-wasted: 512", "max-wasted: '512'", "max-wasted: 1.5GB", "max-wasted: 2k", "max-wasted: off", "max-wasted: 7b",
		"max-wasted: -5", "max-wasted: 1,5GB", "max-wasted: 10XB", "max-wasted: MB", "max-wasted: ''", "max-wasted: ~",
		"max-layers: 20", "max-layers: '20'", "max-layers: off", "max-layers: 2.5", "max-layers: -1", "max-layers: many", "max-layers: 20MB",
		"max-growth: 20MB", "max-growth: 5%", "max-growth: 250%", "max-growth: off", "max-growth: 512", "max-growth: 0.05", "max-growth: -5%", "max-growth: much",
		"max-wasted-growth: 1MB", "max-wasted-growth: 5%", "max-wasted-growth: 0.05", "max-wasted-growth: off", "base-current: on", "base-current: off", "base-current: 1", "min-finding: 1MB", "min-finding: off", "min-finding: 1%",
		"forbid: off", "forbid: '*.pem'", "forbid: ['*.pem', .git]", "forbid: []", "forbid: [off]", "forbid: ['']", "forbid: {a: b}", "forbid: [[a]]",
		"ignore: /var", "min-wasted: 1MB", "min-wasted: off", "min-wasted: 5%",
		"base: 3", "base: sha256:abc", "base: debian:12", "base: ''", "base: [a]",
		"max-layers: 3\nseverity: {max-layers: warn}", "severity: {min-efficiency: off}", "severity: {min-efficiency: error}",
		"severity: {min-efficiency: fatal}", "severity: {ignore: warn}", "severity: {}", "severity: warn", "severity: {base: off}",
		"dockerfile: build/Dockerfile", "dockerfile: none", "dockerfile: ''", "dockerfile: [a]", "baseline: app:main", "baseline: {a: b}",
		"images: [{name: app, max-size: 1GB, severity: {max-size: warn}, dockerfile: Dockerfile, baseline: app:main}]", "images: [{name: 'app/*', forbid: ['*.pem']}]",
		"images: []", "images: app", "images: [app]", "images: [{max-size: 1GB}]", "images: [{name: app, images: []}]", "images: [{name: ''}]", "images: [{name: app, max-sizes: 1GB}]", "images: [{name: app, max-layers: many}]",
		"waive: [{id: max-wasted, reason: why}]", "waive: [{rule: forbid, path: /a, reason: why, until: '2027-01-31', image: 'app*'}]", "waive: [{rule: waste, path: '*.pyc', reason: why}]",
		"waive: []", "waive: {id: a, reason: b}", "waive: [{id: a}]", "waive: [{reason: a}]", "waive: [{id: a, reason: ''}]", "waive: [{rule: forbid, reason: why}]", "waive: [{rule: none, path: /a, reason: why}]",
		"waive: [{id: a, rule: forbid, path: /a, reason: why}]", "waive: [{id: a, path: /a, reason: why}]", "waive: [{rule: forbid, path: '!/a', reason: why}]", "waive: [{id: a, reason: b, till: c}]", "waive: [{id: a, reason: b, until: '2027-02-30'}]", "waive: [{id: a, reason: b, until: soon}]",
		"extends: base.yaml", "extends: [base.yaml, ../b.yaml]", "extends: 'https://example.com/r.yaml#sha256:" + strings.Repeat("a1", 32) + "'", "extends: {url: 'https://example.com/r.yaml', sha256: " + strings.Repeat("b2", 32) + "}",
		"extends: []", "extends: ''", "extends: 'https://example.com/r.yaml'", "extends: 'https://example.com/r.yaml#sha256:abc'", "extends: {url: 'https://example.com/r.yaml'}", "extends: {sha256: " + strings.Repeat("b2", 32) + "}", "extends: {url: a, sha: b}", "extends: 'ftp://example.com/r.yaml#sha256:" + strings.Repeat("a1", 32) + "'",
		"max-layer: 3", "Max-Layers: 3", "{}", "[]", "max-size: 1GB\nmax-compressed-size: 1GB\nmax-layer-size: 1GB\nmax-files: 5\nmax-user-wasted: 5%",
	} {
		var v any
		if err := yaml.Load([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		if err != nil {
			t.Fatal(err)
		}
		bySchema := s.Validate(doc)
		byPeel := parseRules(analyze.NewRules(), peelFile, []byte(text), false)
		if (bySchema == nil) != (byPeel == nil) {
			t.Errorf("%s\n  the schema says: %v\n  peel says: %v", text, bySchema, byPeel)
		}
	}
}
