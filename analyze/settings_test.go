package analyze_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/cmd"
	"github.com/peelhq/peel/internal/testkit"
)

const (
	settingsPage   = "../docs/check.md"
	settingsSchema = "../docs/peel.schema.json"
)

// TestSettingsDocs checks that the documentation's table and the schema of the rules file match
// the settings.
func TestSettingsDocs(t *testing.T) {
	const begin, end = "<!-- settings: written by go test ./analyze -run SettingsDocs -update -->\n", "<!-- end of settings -->"
	page, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the markers around the table are missing")
	}
	if want := head + begin + settingsTable() + end + tail; want != string(page) {
		if !*update {
			t.Errorf("%s: the table of rules is out of date; run with -update", settingsPage)
		} else if err := os.WriteFile(settingsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Golden(t, settingsSchema, rulesSchema(t), *update)
}

// settingsTable returns the documentation's table of all settings.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| rule | value | passes when | default |\n|---|---|---|---|\n")
	for _, s := range analyze.Settings() {
		without, takes := analyze.Off, s.Kind.Name
		if s.Kind.Many {
			takes += "s"
		}
		if s.Kind.Many || !s.Kind.Off {
			without = "none"
		}
		if text := cmp.Or(s.Default, s.Without); text != "" {
			without = "`" + text + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s, such as `%s` | %s | %s |\n", s.Name, takes, s.Example, s.Text, without)
	}
	return b.String()
}

// rulesSchema returns the JSON Schema of a rules file.
func rulesSchema(t *testing.T) string {
	t.Helper()
	quote := func(text string) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(text); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(b.String())
	}
	var properties, ofImages, severities, kinds []string
	seen := map[*analyze.Kind]bool{}
	for _, s := range analyze.Settings() {
		properties = append(properties, fmt.Sprintf(`    %q: { "$ref": "#/$defs/%s", "description": %s },`, s.Name, s.Kind.Name, quote(s.Text)))
		ofImages = append(ofImages, fmt.Sprintf(`        %q: { "$ref": "#/$defs/%s" },`, s.Name, s.Kind.Name))
		if s.IsRule() {
			severities = append(severities, fmt.Sprintf(`        %q: { "$ref": "#/$defs/severity" }`, s.Name))
		}
		if !seen[s.Kind] {
			seen[s.Kind] = true
			kinds = append(kinds, fmt.Sprintf(`    %q: %s,`, s.Kind.Name, s.Kind.Schema))
		}
	}
	return `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "https://github.com/peelhq/peel/docs/peel.schema.json",
  "title": "peel: the rules file of peel check, .peel.yaml",
  "description": "docs/check.md describes the rules. A value that is a number can also be written as text.",
  "type": "object",
  "additionalProperties": false,
  "minProperties": 1,
  "properties": {
` + strings.Join(properties, "\n") + `
    "dockerfile": { "$ref": "#/$defs/dockerfile" },
    "baseline": { "$ref": "#/$defs/baseline" },
    "images": {
      "description": "Images with rules of their own, which override the rules for all images. Without an image on the command line, peel checks the images whose names aren't globs.",
      "type": "array",
      "minItems": 1,
      "maxItems": 1000,
      "items": { "$ref": "#/$defs/image" }
    },
    "waive": {
      "description": "Findings that you accept: one finding by its ID, or those of a rule at some paths.",
      "type": "array",
      "minItems": 1,
      "items": { "$ref": "#/$defs/waiver" }
    },
    "extends": {
      "description": "Rules files to start from, which this file overrides: paths in the repository, relative to this file, or URLs with digests.",
      "oneOf": [
        { "$ref": "#/$defs/extension" },
        { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/extension" } }
      ]
    },
    "severity": { "$ref": "#/$defs/severities" }
  },
  "$defs": {
    "severities": {
      "description": "The effect of a broken rule: error fails the check, warn doesn't, and off switches the rule off. For error and warn, the rule must have a limit.",
      "type": "object",
      "minProperties": 1,
      "additionalProperties": false,
      "properties": {
` + strings.Join(severities, ",\n") + `
      }
    },
    "image": {
      "type": "object",
      "required": ["name"],
      "additionalProperties": false,
      "properties": {
        "name": { "description": "The image's name as requested, its name without the tag, or a glob: registry.example/jobs/*.", "type": "string", "pattern": "\\S" },
` + strings.Join(ofImages, "\n") + `
        "dockerfile": { "$ref": "#/$defs/dockerfile" },
        "baseline": { "$ref": "#/$defs/baseline" },
        "severity": { "$ref": "#/$defs/severities" }
      }
    },
    "waiver": {
      "type": "object",
      "required": ["reason"],
      "additionalProperties": false,
      "properties": {
        "id": { "description": "The finding's ID, in full or short, as the check prints it. A rule's own finding has the rule's name as its ID.", "type": "string", "pattern": "\\S" },
        "rule": { "enum": [` + strings.Join(quotedAll(analyze.WaivableRules()), ", ") + `] },
        "path": { "description": "A glob: waives findings at these paths and below.", "type": "string", "pattern": "^\\s*[^!\\s]", "maxLength": 1024 },
        "image": { "description": "Waives only for images with this name, or whose names match this glob.", "type": "string", "pattern": "\\S" },
        "reason": { "type": "string", "pattern": "\\S" },
        "until": { "description": "The last day of the waiver.", "type": "string", "format": "date" }
      },
      "oneOf": [
        { "required": ["id"], "properties": { "rule": false, "path": false } },
        { "required": ["rule", "path"], "properties": { "id": false } }
      ]
    },
    "extension": {
      "oneOf": [
        { "description": "A path.", "type": "string", "pattern": "\\S", "not": { "pattern": "://" } },
        { "description": "A URL with its digest.", "type": "string", "pattern": "^https?://[^#]+#(sha256:)?[0-9a-fA-F]{64}$" },
        {
          "type": "object",
          "required": ["url", "sha256"],
          "additionalProperties": false,
          "properties": {
            "url": { "type": "string", "pattern": "^https?://" },
            "sha256": { "type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$" }
          }
        }
      ]
    },
    "dockerfile": { "description": "The Dockerfile, relative to this file. Findings name its lines. none: don't look for one.", "type": "string", "pattern": "\\S" },
    "baseline": { "description": "The baseline of max-growth and max-wasted-growth: an image, or a report of one.", "type": "string", "pattern": "\\S" },
` + strings.Join(kinds, "\n") + `
    "severity": { "enum": ["error", "warn", "off"] }
  }
}
`
}

