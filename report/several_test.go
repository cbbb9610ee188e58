package report

import (
	"encoding/json"
	"encoding/xml"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestSeveralGoldens checks that every form has all images in one document: the failed, the
// passed and the unreadable ones, and also waived findings with their reasons.
func TestSeveralGoldens(t *testing.T) {
	vs := several(t)
	schemas := schemasOf(t)
	for _, form := range checkForms {
		t.Run(form.name, func(t *testing.T) {
			got := writtenOf(t, form.write, vs)
			testkit.Golden(t, filepath.Join("..", "testdata", "check", "several."+form.end), got, *update)
			for _, want := range []string{"registry.example/app:1", "job:3 linux/arm64", "no engine has it"} {
				if !strings.Contains(strings.ReplaceAll(got, "%3A", ":"), want) {
					t.Errorf("output lacks %q", want)
				}
			}
			reasons := strings.Contains(got, "a key for tests") && strings.Contains(got, "the base has three")
			if left := form.name == "gitlab" || form.name == "github"; reasons == left {
				t.Errorf("contains the reasons of waivers: %t", reasons)
			}
			switch form.name {
			case "json":
				valid(t, schemas["checks"], got)
			case "sarif", "gitlab":
				valid(t, schemas[form.name], got)
			case "junit":
				checkXML(t, got)
			case "markdown":
				checkMarkdown(t, got)
			case "github":
				checkCommands(t, got)
			case "text":
				fits(t, got)
			}
		})
	}
}

// TestImagesApart checks that images have separate fingerprints, test names and comment marks,
// even if each is checked in a separate step.
func TestImagesApart(t *testing.T) {
	v := verdicts(t)["failed"]
	as := func(name, key string) *Verdict {
		other := *v
		other.Name, other.Key = name, key
		return &other
	}
	prints := regexp.MustCompile(`"fingerprint": "([0-9a-f]{64})"`)
	of := func(vs ...*Verdict) map[string]bool {
		all := map[string]bool{}
		for _, m := range prints.FindAllStringSubmatch(writtenOf(t, CheckGitLab, vs), -1) {
			if all[m[1]] {
				t.Errorf("two issues have the fingerprint %s", m[1])
			}
			all[m[1]] = true
		}
		if len(all) != len(v.findings())*len(vs) {
			t.Errorf("%d fingerprints", len(all))
		}
		return all
	}
	of(as("app:1", ""), as("app:2", ""), as("app:2", ""), as("job:1", ""))
	app, job := of(as("app:1", "")), of(as("job:1", ""))
	for sum := range of(as("app:9f3c1", "")) {
		if !app[sum] || job[sum] {
			t.Error("a fingerprint changes in the next build, or belongs to another image too")
		}
	}
	mark := func(v *Verdict) string {
		line, _, _ := strings.Cut(written(t, CheckMarkdown, v), "\n")
		if !regexp.MustCompile(`^<!-- peel check [0-9a-f]{12} -->$`).MatchString(line) {
			t.Errorf("got mark %q", line)
		}
		return line
	}
	other := as("app:1", "")
	o := *other.Outcome
	o.RulesFrom = "strict.yaml"
	other.Outcome = &o
	if a := mark(as("app:1", "")); a != mark(as("app:2", "")) || a == mark(as("job:1", "")) || a == mark(other) {
		t.Error("a comment's mark isn't specific to its image and rules")
	}
	var doc struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Class string `xml:"classname,attr"`
				Name  string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(writtenOf(t, CheckJUnit, []*Verdict{as("registry.example/app:1", ""), as("job:1", "")})), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Suites) != 2 || doc.Suites[0].Name != "peel check registry.example/app:1" || doc.Suites[0].Cases[0].Class != "peel.check.registry_example/app" || doc.Suites[1].Cases[0].Class != "peel.check.job" {
		t.Errorf("got suites %+v", doc.Suites)
	}
}

func TestImageKey(t *testing.T) {
	for name, want := range map[string]string{
		"app:1": "app", "app": "app", "docker://app:1": "app", "localhost:5000/a/app:9f3c": "localhost:5000/a/app",
		"registry.example/app@sha256:0b2f594f273eeedf2fcf7f6d1315e9140eabbcf2755ba6f3136e2d68887b35c2":   "registry.example/app",
		"registry.example/app:1@sha256:0b2f594f273eeedf2fcf7f6d1315e9140eabbcf2755ba6f3136e2d68887b35c2": "registry.example/app",
		"build/image.tar": "build/image.tar", "-": "-", "image.tar:app:2": "image.tar:app", ":1": ":1", `C:\x\image.tar`: `C:\x\image.tar`,
	} {
		if got := ImageKey(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestManyImages checks that a comment about very many images has a table within its bounds,
// and sections only if they fit.
func TestManyImages(t *testing.T) {
	v := verdicts(t)["failed"]
	var vs []*Verdict
	for range 500 {
		vs = append(vs, v)
	}
	checkMarkdown(t, writtenOf(t, CheckMarkdown, vs))
	var doc struct{ Images []struct{ Key string } }
	if err := json.Unmarshal([]byte(writtenOf(t, CheckJSON, vs)), &doc); err != nil || len(doc.Images) != 500 || doc.Images[0].Key == doc.Images[1].Key {
		t.Errorf("%v, %d images", err, len(doc.Images))
	}
	ingested(t, writtenOf(t, CheckSARIF, vs))
	checkCommands(t, writtenOf(t, CheckGitHub, vs))
}
