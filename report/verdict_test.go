package report

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// checkForms lists all forms of a check, with the suffixes of their goldens' names.
var checkForms = []struct {
	name, end string
	write     func(io.Writer, ...*Verdict) error
}{
	{"text", "txt", CheckText},
	{"json", "json", CheckJSON},
	{"junit", "junit.xml", CheckJUnit},
	{"sarif", "sarif", CheckSARIF},
	{"markdown", "md", CheckMarkdown},
	{"github", "github.txt", CheckGitHub},
	{"gitlab", "gitlab.json", CheckGitLab},
}

// faulty is an image with a file that three steps wrote.
const faulty = `
-- image app:2 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "COPY model.bin /srv/app/ # buildkit"
step "RUN /bin/sh -c chmod 600 /srv/app/model.bin # buildkit"
step "RUN /bin/sh -c rm /srv/app/model.bin # buildkit"
-- layer --
file etc/os-release 200
-- layer --
file srv/app/model.bin 20000 seed=m
-- layer --
file srv/app/model.bin 20000 seed=m mode=0600
-- layer --
file srv/app/.wh.model.bin
`

// results returns one result each that passed, warned, failed and could not be checked.
func results() []analyze.Result {
	return []analyze.Result{
		{Rule: "min-efficiency", Severity: analyze.Error, Value: "99.0 %", Limit: "90.0 %", Message: "efficiency is 99.0 %, at least 90.0 %", Number: &analyze.Quantity{Unit: analyze.UnitRatio, Ratio: 0.99}, Bound: &analyze.Quantity{Unit: analyze.UnitRatio, Ratio: 0.9}},
		{Rule: "max-layers", Severity: analyze.Warning, Failed: true, Value: "4", Limit: "3", Message: "the image has 4 layers, more than 3", Number: &analyze.Quantity{Unit: analyze.UnitCount, N: 4}, Bound: &analyze.Quantity{Unit: analyze.UnitCount, N: 3}},
		{Rule: "max-wasted", Severity: analyze.Error, Failed: true, Value: "40.0 kB", Limit: "10.0 kB", Message: "waste is 40.0 kB, more than 10.0 kB", Number: &analyze.Quantity{Unit: analyze.UnitBytes, N: 40000}, Bound: &analyze.Quantity{Unit: analyze.UnitBytes, N: 10000}},
		{Rule: "max-growth", Severity: analyze.Error, Unchecked: true, Value: "unknown", Limit: "5.0 %", Message: "max-growth is not checked: no baseline", Bound: &analyze.Quantity{Unit: analyze.UnitRatio, Ratio: 0.05}},
	}
}

// sampleFindings returns one finding of each severity, and findings about rules as a whole.
func sampleFindings() []analyze.Finding {
	return []analyze.Finding{
		{
			ID: "max-wasted", Rule: "max-wasted", Severity: analyze.Error, Title: "Too many bytes wasted", Layer: -1, Bytes: 40000,
			Message: "waste is 40.0 kB, more than 10.0 kB", Advice: "30.0 kB of it must go. Most is hidden by layer 2 (RUN chmod 600 /srv/app/model.bin): 20.0 kB.",
		},
		{
			ID: "forbid//srv/app/id_rsa", Rule: "forbid", Severity: analyze.Error, Title: "A forbidden path is shipped", Layer: 1, Bytes: 1679,
			Message: "layer 1 holds /srv/app/id_rsa, which **/id_rsa forbids", Advice: "Leave it out with a .dockerignore.", Path: "/srv/app/id_rsa",
			Step: "COPY model.bin /srv/app/", Line: &dockerfile.Line{File: "docker/Dockerfile", First: 4, Last: 4, Sure: true},
		},
		{
			ID: "max-layers", Rule: "max-layers", Severity: analyze.Warning, Title: "Too many layers", Layer: -1,
			Message: "the image has 4 layers, more than 3",
		},
		{
			ID: "max-growth", Rule: "max-growth", Severity: analyze.Warning, Title: "Rule not checked", Layer: -1,
			Message: "max-growth is not checked: no baseline", Advice: "Name one with --baseline.",
		},
		{
			ID: "waste/metadata/RUN chmod 600 /srv/app/model.bin", Rule: "waste", Severity: analyze.Note, Title: "A file copied up to change its mode",
			Message: "A copy of 20.0 kB differs from the file below in its mode alone.", Advice: "Give the mode where the file is written: COPY --chmod=600.",
			Path: "/srv/app/model.bin", Layer: 2, Bytes: 20000, Versions: 1, Step: "RUN chmod 600 /srv/app/model.bin",
			Line: &dockerfile.Line{File: "docker/Dockerfile", First: 6, Last: 7},
		},
		{
			ID: "waste/removed/RUN rm /srv/app/model.bin", Rule: "waste", Severity: analyze.Note, Title: "A file removed after it was shipped",
			Message: "It is not in the image any more, but its 20.0 kB are.", Advice: "Remove it in the step that writes it.",
			Path: "/srv/app/model.bin", Layer: 3, Bytes: 20000, Versions: 1, Step: "RUN rm /srv/app/model.bin",
		},
	}
}