// quotedAll returns words as JSON strings.
func quotedAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return out
}

// TestMadeUpRule checks that a rule is one value: once it's in the settings, it has a flag, a
// key in the rules file, a place in a new rules file, a name in dive's file, a severity, a
// result in its place in every form, and an entry in the documentation and the schema.
func TestMadeUpRule(t *testing.T) {
	before := settingsTable()
	analyze.MadeUpRule(t)
	if table := settingsTable(); table == before || !strings.Contains(table, "| `max-made-up` | count, such as `77` | There are at most this many entries that were made up. | off |") {
		t.Errorf("the documentation doesn't mention the rule:\n%s", table)
	}
	schema := rulesSchema(t)
	for _, want := range []string{
		`    "max-made-up": { "$ref": "#/$defs/count", "description": "There are at most this many entries that were made up." },`,
		`        "max-made-up": { "$ref": "#/$defs/severity" }`,
		`        "max-made-up": { "$ref": "#/$defs/count" },`,
	} {
		if !strings.Contains(schema, want) {
			t.Errorf("the schema lacks %s:\n%s", want, schema)
		}
	}
	f, err := testkit.Parse("-- layer --\nfile a 1\nfile b 2\n")
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() { // check asks engines for base images
		for name, value := range testkit.Unreachable {
			t.Setenv(name, value)
		}
	}
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("app.tar", string(testkit.ShapeNamed("docker-20").Archive(f)))
	write("rules.yaml", "max-made-up: 1\nforbid: c\nseverity: {max-made-up: warn}\n")
	write("dive.yaml", "rules: {highestMadeUp: 1}\n")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"check --help", 0, "--max-made-up"},
		{"check --help", 0, "Most entries that were made up"},
		{"check --init --config new.yaml --max-made-up 5 --warn max-made-up", 0, "wrote new.yaml"},
		{"check app.tar --config new.yaml", 0, "max-made-up"},
		{"check app.tar --max-made-up many", 2, "give a number"},
		{"check app.tar --warn nothing", 2, "base-current, max-made-up"},
		{"check app.tar --config rules.yaml", 0, "pass  setuid             none  (limit none)\n  warn  max-made-up           2  (limit 1)\n        → Make them up with care."},
		{"check app.tar --config rules.yaml --error max-made-up", 1, "FAIL  max-made-up"},
		{"check app.tar --config dive.yaml", 1, "FAIL  max-made-up"},
		{"check app.tar --max-made-up 1 -f json", 1, `"rule": "max-made-up"`},
		{"check app.tar --max-made-up 1 -f junit", 1, `<failure type="max-made-up" message="the number of entries is 2, more than 1">`},
		{"check app.tar --max-made-up 1 -f sarif", 1, `"text": "The image has at most so many made-up entries"`},
		{"check app.tar --max-made-up 1 -f sarif", 1, `"ruleId": "max-made-up"`},
		{"check app.tar --max-made-up 1 -f markdown", 1, "max-made-up"},
		{"check app.tar --max-made-up 1 -f github", 1, "Too many entries"},
		{"check app.tar --max-made-up 1 -f gitlab", 1, `"check_name": "max-made-up"`},
	} {
		var out, errs bytes.Buffer
		code := cmd.Main(strings.Fields(c.args), strings.NewReader(""), &out, &errs)
		if text := out.String() + errs.String(); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("peel %s: got exit code %d, want %d and %q in\n%s", c.args, code, c.code, c.want, text)
		}
	}
	made, err := os.ReadFile("new.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n# There are at most this many entries that were made up.\nmax-made-up: 5\n", "severity:\n  max-made-up: warn\n"} {
		if !strings.Contains(string(made), want) {
			t.Errorf("the new rules file lacks %q:\n%s", want, made)
		}
	}
}
