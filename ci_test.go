//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// parsed reads a file or a part of one as YAML.
func parsed(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// action is what the test knows of action.yml.
type action struct {
	Name, Description string
	Inputs            map[string]struct {
		Description string
		Required    bool
		Default     any
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			Name, ID, If, Run, Shell string
			Uses                     string
			Env                      map[string]string
		}
	}
}

// expression is what GitHub replaces in action.yml.
var expression = regexp.MustCompile(`\$\{\{ *([\w.-]+) *\}\}`)

// The action's expressions name what there is, its scripts are there and can be
// run, and no input is ever part of a script.
func TestAction(t *testing.T) {
	var a action
	text := file(t, "action.yml")
	parsed(t, text, &a)
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("action.yml is %+v", a)
	}
	known := map[string]bool{"github.token": true}
	for name, in := range a.Inputs {
		known["inputs."+name] = true
		if in.Description == "" || in.Default == nil && !in.Required {
			t.Errorf("input %s has no description or no default", name)
		}
		if !strings.Contains(text, "inputs."+name) {
			t.Errorf("input %s is for nothing", name)
		}
	}
	scripts := ""
	for _, s := range a.Runs.Steps {
		if s.Name == "" || s.Shell != "bash" || s.Uses != "" || strings.Contains(s.Run, "${{") {
			t.Errorf("step %+v", s)
		}
		if path, ok := strings.CutPrefix(strings.Trim(s.Run, `"`), "$GITHUB_ACTION_PATH/"); ok {
			info, err := os.Stat(path)
			if err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s cannot be run: %v", path, err)
				continue
			}
			script := file(t, path)
			scripts += script
			for name := range s.Env {
				if !strings.Contains(script, name) {
					t.Errorf("%s takes no notice of %s", path, name)
				}
			}
		}
	}
	for name, out := range a.Outputs {
		known["steps.check.outputs."+name] = true
		if out.Value != "${{ steps.check.outputs."+name+" }}" || !strings.Contains(scripts, `echo "`+name+"=") {
			t.Errorf("output %s is %s, which no step sets", name, out.Value)
		}
	}
	for _, m := range expression.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("%s is not there", m[1])
		}
	}
	if n := strings.Count(text, "${{"); n != len(expression.FindAllString(text, -1)) {
		t.Errorf("%d expressions, some of a form that this test does not know", n)
	}
}

// job is a job of GitLab CI.
type job struct {
	Image struct {
		Name       string
		Entrypoint []string
	}
	Script    []string
	Artifacts struct {
		When    string
		Paths   []string
		Reports map[string]string
	}
}

// The job of the template runs in a shell as GitLab's runner would run it, fails
// with the rules, and leaves the files that it promises.
func TestGitLabTemplate(t *testing.T) {
	var template struct {
		Variables map[string]string
		Peel      job
	}
	parsed(t, file(t, "docs/ci/gitlab.yml"), &template)
	j := template.Peel
	if len(j.Script) == 0 || !slices.Equal(j.Image.Entrypoint, []string{""}) || !strings.HasPrefix(j.Image.Name, "ghcr.io/peelhq/peel:") || j.Artifacts.When != "always" {
		t.Fatalf("the job is %+v", j)
	}
	// One reference to the template is one peel, as for the Action.
	if version := strings.TrimSpace(file(t, ".github/action/version")); template.Variables["PEEL_TAG"] != version+"-shell" {
		t.Errorf("the template runs peel %s, and the Action of this commit %s", template.Variables["PEEL_TAG"], version)
	}
	program := build(t)
	for flags, want := range map[string]int{"--max-wasted 1kB": 1, "--min-efficiency 0 --max-user-wasted off": 0} {
		dir := workspace(t)
		env := []string{"CI_PROJECT_DIR=" + dir}
		for name, value := range template.Variables {
			env = append(env, name+"="+value)
		}
		env = append(env, "PEEL_FLAGS="+flags)
		if out, code := shell(t, program, dir, strings.Join(j.Script, "\n"), env...); code != want {
			t.Errorf("with %q: exit code %d, want %d\n%s", flags, code, want, out)
		}
		for _, name := range append(j.Artifacts.Paths, j.Artifacts.Reports["junit"], j.Artifacts.Reports["codequality"]) {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
				t.Errorf("artifact %s: %v", name, err)
			}
		}
	}
}

// block is a fenced block of a page, with the line above it.
var block = regexp.MustCompile("(?ms)^([^\n]*)\n```(\\w+)\n(.*?)\n```$")

// What docs/ci.md offers to paste can be pasted: YAML is YAML, inputs are the
// action's, and shell commands that are marked to be run end as the mark says.
func TestPipelinesPage(t *testing.T) {
	var a action
	parsed(t, file(t, "action.yml"), &a)
	page := file(t, "docs/ci.md")
	for _, m := range block.FindAllStringSubmatch(file(t, "README.md"), -1) {
		if m[2] == "yaml" {
			var node any
			parsed(t, m[3], &node)
			checkUses(t, &a, node)
		}
	}
	program := build(t)
	ran := 0
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		switch mark, language, text := m[1], m[2], m[3]; language {
		case "yaml":
			var node any
			parsed(t, text, &node)
			checkUses(t, &a, node)
		case "sh":
			code, ok := strings.CutPrefix(mark, "<!-- run")
			if !ok {
				continue
			}
			want, _ := strconv.Atoi(strings.Trim(code, ": exit->"))
			if out, got := shell(t, program, workspace(t), text); got != want {
				t.Errorf("exit code %d, want %d:\n%s\n%s", got, want, text, out)
			}
			ran++
		}
	}
	if ran < 2 {
		t.Errorf("%d blocks were run", ran)
	}
	for name := range a.Inputs {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/ci.md says nothing of the input %s", name)
		}
	}
}

// pinned is a reference that stays what it is: a release's tag, or a commit.
var pinned = regexp.MustCompile(`^(v\d+\.\d+\.\d+|[0-9a-f]{40})$`)

// checkUses looks for steps that use the action, and for what they give it.
func checkUses(t *testing.T, a *action, node any) {
	t.Helper()
	switch x := node.(type) {
	case []any:
		for _, y := range x {
			checkUses(t, a, y)
		}
	case map[string]any:
		if ref, ok := strings.CutPrefix(fmt.Sprint(x["uses"]), "peelhq/peel@"); ok {
			if !pinned.MatchString(ref) {
				t.Errorf("the action is taken at %s, which may move", ref)
			}
			with, _ := x["with"].(map[string]any)
			if with["image"] == nil {
				t.Errorf("no image: %v", x)
			}
			for name := range with {
				if _, ok := a.Inputs[name]; !ok {
					t.Errorf("the action has no input %s", name)
				}
			}
		}
		for _, y := range x {
			checkUses(t, a, y)
		}
	}
}

// workspace is a new folder with the sample as image.tar.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "image.tar"), []byte(file(t, "testdata/sample.tar")), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shell runs a script as a pipeline does, with peel in its path.
func shell(t *testing.T, program, dir, script string, env ...string) (string, int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-euc", script)
	c.Dir = dir
	c.Env = append(os.Environ(), append(env, "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"))...)
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}