func growth() *analyze.Growth {
	return &analyze.Growth{
		Baseline: "app:1",
		Before:   analyze.Figures{Layers: 3, Entries: 2, Stored: 20200, Visible: 20200, Efficiency: 1, Compressed: -1, UserStored: 20200},
		After:    analyze.Figures{Layers: 4, Entries: 4, Stored: 40200, Visible: 200, Wasted: 40000, Efficiency: 0.005, Compressed: -1, UserStored: 40200, UserWasted: 40000},
		Layers:   []analyze.LayerGrowth{{Before: 0, After: 0, Same: true}, {Before: -1, After: 2, Step: "RUN chmod 600 /srv/app/model.bin", Stored: 20000, Wasted: 20000}},
		Paths: []analyze.PathGrowth{
			{Path: "/srv/app/model.bin", Before: 20000, After: -1},
			{Path: "/srv/app/new", Before: -1, After: 12},
		},
		Grown:      2,
		PathsKnown: true,
		NewWaste:   []analyze.Waste{analyze.Waste{Bytes: 20000, Cause: analyze.MetadataCopy, Layer: 1, By: 2}.At("/srv/app/model.bin")},
	}
}

// verdicts returns the verdicts that have goldens.
func verdicts(t *testing.T) map[string]*Verdict {
	t.Helper()
	a := analysis(t, faulty)
	im := *a.Image
	im.Source = "docker-archive:app.tar"
	a.Image = &im
	rs := results()
	return map[string]*Verdict{
		"failed": {Analysis: a, Version: "1.2.3", Outcome: &analyze.Outcome{
			Results: rs, Findings: sampleFindings(), RulesFrom: ".peel.yaml", Growth: growth(),
			Notes: []string{"3.00 kB of waste in 2 versions is ignored: no rule counts it"}, Ignored: 3000, IgnoredVersions: 2,
		}},
		"warned": {Analysis: a, Version: "1.2.3", Outcome: &analyze.Outcome{Results: rs[:2]}},
		"passed": {Analysis: a, Version: "1.2.3", Outcome: &analyze.Outcome{Results: rs[:1]}},
		"off":    {Analysis: a, Outcome: &analyze.Outcome{}},
	}
}

// onScreen lays text out for a terminal of the usual width.
var onScreen = Layout{Columns: usualColumns, Cut: true}

// written formats a verdict in a form, as text on a terminal.
func written(t *testing.T, write func(io.Writer, ...*Verdict) error, v *Verdict) string {
	t.Helper()
	return writtenOf(t, write, []*Verdict{v})
}

func TestCheckGoldens(t *testing.T) {
	for name, v := range verdicts(t) {
		for _, form := range checkForms {
			t.Run(name+"/"+form.name, func(t *testing.T) {
				got := written(t, form.write, v)
				testkit.Golden(t, filepath.Join("..", "testdata", "check", name+"."+form.end), got, *update)
				if got != written(t, form.write, v) {
					t.Error("output differs between runs")
				}
			})
		}
	}
}

