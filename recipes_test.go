//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/peelhq/peel/internal/testkit"
)

// recipes returns the blocks of docs/ci.md that are complete files, by the names in the line
// above each.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range block.FindAllStringSubmatch(file(t, "docs/ci.md"), -1) {
		if name, ok := strings.CutPrefix(m[1], "<!-- recipe: "); ok {
			all[strings.TrimSuffix(name, " -->")] = m[3]
		}
	}
	return all
}

// recipeSchemas maps a recipe to the schemas in testdata/schemas that it must match. In
// .ci/run, actionlint checks GitHub's recipes, and pre-commit its own.
var recipeSchemas = map[string][]string{
	"gitlab":              {"gitlab-ci"},
	"baseline-gitlab":     {"gitlab-ci"},
	gitlabTemplate:        {"gitlab-ci"},
	"azure-pipelines":     {"azure-pipelines"},
	"circleci":            {"circleci-parser", "circleci"},
	"bitbucket-pipelines": {"bitbucket-pipelines"},
	"tekton":              {"tekton"},
	"buildkite":           {"buildkite"},
}

// gitlabTemplate is the job that .gitlab-ci.yml can include.
const gitlabTemplate = "docs/ci/gitlab.yml"

// TestRecipesSyntax checks that each recipe is valid by its schemas, and that each schema
// rejects invalid input.
func TestRecipesSyntax(t *testing.T) {
	all := recipes(t)
	all[gitlabTemplate] = file(t, gitlabTemplate)
	for name, schemas := range recipeSchemas {
		if all[name] == "" {
			t.Errorf("docs/ci.md has no recipe %s", name)
			continue
		}
		for _, s := range schemas {
			schema := recipeSchema(t, s)
			doc := map[string]any{}
			parsed(t, all[name], &doc)
			if err := schema.Validate(plain(t, doc)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			doc["steps"], doc["jobs"], doc["spec"], doc["pipelines"] = 1, 1, 1, 1
			if schema.Validate(plain(t, doc)) == nil {
				t.Errorf("%s: the schema %s accepts anything", name, s)
			}
		}
	}
}

// plain converts a value to the types of a JSON document.
func plain(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func recipeSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	path := filepath.Join("testdata", "schemas", name+".schema.json")
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(file(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(path, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recipeStep is a shell script of a recipe, and how its system runs it.
type recipeStep struct {
	shell  []string // its last argument is the script
	script string
	args   []string // passed after the script
	env    []string
	always bool // runs even after a failed step
}

// bashStep returns a step of a shell without options.
func bashStep(script string) recipeStep {
	return recipeStep{shell: []string{"bash", "--noprofile", "--norc", "-c"}, script: script}
}

// recipeRuns lists the recipes whose shell steps are run: how to extract the steps, whether
// they run in the container image, and the files that they leave.
var recipeRuns = map[string]struct {
	steps   func(*testing.T, string) []recipeStep
	image   bool
	reports []string
}{
	"azure-pipelines":     {azureSteps, false, []string{"peel.junit.xml", "peel.sarif", "peel.md"}},
	"circleci":            {circleSteps, false, []string{"reports/peel/junit.xml", "reports/peel/peel.md"}},
	"bitbucket-pipelines": {bitbucketSteps, true, []string{"test-results/peel.xml"}},
	"tekton":              {tektonSteps, true, []string{"peel.junit.xml", "peel.md"}},
	"buildkite":           {buildkiteSteps, false, []string{"peel.junit.xml", "peel.md", "annotation"}},
	"shell":               {shellSteps, false, []string{"peel.junit.xml"}},
	"jenkins":             {jenkinsSteps, false, []string{"peel.junit.xml", "peel.sarif", "peel.md"}},
}

// shellSteps installs peel as the recipe does, and then runs the check.
func shellSteps(_ *testing.T, text string) (steps []recipeStep) {
	for _, script := range []string{"docker save -o image.tar app:ci", text, "./peel check image.tar -f text -o - -f junit -o peel.junit.xml"} {
		steps = append(steps, recipeStep{shell: []string{"sh", "-euc"}, script: script})
	}
	return steps
}

func azureSteps(t *testing.T, text string) (steps []recipeStep) {
	var r struct {
		Steps []struct{ Bash, Condition string }
	}
	parsed(t, text, &r)
	for _, s := range r.Steps {
		if s.Bash != "" {
			step := bashStep(s.Bash)
			step.always = s.Condition == "succeededOrFailed()"
			steps = append(steps, step)
		}
	}
	return steps
}

func circleSteps(t *testing.T, text string) (steps []recipeStep) {
	var r struct {
		Jobs map[string]struct{ Steps []any }
	}
	parsed(t, text, &r)
	for _, s := range r.Jobs["image"].Steps {
		if m, ok := s.(map[string]any); ok && m["run"] != nil {
			script, _ := m["run"].(map[string]any)["command"].(string)
			steps = append(steps, recipeStep{shell: []string{"bash", "-eo", "pipefail", "-c"}, script: script})
		}
	}
	return steps
}

func bitbucketSteps(t *testing.T, text string) (steps []recipeStep) {
	var r struct {
		Pipelines struct {
			Default []struct{ Step struct{ Script []string } }
		}
	}
	parsed(t, text, &r)
	for _, s := range r.Pipelines.Default {
		steps = append(steps, recipeStep{shell: []string{"sh", "-ec"}, script: strings.Join(s.Step.Script, "\n")})
	}
	return steps
}

// tektonSteps stands in for Tekton: an earlier task has saved the image.
func tektonSteps(t *testing.T, text string) []recipeStep {
	var r struct {
		Spec struct {
			Params []struct {
				Name    string
				Default any
			}
			Steps []struct {
				Script string
				Args   []string
				Env    []struct{ Name, Value string }
			}
		}
	}
	parsed(t, text, &r)
	steps := []recipeStep{{shell: []string{"sh", "-c"}, script: "docker save -o image.tar app:ci"}}
	for _, s := range r.Spec.Steps {
		step := recipeStep{shell: []string{"sh", "-c"}, script: s.Script, args: []string{"script"}}
		for _, e := range s.Env {
			for _, p := range r.Spec.Params {
				if text, ok := p.Default.(string); ok {
					e.Value = strings.ReplaceAll(e.Value, "$(params."+p.Name+")", text)
				}
			}
			step.env = append(step.env, e.Name+"="+e.Value)
		}
		if len(s.Args) != 1 || s.Args[0] != "$(params.flags[*])" || strings.Contains(s.Script, "$(") || strings.Contains(strings.Join(step.env, ""), "$(") {
			t.Errorf("Tekton's variables in %+v", s)
		}
		steps = append(steps, step) // no flags, the default
	}
	return steps
}

func buildkiteSteps(t *testing.T, text string) (steps []recipeStep) {
	var r struct{ Steps []struct{ Command string } }
	parsed(t, text, &r)
	for _, s := range r.Steps {
		steps = append(steps, recipeStep{shell: []string{"bash", "-ec"}, script: strings.ReplaceAll(s.Command, "$$", "$")})
	}
	return steps
}

// jenkinsScript matches a sh step of a Jenkinsfile. Groovy would interpret a backslash in it.
var jenkinsScript = regexp.MustCompile(`(?s)sh '''([^\\]*?)'''`)

func jenkinsSteps(t *testing.T, text string) (steps []recipeStep) {
	for _, m := range jenkinsScript.FindAllStringSubmatch(text, -1) {
		steps = append(steps, recipeStep{shell: []string{"sh", "-xec"}, script: m[1]})
	}
	if open, shut := strings.Count(text, "{"), strings.Count(text, "}"); open != shut || len(steps) != strings.Count(text, "sh '''") {
		t.Errorf("%d steps, %d { and %d }", len(steps), open, shut)
	}
	return steps
}

// passing and failing are rules files that the sample passes and fails.
const (
	passing = "min-efficiency: off\nmax-user-wasted: off\n"
	failing = "max-wasted: 1kB\n"
)

// TestRecipesRun runs the shell steps of each recipe as written, on the sample: with rules that
// pass, with a rule that fails, and with an archive that isn't the release's.
func TestRecipesRun(t *testing.T) {
	testkit.Long(t, "it runs the recipes of every system")
	all := recipes(t)
	program := build(t)
	for name, r := range recipeRuns {
		for _, c := range []struct {
			is, rules string
			spoiled   bool
			code      int
		}{{"passes", passing, false, 0}, {"fails", failing, false, 1}, {"another archive", passing, true, 1}} {
			if c.spoiled && r.image || testing.Short() && c.is == "fails" { // TestRollOut has a check that fails
				continue
			}
			t.Run(name+" "+c.is, func(t *testing.T) {
				p := newPipeline(t, program)
				p.write("checkout/.peel.yaml", c.rules, 0o600)
				if c.spoiled {
					p.write("release/"+archiveName, "not the archive", 0o600)
				}
				if r.image {
					p.link("bin/peel", program)
				}
				code, log := p.run(r.steps(t, all[name]))
				if code != c.code {
					t.Fatalf("got exit code %d, want %d\n%s", code, c.code, log)
				}
				for _, report := range r.reports {
					info, err := os.Stat(filepath.Join(p.dir, "checkout", report))
					if there := err == nil && info.Size() > 0; there == c.spoiled {
						t.Errorf("%s: %v\n%s", report, err, log)
					}
				}
				if !c.spoiled && !strings.Contains(log, map[int]string{0: "passed: ", 1: "FAIL"}[c.code]) {
					t.Errorf("the log has no verdict\n%s", log)
				}
			})
		}
	}
}

// stepTimeout bounds one step. It's far longer than a step takes on a loaded machine.
const stepTimeout = 2 * time.Minute

// archiveName is the archive that the recipes install.
const archiveName = "peel_1.2.3_linux_amd64.tar.gz"

// pipeline is a machine that runs a pipeline: a checkout, programs that stand in for the
// outside world, and a release.
type pipeline struct {
	t   *testing.T
	dir string // has checkout, bin and release
	env []string
}

func newPipeline(t *testing.T, program string) *pipeline {
	t.Helper()
	p := &pipeline{t: t, dir: t.TempDir()}
	sample, err := filepath.Abs("testdata/sample.tar")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"checkout", "bin", "release"} {
		if err := os.Mkdir(filepath.Join(p.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// An engine that has built the sample.
	p.write("bin/docker", "#!/bin/sh\ncase \"$1 $2\" in\n  build*) ;;\n  'save -o') cp "+sample+" \"$3\" ;;\n  *) exit 9 ;;\nesac\n", 0o700)
	// The release's server only.
	p.write("bin/curl", "#!/bin/sh\ncase \"$1 $2\" in\n  '-fsSLO https://github.com/peelhq/peel/releases/download/v1.2.3/'*) cp "+
		filepath.Join(p.dir, "release")+"/\"${2##*/}\" . ;;\n  *) exit 22 ;;\nesac\n", 0o700)
	p.write("bin/buildkite-agent", "#!/bin/sh\n[ \"$1\" = annotate ] && cat >annotation\n", 0o700)
	// Compressing the real program would take too long in each test, so the archive holds a
	// script that runs it.
	archive := packed(t, "peel", "#!/bin/sh\nexec "+program+" \"$@\"\n")
	p.write("release/"+archiveName, archive, 0o600)
	p.write("release/checksums.txt", fmt.Sprintf("%x  %s\n%064d  peel_1.2.3_darwin_arm64.tar.gz\n", sha256.Sum256([]byte(archive)), archiveName, 0), 0o600)
	p.env = append(os.Environ(), "PATH="+filepath.Join(p.dir, "bin")+string(os.PathListSeparator)+"/usr/bin:/bin", "XDG_CACHE_HOME="+filepath.Join(p.dir, "cache"), "HOME="+p.dir)
	return p
}

// packed returns a .tar.gz with one program.
func packed(t *testing.T, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (p *pipeline) write(name, text string, mode os.FileMode) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), mode); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) link(name, to string) {
	p.t.Helper()
	if err := os.Symlink(to, filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

// run runs steps in the checkout as a pipeline does: after a failed step, it skips all steps
// but those that always run. The exit code is that of the first failed step.
func (p *pipeline) run(steps []recipeStep) (code int, log string) {
	p.t.Helper()
	if len(steps) == 0 {
		p.t.Fatal("no steps")
	}
	for _, s := range steps {
		if code != 0 && !s.always {
			continue
		}
		out, got := p.step(s)
		log += out
		if code == 0 {
			code = got
		}
	}
	return code, log
}

func (p *pipeline) step(s recipeStep) (string, int) {
	p.t.Helper()
	args := slices.Concat(s.shell[1:], []string{s.script}, s.args)
	ctx, cancel := context.WithTimeout(p.t.Context(), stepTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, s.shell[0], args...)
	c.Dir = filepath.Join(p.dir, "checkout")
	c.Env = slices.Concat(p.env, s.env)
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		p.t.Fatalf("%v in\n%s\n%s", err, s.script, out)
	}
	return string(out), 0
}

// baselineRecipe is how a recipe checks against a baseline, and how it saves one.
type baselineRecipe struct{ check, keep string }

// baselineRecipes extracts the commands from the recipes. The baseline that they keep in a
// registry is kept in a file here; only the name differs.
func baselineRecipes(t *testing.T) map[string]baselineRecipe {
	t.Helper()
	all := recipes(t)
	type withFlags struct {
		Script    []string
		Variables struct {
			Flags string `yaml:"PEEL_FLAGS"`
		}
	}
	var gitlab struct {
		Peel withFlags
		Keep withFlags `yaml:"peel:baseline"`
	}
	parsed(t, all["baseline-gitlab"], &gitlab)
	var template struct{ Peel withFlags }
	parsed(t, file(t, gitlabTemplate), &template)
	var github struct {
		Jobs map[string]struct {
			Steps []struct {
				Run  string
				With struct{ Image, Args string }
			}
		}
	}
	parsed(t, all["baseline-github"], &github)
	made := map[string]baselineRecipe{
		"registry": {
			check: strings.ReplaceAll(all["baseline-registry"], "registry.example/app:main", "./main.tar"),
			keep:  "cp image.tar main.tar",
		},
		"gitlab": {
			check: "PEEL_IMAGE=image.tar PEEL_FLAGS='" + gitlab.Peel.Variables.Flags + "'\n" + strings.Join(template.Peel.Script, "\n"),
			keep:  strings.Join(gitlab.Keep.Script, "\n"),
		},
	}
	var g baselineRecipe
	for _, s := range github.Jobs["image"].Steps {
		if s.With.Image != "" {
			g.check = "peel check " + s.With.Image + " " + s.With.Args
		}
		if strings.HasPrefix(s.Run, "peel ") {
			g.keep = s.Run
		}
	}
	g.check, g.keep = strings.ReplaceAll(g.check, "app:ci", "image.tar"), strings.ReplaceAll(g.keep, "app:ci", "image.tar")
	made["github"] = g
	return made
}

// TestBaselineRecipes checks that each recipe for a baseline passes while there is none,
// compares an image with the saved baseline, and fails if the image has grown.
func TestBaselineRecipes(t *testing.T) {
	program := build(t)
	for name, r := range baselineRecipes(t) {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, program)
			p.link("bin/peel", program)
			p.write("checkout/.peel.yaml", passing, 0o600)
			image := func(path string) { p.write("checkout/image.tar", file(t, path), 0o600) }
			step := func(script string, want int, says string) {
				t.Helper()
				if out, code := p.step(recipeStep{shell: []string{"sh", "-ec"}, script: script}); code != want || !strings.Contains(strings.Join(strings.Fields(out), " "), says) {
					t.Fatalf("got exit code %d, want %d and %q\n%s\n%s", code, want, says, script, out)
				}
			}
			image("testdata/sample.tar")
			step(r.check, 0, "no baseline")
			step(r.keep, 0, "")
			step(r.check, 0, "pass max-growth")
			image("testdata/docker20.tar")
			step(r.check, 1, "FAIL max-growth")
		})
	}
}

// TestPreCommit checks that pre-commit accepts the hooks, and that the recipe's hook fails if a
// rule fails.
func TestPreCommit(t *testing.T) {
	testkit.Long(t, "it runs pre-commit, with a repository of its own")
	installed, err := exec.LookPath("pre-commit")
	if err != nil {
		if os.Getenv("PEEL_INTEGRATION") == "require" {
			t.Fatal("pre-commit isn't installed")
		}
		t.Skip("pre-commit isn't installed")
	}
	p := newPipeline(t, build(t))
	p.link("bin/peel", build(t))
	p.link("bin/pre-commit", installed)
	p.env = append(p.env, "PRE_COMMIT_HOME="+filepath.Join(p.dir, "home"), "GIT_CONFIG_GLOBAL="+filepath.Join(p.dir, "gitconfig"))
	p.write("gitconfig", "[user]\n\tname = a\n\temail = a@example\n", 0o600)
	hooks := filepath.Join(p.dir, "hooks")
	if err := os.Mkdir(hooks, 0o700); err != nil {
		t.Fatal(err)
	}
	p.write("hooks/.pre-commit-hooks.yaml", file(t, ".pre-commit-hooks.yaml"), 0o600)
	recipe := recipes(t)["pre-commit"]
	p.write("checkout/recipe.yaml", recipe, 0o600)
	// Use this machine's peel on an archive, and the repository as a folder; leave everything
	// else as written.
	for from, to := range map[string]string{"https://github.com/peelhq/peel": hooks, "id: peel-check": "id: peel-check-system", "app:ci": "image.tar"} {
		if !strings.Contains(recipe, from) {
			t.Fatalf("the recipe lacks %q", from)
		}
		recipe = strings.ReplaceAll(recipe, from, to)
	}
	p.write("checkout/.pre-commit-config.yaml", recipe, 0o600)
	p.write("checkout/Dockerfile", "FROM scratch\n", 0o600)
	step := func(script string, want int, says string) {
		t.Helper()
		if out, code := p.step(recipeStep{shell: []string{"sh", "-ec"}, script: script}); code != want || !strings.Contains(out, says) {
			t.Fatalf("got exit code %d, want %d and %q\n%s\n%s", code, want, says, script, out)
		}
	}
	step("cd ../hooks && git init -q . && git add . && git commit -qm hooks && git tag v1.2.3", 0, "")
	step("pre-commit validate-manifest ../hooks/.pre-commit-hooks.yaml && pre-commit validate-config recipe.yaml", 0, "")
	step("docker save -o image.tar app:ci && git init -q . && git add Dockerfile .pre-commit-config.yaml", 0, "")
	p.write("checkout/.peel.yaml", passing, 0o600)
	step("git add .peel.yaml && pre-commit run", 0, "Passed")
	p.write("checkout/.peel.yaml", failing, 0o600)
	step("git add .peel.yaml && pre-commit run", 1, "FAIL")
	step("git commit -qm all && echo >README && git add README && pre-commit run", 0, "Skipped")
}
