package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/testkit"
)

// TestOutputs checks which form goes where for flags in a given order.
func TestOutputs(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"", "text>-"},
		{"-f json", "json>-"},
		{"-o a", "text>a"},
		{"-o a -f json", "json>a"},
		{"-f json -o a", "json>a"},
		{"-f text -o - -f json -o a", "text>- json>a"},
		{"-f text -f json -o - -o a", "text>- json>a"},
		{"-f text -f json -o a", "text>- json>a"},
		{"-f json -o a -f text", "json>a text>-"},
		{"-f json -o a -f text -f json -o b", "json>a text>- json>b"},
		{"-o a -o b -f text -f json", "text>a json>b"},

		{"-o a.json", "json>a.json"},
		{"-o a.JSON -o b.txt -o -", "json>a.JSON text>b.txt text>-"},
		{"-o a.tar.json.gz", "text>a.tar.json.gz"},
		{"-o a.json -f text", "text>a.json"},
		{"-f text -o a.json", "text>a.json"},
		{"-o a.html", "-o a.html: the file's name means html, but the formats here are text, json"},
		{"-o a.sarif.json", "-o a.sarif.json: the file's name means sarif, but the formats here are text, json"},

		{"-f xml", `unknown format "xml": use text, json`},
		{"-f json -f text", "json and text would both go to standard output"},
		{"-f json -o - -f text", "json and text would both go to standard output"},
		{"-f json -o a -f text -o ./a", `json and text would both go to "./a"`},
		{"-f json -o a -o b", "2 files for 1 format: write each -o after its -f"},
		{"-o a -f json -f text", "1 file for 2 formats: write each -o after its -f"},
		{"-f json -o=", "the file to write has no name"},
	} {
		t.Run(c.flags, func(t *testing.T) {
			flags := outputFlags{known: []string{"text", "json"}}
			args := strings.Fields(c.flags)
			for len(args) > 0 {
				name, value := args[0], ""
				args = args[1:]
				if n, ok := strings.CutSuffix(name, "="); ok {
					name = n
				} else {
					value, args = args[0], args[1:]
				}
				if err := (&outputFlag{&flags, name == "-o"}).Set(value); err != nil {
					t.Fatal(err)
				}
			}
			outs, err := flags.outputs()
			var got []string
			for _, o := range outs {
				got = append(got, o.format+">"+o.file)
			}
			if err != nil {
				got = []string{err.Error()}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, want %q", strings.Join(got, " "), c.want)
			}
		})
	}
}

// TestCheckForms checks that a failing rule exits with 1 and a passing one with 0, in every
// form and for every output, and that files get the same content as standard output.
func TestCheckForms(t *testing.T) {
	inFolder(t, "docker-25", story)
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	for _, form := range checkFormNames {
		for rules, code := range map[string]int{"--max-wasted=1kB": 1, "--max-wasted=1GB": 0} {
			args := []string{"check", "app.tar", "--min-efficiency=off", "--max-user-wasted=off", rules, "-f", form}
			printed := peel(args...)
			if printed.code != code || printed.err != "" {
				t.Errorf("peel %q: got exit code %d, want %d; standard error: %s", args, printed.code, code, printed.err)
			}
			args = append(args, "-o", "out")
			r := peel(args...)
			if r.code != code || r.out != "" || r.err != "" {
				t.Errorf("peel %q: got exit code %d, want %d; %s%s", args, r.code, code, r.out, r.err)
			}
			if got := read(t, "out"); got != printed.out {
				t.Errorf("peel %q writes\n%s\nand prints\n%s", args, got, printed.out)
			}
		}
	}
}

func TestSeveralForms(t *testing.T) {
	inFolder(t, "docker-25", story)
	r := peel("check", "app.tar", "-f", "text", "-o", "-", "-f", "sarif", "-o", "out.sarif", "-f", "json", "-o", "no/such/folder/x", "-f", "junit", "-o", "out.xml")
	if r.code != 1 || !strings.Contains(r.out, "FAIL") || !strings.Contains(r.err, "no/such/folder/x") {
		t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
	}
	if !strings.Contains(read(t, "out.sarif"), `"2.1.0"`) || !strings.Contains(read(t, "out.xml"), "<testsuites") {
		t.Error("a form is missing")
	}
	must(t, "report", "app.tar", "-f", "markdown", "-o", "r.md", "-f", "json", "-o", "r.json")
	if read(t, "r.json") != must(t, "report", "app.tar", "-f", "json") || read(t, "r.md") != must(t, "report", "app.tar", "-f", "markdown") {
		t.Error("two forms together differ from each form alone")
	}
	// The ending of a file's name means its form.
	peel("check", "app.tar", "-o", "c.sarif", "-o", "c.xml")
	if !strings.Contains(read(t, "c.sarif"), `"2.1.0"`) || !strings.Contains(read(t, "c.xml"), "<testsuites") {
		t.Error("a file is in another form than its name means")
	}
	for _, args := range []string{"report app.tar -o e.html", "diff app.tar app.tar -o e.html", "check app.tar -o e.html"} {
		peel(strings.Fields(args)...)
		if got := read(t, "e.html"); !strings.HasPrefix(got, "<!DOCTYPE html>") {
			t.Errorf("peel %s writes no page: %.60q", args, got)
		}
	}
	if r := peel("report", "app.tar", "-o", "e.sarif"); r.code != 2 || !strings.Contains(r.err, "try: -f text") {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
	// Files are written even if the reader of standard output has gone.
	var said bytes.Buffer
	code := Main(strings.Fields("check app.tar -f text -o - -f json -o late.json"), strings.NewReader(""), closed(), &said)
	if code != 1 || said.Len() > 0 || !strings.Contains(read(t, "late.json"), "peel.check/v1") {
		t.Errorf("exit code %d, %s", code, said.String())
	}
}

func TestCheckSchema(t *testing.T) {
	s := schema(t, "check.schema.json")
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		path := f.Shapes()[0].Write(t, f)
		for _, im := range f.Images {
			if im.Absent != "" {
				continue
			}
			ref, platform := f.Ref(path, im)
			args := []string{"check", ref, "-f", "json"}
			if platform != "" {
				args = append(args, "--platform", platform)
			}
			if r := peel(args...); r.code > 1 || r.err != "" {
				t.Errorf("%s: exit code %d, %s", f.Name, r.code, r.err)
			} else {
				valid(t, s, r.out)
			}
		}
	}
}

