package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	dom "golang.org/x/net/html"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// hostile lists texts that try to be more than text in some form.
var hostile = []string{
	"/a\n::error::forged\r\n::add-mask::x",
	"/::stop-commands::t",
	"::warning file=x::y",
	"/##[add-mask]secret ##vso[task.complete]",
	"/%0A::error::x%0D%25",
	"/a,file=/etc/passwd::b",
	"/<script>alert(1)</script><img src=x onerror=alert(1)>",
	"/</details></summary>\n\n# heading\n\n- item",
	"/`code` ``more``` | cell | cell",
	"/`</code>@everyone #1",
	"/\\`\\|\\",
	"/@octocat #123 GH-7 !9 ~label %\"mile\" $5 &3 owner/repo#4 someone@example.com",
	"/[link](https://evil.example/) ![x](//evil.example/x.png) https://evil.example www.evil.example",
	"/*bold* _em_ ~~gone~~ <!-- comment --> &lt;entity&gt; {{ liquid }} ${{ secrets.X }}",
	"/]]><x/>",
	"/\x00\x01\x1b[2J\x1b]0;title\x07\x7f\u009b\u202e\u2066\ufffe\uffff\xff\xfe",
	"/" + strings.Repeat("long/", 300),
	"/" + strings.Repeat("|`<@#", 300),
	"/e" + strings.Repeat("\u0301", 2000),
	"",
	"/###[error]x ##teamcity[x] travis_fold:start:x",
}

// hostileVerdict uses the text wherever a text from an image can appear.
func hostileVerdict(t *testing.T, text string) *Verdict {
	t.Helper()
	v := verdicts(t)["failed"]
	a := *v.Analysis
	im := *a.Image
	im.Name, im.ID, im.Digest, im.Platform, im.Source = text, text, text, text, text
	im.Config = source.Config{
		User: text, WorkingDir: text, Entrypoint: []string{text, text}, Cmd: []string{text}, Env: []string{text + "=" + text, text}, StopSignal: text, Author: text,
		ExposedPorts: []string{text}, Volumes: []string{text}, Labels: map[string]string{text: text, "a" + text: text}, Healthcheck: []string{text},
	}
	a.Image = &im
	a.Layers = slices.Clone(a.Layers)
	for i := range a.Layers {
		l := *a.Layers[i].Layer
		l.Step.Command = text
		if i == 0 {
			l.Err = errors.New("cannot " + text)
		}
		a.Layers[i].Layer = &l
	}
	a.Waste = rowsAt(a.Waste, text)
	v.Analysis = &a
	o := *v.Outcome
	o.RulesFrom = text
	o.Notes = []string{"note " + text}
	o.Results = slices.Clone(o.Results)
	for i := range o.Results {
		o.Results[i].Message = "it is " + text
	}
	o.Findings = slices.Clone(o.Findings)
	for i := range o.Findings {
		f := &o.Findings[i]
		f.Title, f.Message, f.Advice = "Title "+text, text+" message "+text, "advice "+text
		f.Path, f.Step = text, text
		if f.ID != f.Rule {
			f.ID += text
		}
		if f.Line != nil {
			f.Line = &dockerfile.Line{File: "dir" + text, First: 3, Last: 2}
		}
	}
	o.Waived = []analyze.Waived{{Finding: o.Findings[1], Waiver: &analyze.Waiver{ID: o.Findings[1].ID, Reason: "as " + text, Until: "2027-01-31", From: "a" + text + ":1"}}}
	g := *o.Growth
	g.Baseline = text
	g.Paths = []analyze.PathGrowth{{Path: text, Before: -1, After: 5}}
	g.NewWaste = []analyze.Waste{analyze.Waste{Bytes: 5, Cause: analyze.Deleted, By: 1}.At("/" + text)}
	o.Growth = &g
	v.Outcome = &o
	return v
}