func TestCheckInColour(t *testing.T) {
	v := verdicts(t)["failed"]
	plain := written(t, CheckText, v)
	coloured := *v
	coloured.Coloured = true
	text := written(t, CheckText, &coloured)
	for _, want := range []string{"\x1b[1;31m  FAIL\x1b[0m", "\x1b[33m  warn\x1b[0m", "\x1b[32m  pass\x1b[0m", "\x1b[1;31mfailed: 1 of 4 rules, 1 warned, 1 not checked, 1 passed\x1b[0m"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	for _, c := range []paint{bold, red, green, yellow} {
		text = strings.ReplaceAll(text, "\x1b["+string(c)+"m", "")
	}
	if text = strings.ReplaceAll(text, "\x1b[0m", ""); text != plain {
		t.Errorf("without colours, got text\n%s\nwant\n%s", text, plain)
	}
	if strings.Contains(written(t, CheckJUnit, &coloured), "\x1b") {
		t.Error("JUnit's XML has colours")
	}
}

// TestRuleWithoutFinding checks that a failed rule appears in every form, even if it has no
// finding.
func TestRuleWithoutFinding(t *testing.T) {
	v := verdicts(t)["failed"]
	v.Outcome = &analyze.Outcome{Results: results()[2:3]}
	for _, form := range checkForms {
		if got := written(t, form.write, v); !strings.Contains(got, "max-wasted") || !strings.Contains(got, "waste is 40.0 kB") && form.name != "text" {
			t.Errorf("%s doesn't mention the rule:\n%s", form.name, got)
		}
	}
}

func TestCheckWriteErrors(t *testing.T) {
	v := verdicts(t)["failed"]
	for _, form := range checkForms {
		if err := form.write(broken{}, v); !errors.Is(err, errBroken) {
			t.Errorf("%s returns %v", form.name, err)
		}
	}
}

// TestCheckTextIsShort checks that the text of a check begins with the result and stays short
// whatever the number of findings, and that Details lists all of them.
func TestCheckTextIsShort(t *testing.T) {
	v := verdicts(t)["warned"]
	outcome := *v.Outcome
	v.Outcome = &outcome
	for n := range 100 {
		for _, rule := range []string{"setuid", "secret", "forbid"} {
			path := fmt.Sprintf("/usr/bin/%s%02d", rule, n)
			v.Outcome.Findings = append(v.Outcome.Findings, analyze.Finding{
				ID: rule + path, Rule: rule, Severity: analyze.Warning, Title: "A file of " + rule, Layer: 1, Bytes: int64(1000 - n), Path: path,
				Message: path + " has it, from layer 1: a reason in some words that take two lines of a terminal.",
				Step:    "RUN install", Advice: "Install it elsewhere, or leave it out: advice in some words that take two lines too.",
			})
		}
		v.Outcome.Findings = append(v.Outcome.Findings, analyze.Finding{
			ID: fmt.Sprint("waste/", n), Rule: "waste", Severity: analyze.Note, Title: "A file removed", Layer: 3, Bytes: int64(5000 - n), Path: fmt.Sprint("/f", n), Advice: "Leave it out.",
		})
	}
	text := written(t, CheckText, v)
	if first, _, _ := strings.Cut(text, "\n"); first != "passed: 1 rule, 1 warned, 0 failed" {
		t.Errorf("the first line is %q", first)
	}
	if n := strings.Count(text, "\n"); n > 60 {
		t.Errorf("the text has %d lines:\n%s", n, text)
	}
	for _, want := range []string{"/usr/bin/setuid00  (", "/usr/bin/setuid02  (", "id: forbid/usr/bin/forbid01\n", "and 291 more", "and 97 more", "peel check --details", "peel fix IMAGE"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	// Each rule shows a finding, however many rules there are.
	for n := range 12 {
		id := fmt.Sprint("rule", n)
		v.Outcome.Findings = append(v.Outcome.Findings, analyze.Finding{ID: id + "/a", Rule: id, Severity: analyze.Warning, Title: "Another", Layer: 1, Path: "/a"})
	}
	if text = written(t, CheckText, v); !strings.Contains(text, "id: rule11/a\n") {
		t.Errorf("the last rule has no finding:\n%s", text)
	}
	v.Details = true
	text = written(t, CheckText, v)
	for _, want := range []string{"id: setuid/usr/bin/setuid99\n", "/f99  (", "Leave it out."} {
		if !strings.Contains(text, want) {
			t.Errorf("the text in full lacks %q", want)
		}
	}
	if strings.Contains(text, "more\n") || strings.Contains(text, "--details") {
		t.Errorf("the text in full says that something is left out:\n%.2000s", text)
	}
}