func TestStepSummary(t *testing.T) {
	inFolder(t, "docker-25", story)
	comment := peel("check", "app.tar", "-f", "markdown").out
	t.Setenv("GITHUB_STEP_SUMMARY", "summary.md")
	for _, c := range []struct{ name, before, form, after, says string }{
		{"no summary yet", "", "github", comment + "\n", ""},
		{"after other text", "# Build\n", "github", "# Build\n" + comment + "\n", ""},
		{"no room", strings.Repeat("x", summaryLimit-100), "github", strings.Repeat("x", summaryLimit-100), "cannot add to the step's summary"},
		{"another form", "# Build\n", "text", "# Build\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			os.Remove("summary.md")
			if c.before != "" {
				write(t, "summary.md", []byte(c.before))
			}
			r := peel("check", "app.tar", "-f", c.form)
			if r.code != 1 || !strings.Contains(r.err, c.says) || c.says == "" && r.err != "" {
				t.Errorf("got exit code %d, standard error: %s", r.code, r.err)
			}
			if got := read(t, "summary.md"); got != c.after {
				t.Errorf("got summary\n%.2000s", got)
			}
		})
	}
	t.Setenv("GITHUB_STEP_SUMMARY", filepath.Join("no", "such", "folder"))
	if r := peel("check", "app.tar", "-f", "github"); r.code != 1 || !strings.Contains(r.err, "summary") || !strings.HasPrefix(r.out, "::error ") {
		t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
	}
}

func TestFromRepository(t *testing.T) {
	root := t.TempDir()
	service := filepath.Join(root, "services", "app")
	if err := os.MkdirAll(service, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(service)
	for _, c := range []struct{ root, file, want string }{
		{"", "Dockerfile", "Dockerfile"},
		{root, "Dockerfile", "services/app/Dockerfile"},
		{root, "../../Dockerfile", "Dockerfile"},
		{root, filepath.ToSlash(filepath.Join(root, "Dockerfile")), "Dockerfile"},
		{root, "../../../elsewhere/Dockerfile", "../../../elsewhere/Dockerfile"},
		{root, "", ""},
	} {
		o := &analyze.Outcome{Findings: []analyze.Finding{{}, {Line: &dockerfile.Line{File: c.file, First: 3, Last: 4}}}}
		got := fromRepository(o, c.root)
		if l := got.Findings[1].Line; l.File != c.want || l.First != 3 || l.Last != 4 {
			t.Errorf("%q relative to %q is %q, want %q", c.file, c.root, l.File, c.want)
		}
		if o.Findings[1].Line.File != c.file {
			t.Error("the outcome itself was changed")
		}
	}
	t.Setenv("CI_PROJECT_DIR", "/gitlab")
	t.Setenv("GITHUB_WORKSPACE", "")
	if got := repositoryRoot(); got != "/gitlab" {
		t.Errorf("got root %q", got)
	}
}

func TestCheckColours(t *testing.T) {
	inFolder(t, "docker-25", story)
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	for _, c := range []struct {
		force, no string
		want      bool
	}{{"", "", false}, {"1", "", true}, {"1", "1", false}} {
		t.Setenv("CLICOLOR_FORCE", c.force)
		t.Setenv("NO_COLOR", c.no)
		if got := strings.Contains(peel("check", "app.tar").out, "\x1b["); got != c.want {
			t.Errorf("CLICOLOR_FORCE=%s NO_COLOR=%s: coloured %t", c.force, c.no, got)
		}
		peel("check", "app.tar", "-o", "out.txt")
		if strings.Contains(read(t, "out.txt"), "\x1b") {
			t.Error("a file has colours")
		}
	}
}