func TestHostileChecks(t *testing.T) {
	schemas := schemasOf(t)
	for i := 0; i < len(hostile); i += testkit.Size(1, 3) {
		text := hostile[i]
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			v := hostileVerdict(t, text)
			for _, form := range checkForms {
				got := written(t, form.write, v)
				if !utf8.ValidString(got) {
					t.Errorf("%s isn't valid UTF-8", form.name)
				}
				switch form.name {
				case "text":
					fits(t, got)
					noOrders(t, got)
				case "markdown":
					checkMarkdown(t, got)
				case "github":
					checkCommands(t, got)
				case "junit":
					checkXML(t, got)
					noOrders(t, got)
				default:
					noOrders(t, got)
					printable(t, got)
					valid(t, schemas[form.name], got)
				}
			}
			named, unloaded := *v, Verdict{Name: "x" + text, Err: errors.New("cannot " + text)}
			named.Name, named.Key = "n"+text, "k"+text
			both := []*Verdict{&named, &unloaded}
			fits(t, writtenOf(t, CheckText, both))
			noOrders(t, writtenOf(t, CheckText, both))
			checkMarkdown(t, writtenOf(t, CheckMarkdown, both))
			checkCommands(t, writtenOf(t, CheckGitHub, both))
			checkXML(t, writtenOf(t, CheckJUnit, both))
			valid(t, schemas["checks"], writtenOf(t, CheckJSON, both))
			printable(t, writtenOf(t, CheckJSON, both))
			valid(t, schemas["gitlab"], writtenOf(t, CheckGitLab, both))
			ingested(t, writtenOf(t, CheckSARIF, both))
			printable(t, writtenOf(t, CheckSARIF, both))
			var b strings.Builder
			if err := Markdown(&b, v.Analysis, v.Outcome.Findings); err != nil {
				t.Fatal(err)
			}
			checkMarkdown(t, b.String())
			b.Reset()
			if err := onScreen.Text(&b, v.Analysis, v.Outcome.Findings); err != nil {
				t.Fatal(err)
			}
			fits(t, b.String())
			noOrders(t, b.String())
			b.Reset()
			rooted := *v.Analysis
			rooted.Waste = rowsAt(rooted.Waste, "/"+text)
			if err := JSON(&b, &rooted, v.Outcome.Findings); err != nil {
				t.Fatal(err)
			}
			valid(t, schemas["report"], b.String())
			printable(t, b.String())
			noOrders(t, b.String())
			var page strings.Builder
			if err := HTML(t.Context(), &page, v.Analysis, v.Outcome.Findings); err != nil {
				t.Fatal(err)
			}
			noOrders(t, page.String())
		})
	}
}

// noOrders fails the test if a CI runner could interpret a line as a command.
func noOrders(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") ||
			strings.Contains(line, "##teamcity[") || strings.Contains(line, "travis_fold:") {
			t.Errorf("a line is a command: %s", line)
		}
	}
}

// TestCheckSchemas checks the forms against their schemas for every kind of verdict.
func TestCheckSchemas(t *testing.T) {
	schemas := schemasOf(t)
	for name, v := range verdicts(t) {
		for _, form := range checkForms {
			if s := schemas[form.name]; s != nil {
				t.Run(name+"/"+form.name, func(t *testing.T) { valid(t, s, written(t, form.write, v)) })
			}
		}
	}
}

// schemasOf returns the schemas of the JSON forms.
func schemasOf(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	all := map[string]*jsonschema.Schema{}
	for name, file := range map[string]string{
		"json":   "../docs/check.schema.json",
		"report": "../docs/report.schema.json",
		"checks": "../docs/checks.schema.json",
		"sarif":  "../testdata/schemas/sarif-schema-2.1.0.json",
		"gitlab": "../testdata/schemas/gitlab-codequality.schema.json",
	} {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if name == "checks" { // it refers to the other schema by its address
			text, err := os.ReadFile("../docs/check.schema.json")
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.AddResource("https://github.com/peelhq/peel/docs/check.schema.json", doc); err != nil {
				t.Fatal(err)
			}
		}
		s, err := c.Compile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = s
	}
	return all
}

