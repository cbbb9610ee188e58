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

	"github.com/peelhq/peel/internal/testkit"
)

// parsed parses a file, or part of one, as YAML.
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

// action has the fields of action.yml that the test checks.
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

// expression matches the expressions that GitHub replaces in action.yml.
var expression = regexp.MustCompile(`\$\{\{ *([\w.-]+) *\}\}`)

// TestAction checks that the action's expressions refer to things that exist, that its scripts
// exist and are executable, and that no input becomes part of a script.
func TestAction(t *testing.T) {
	var a action
	text := file(t, "action.yml")
	parsed(t, text, &a)
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("got action.yml %+v", a)
	}
	known := map[string]bool{"github.token": true}
	for name, in := range a.Inputs {
		known["inputs."+name] = true
		if in.Description == "" || in.Default == nil && !in.Required {
			t.Errorf("input %s has no description or no default", name)
		}
		if !strings.Contains(text, "inputs."+name) {
			t.Errorf("input %s isn't used", name)
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
				t.Errorf("%s isn't executable: %v", path, err)
				continue
			}
			script := file(t, path)
			scripts += script
			for name := range s.Env {
				if !strings.Contains(script, name) {
					t.Errorf("%s ignores %s", path, name)
				}
			}
		}
	}
	for name, out := range a.Outputs {
		known["steps.check.outputs."+name] = true
		if out.Value != "${{ steps.check.outputs."+name+" }}" || !strings.Contains(scripts, `echo "`+name+"=") {
			t.Errorf("output %s is %s, but no step sets that", name, out.Value)
		}
	}
	for _, m := range expression.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("%s doesn't exist", m[1])
		}
	}
	if n := strings.Count(text, "${{"); n != len(expression.FindAllString(text, -1)) {
		t.Errorf("found %d expressions, some of a form that this test doesn't know", n)
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

// TestGitLabTemplate runs the template's job in a shell as GitLab's runner would. The job must
// fail if a rule fails, and leave the files that it promises.
func TestGitLabTemplate(t *testing.T) {
	testkit.Long(t, "it runs the jobs of a pipeline")
	var template struct {
		Variables map[string]string
		Peel      job
	}
	parsed(t, file(t, "docs/ci/gitlab.yml"), &template)
	j := template.Peel
	if len(j.Script) == 0 || !slices.Equal(j.Image.Entrypoint, []string{""}) || !strings.HasPrefix(j.Image.Name, "ghcr.io/peelhq/peel:") || j.Artifacts.When != "always" {
		t.Fatalf("got job %+v", j)
	}
	// A reference to the template always means the same version of peel, as with the Action.
	if version := strings.TrimSpace(file(t, ".github/action/version")); template.Variables["PEEL_TAG"] != version+"-shell" {
		t.Errorf("the template runs peel %s, but the Action of this commit runs %s", template.Variables["PEEL_TAG"], version)
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
			t.Errorf("with %q: got exit code %d, want %d\n%s", flags, code, want, out)
		}
		for _, name := range append(j.Artifacts.Paths, j.Artifacts.Reports["junit"], j.Artifacts.Reports["codequality"]) {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
				t.Errorf("artifact %s: %v", name, err)
			}
		}
	}
}

// block matches a fenced block of a page, with the line above it.
var block = regexp.MustCompile("(?ms)^([^\n]*)\n```(\\w+)\n(.*?)\n```$")

// TestPipelinesPage checks that the blocks in docs/ci.md can be pasted: YAML is valid, inputs
// exist in the action, and marked shell commands end with the exit code in their mark.
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
				t.Errorf("got exit code %d, want %d:\n%s\n%s", got, want, text, out)
			}
			ran++
		}
	}
	if ran < 2 {
		t.Errorf("ran %d blocks", ran)
	}
	for name := range a.Inputs {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/ci.md doesn't mention the input %s", name)
		}
	}
}

// TestActionReferences checks that the pages that don't ask you to replace the version name the
// release that the action of this commit installs.
func TestActionReferences(t *testing.T) {
	want := "v" + strings.TrimSpace(file(t, ".github/action/version"))
	ref := regexp.MustCompile(`uses: peelhq/peel@(\S+)`)
	for _, page := range []string{"README.md", "docs/how-to/gate-a-pull-request.md"} {
		found := ref.FindAllStringSubmatch(file(t, page), -1)
		if len(found) == 0 {
			t.Errorf("%s doesn't use the action", page)
		}
		for _, m := range found {
			if m[1] != want {
				t.Errorf("%s uses the action at %s, want %s, as in .github/action/version", page, m[1], want)
			}
		}
	}
}

// pinned matches a reference that never moves: a release's tag or a commit.
var pinned = regexp.MustCompile(`^(v\d+\.\d+\.\d+|[0-9a-f]{40})$`)

// checkUses checks the steps that use the action, and their inputs.
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
				t.Errorf("the action is referenced at %s, which may move", ref)
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

// workspace returns a new folder with the sample as image.tar.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "image.tar"), []byte(file(t, "testdata/sample.tar")), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shell runs a script as a pipeline does, with peel on its PATH.
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