func valid(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestJUnitSchema(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("PEEL_INTEGRATION") == "require" {
			t.Fatal(err)
		}
		t.Skip("xmllint isn't installed: Debian has it in libxml2-utils")
	}
	all := verdicts(t)
	for i, text := range hostile {
		all[fmt.Sprint("hostile", i)] = hostileVerdict(t, text)
	}
	for _, v := range several(t) {
		all[strings.ReplaceAll(fmt.Sprint("several ", v.Name), "/", "-")] = v
	}
	dir := t.TempDir()
	schema := filepath.Join("..", "testdata", "schemas", "jenkins-junit.xsd")
	args := []string{"--noout", "--nonet", "--schema", schema}
	for name, v := range all {
		file := filepath.Join(dir, name+".xml")
		if err := os.WriteFile(file, []byte(written(t, CheckJUnit, v)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if out, err := exec.CommandContext(t.Context(), xmllint, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// xmllint must refuse invalid XML.
	bad := filepath.Join(dir, "bad.xml")
	if err := os.WriteFile(bad, []byte(`<testsuites><testsuite tests="1"/></testsuites>`), 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.CommandContext(t.Context(), xmllint, "--noout", "--nonet", "--schema", schema, bad).Run() == nil {
		t.Error("xmllint accepts what the schema forbids")
	}
}

// checkXML parses the whole XML.
func checkXML(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			return
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "x" {
			t.Errorf("it contains an element from the image:\n%s", text)
		}
	}
}

// command matches a line as GitHub's runner parses commands: properties, separated by commas,
// come before the second "::".
var command = regexp.MustCompile(`^::(error|warning|notice) ([^:]*)::(.*)$`)

func checkCommands(t *testing.T, text string) {
	t.Helper()
	levels := map[string]int{}
	for line := range strings.Lines(text) {
		m := command.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Errorf("no annotation: %q", line)
			continue
		}
		levels[m[1]]++
		keys := map[string]bool{}
		for property := range strings.SplitSeq(m[2], ",") {
			key, _, _ := strings.Cut(property, "=")
			if !slices.Contains([]string{"file", "line", "endLine", "title"}, key) || keys[key] {
				t.Errorf("property %q in %q", property, line)
			}
			keys[key] = true
		}
		if len(line) > 65_000 {
			t.Errorf("got a line of %d bytes", len(line))
		}
		printable(t, line)
	}
	for level, n := range levels {
		if n > annotationsShown {
			t.Errorf("got %d annotations of level %s", n, level)
		}
	}
}

// markdown renders as code forges do: with raw HTML, tables and links.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))

// ours are the elements in peel's Markdown.
var ours = map[string]bool{
	"html": true, "head": true, "body": true, "h3": true, "p": true, "ul": true, "ol": true, "li": true, "table": true, "thead": true, "tbody": true,
	"tr": true, "th": true, "td": true, "code": true, "strong": true, "br": true, "details": true, "summary": true,
}

// reference matches text that forges turn into a link, and sometimes into a notification,
// outside of code.
var reference = regexp.MustCompile(`(?i)[@#!~$&^][[:alnum:]"]|GH-\d|https?://|www\.[[:alnum:]]`)

// ownSigns removes peel's own symbols that have a variation selector for colour.
var ownSigns = strings.NewReplacer("⚠\ufe0f", "", "ℹ\ufe0f", "")

// checkMarkdown renders the text and looks for content that isn't peel's.
func checkMarkdown(t *testing.T, text string) {
	t.Helper()
	if len(text) >= 60_000 {
		t.Errorf("got %d bytes", len(text))
	}
	for line := range strings.Lines(text) {
		line = ownSigns.Replace(strings.TrimSuffix(line, "\n"))
		if clean.Text(line) != line {
			t.Errorf("contains control characters: %q", line)
		}
		if strings.HasPrefix(strings.TrimSpace(line), "/") {
			t.Errorf("a line looks like a command to GitLab: %s", line)
		}
	}
	for _, n := range elements(t, text) {
		switch {
		case n.Type == dom.ElementNode && (!ours[n.Data] || len(n.Attr) > 0 && n.Data != "td" && n.Data != "th" && n.Data != "ol"):
			t.Errorf("element %s %v isn't peel's\n%s", n.Data, n.Attr, text)
		case n.Type == dom.CommentNode && !regexp.MustCompile(`^ peel check [0-9a-f]{12} $`).MatchString(n.Data):
			t.Errorf("a comment: %s", n.Data)
		case n.Type == dom.TextNode && n.Parent.Data != "code" && reference.MatchString(n.Data):
			t.Errorf("reference or link outside of code: %q", n.Data)
		}
	}
}

// elements renders Markdown and returns all nodes of the page.
func elements(t *testing.T, text string) []*dom.Node {
	t.Helper()
	var page strings.Builder
	if err := markdown.Convert([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	root, err := dom.Parse(strings.NewReader(page.String()))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(root.Descendants())
}

// FuzzMarkdownText compares the text that readers see with the original.
func FuzzMarkdownText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, text := range map[string]string{
			"code in a list": "- " + mdCode(s) + "\n", "code in a table": "| a | b |\n|:--|--:|\n| " + mdCode(s) + " | end |\n",
			"text in a list": "- x " + mdText(s) + "\n", "text in a table": "| a | b |\n|:--|--:|\n| x " + mdText(s) + " | end |\n",
		} {
			checkMarkdown(t, text)
			var seen strings.Builder
			cells := 0
			for _, n := range elements(t, text) {
				if n.Type == dom.TextNode {
					seen.WriteString(n.Data)
				}
				if n.Type == dom.ElementNode && n.Data == "td" {
					cells++
				}
			}
			if strings.HasSuffix(name, "table") && cells != 2 {
				t.Errorf("%s: %d cells\n%s", name, cells, text)
			}
			want := clean.Line(s)
			if want == "" || strings.Contains(text, "…") {
				continue // truncated
			}
			if got := strings.ReplaceAll(seen.String(), "\u200b", ""); !strings.Contains(got, want) {
				t.Errorf("%s: readers see %.300q, want %.300q\n%.300s", name, got, want, text)
			}
		}
	})
}

// TestManyFindings checks that a comment stays short enough for a forge, for any amount of
// waste.
func TestManyFindings(t *testing.T) {
	for i, text := range []string{"/", hostile[11], hostile[17]}[:testkit.Size(3, 1)] {
		v := hostileVerdict(t, text)
		o := v.Outcome
		name := []rune(text + strings.Repeat("`|<@#", 20))
		var rows []analyze.Waste
		for n := range 5000 {
			path := fmt.Sprintf("/%d%s", n, string(name[:min(len(name), 200)]))
			o.Findings = append(o.Findings, analyze.Finding{
				ID: "waste/removed/" + path, Rule: "waste", Severity: analyze.Severity(n % 3), Title: "A file removed " + path, Message: path + " is shipped",
				Advice: "Remove it " + path, Path: path, Layer: 3, Bytes: int64(5000 - n), Versions: 1, Step: "RUN rm " + path,
			})
			o.Growth.Paths = append(o.Growth.Paths, analyze.PathGrowth{Path: path, Before: -1, After: 12})
			if n < 50 {
				o.Results = append(o.Results, analyze.Result{Rule: "rule" + path, Failed: n%2 == 0, Message: path, Value: path, Limit: path})
			}
			rows = append(rows, analyze.Waste{Bytes: 5, Cause: analyze.Deleted, Layer: 1, By: 2}.At(path))
			v.Analysis.Layers = append(v.Analysis.Layers, v.Analysis.Layers[3])
		}
		v.Analysis.Waste = analyze.RowsOf(rows)
		checkMarkdown(t, written(t, CheckMarkdown, v))
		checkCommands(t, written(t, CheckGitHub, v))
		var report strings.Builder
		if err := Markdown(&report, v.Analysis, v.Outcome.Findings); err != nil {
			t.Fatal(err)
		}
		checkMarkdown(t, report.String())
		if i > 0 {
			continue // the checks below are slow
		}
		text := written(t, CheckText, v)
		fits(t, text)
		noOrders(t, text)
		var whole strings.Builder
		if err := CheckText(&whole, v); err != nil {
			t.Fatal(err)
		}
		printable(t, whole.String())
		noOrders(t, whole.String())
		sarif := written(t, CheckSARIF, v)
		if n := strings.Count(sarif, `"ruleIndex":`); n != resultsShown {
			t.Errorf("got %d results, want %d", n, resultsShown)
		}
		if want := "findings are left out, the least of them"; !strings.Contains(sarif, want) {
			t.Errorf("output lacks %q", want)
		}
	}
}

// detailed is CheckText with all findings.
func detailed(w io.Writer, vs ...*Verdict) error {
	all := make([]*Verdict, len(vs))
	for i, v := range vs {
		d := *v
		d.Details = true
		all[i] = &d
	}
	return CheckText(w, all...)
}

// TestFindingsLeftOut checks that the largest waste is always listed, and that the number of
// omitted findings is given.
func TestFindingsLeftOut(t *testing.T) {
	v := verdicts(t)["failed"]
	v.Outcome.Findings = nil
	for n := range 5000 {
		v.Outcome.Findings = append(v.Outcome.Findings, analyze.Finding{
			ID: fmt.Sprint("waste/", n), Rule: "waste", Severity: analyze.Note, Title: "A file removed", Layer: 3, Bytes: int64(5000 - n), Path: fmt.Sprint("/f", n),
		})
	}
	for _, c := range []struct {
		form  func(io.Writer, ...*Verdict) error
		wants []string
	}{
		{CheckMarkdown, []string{"(the 10 worst of 5,000)", "`/f9`", "4,990 more findings, 12.5 MB", "`/f109`", "4,890 more are not listed."}},
		{CheckText, []string{"/f2 ", "12.5 MB  and 4,997 more"}},
		{detailed, []string{"/f9 ", "/f4999 "}},
		{CheckGitHub, []string{"::/f8", "::notice title=peel::4,991 more findings: see the summary"}},
	} {
		got := written(t, c.form, v)
		for _, want := range c.wants {
			if !strings.Contains(strings.ReplaceAll(got, "path: ", ""), want) {
				t.Errorf("output lacks %q:\n%.3000s", want, got)
			}
		}
	}
}
