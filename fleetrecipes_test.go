//go:build linux

package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/peelhq/peel/cmd"
)

// fleetRecipes returns the blocks of docs/fleet/pipelines.md that are whole files.
func fleetRecipes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range block.FindAllStringSubmatch(file(t, "docs/fleet/pipelines.md"), -1) {
		if name, ok := strings.CutPrefix(m[1], "<!-- recipe: "); ok {
			all[strings.TrimSuffix(name, " -->")] = m[3]
		}
	}
	return all
}

// Each recipe for a registry is a file that its system takes: GitLab's by its schema,
// Slurm's by bash, which runs it. GitHub's is checked by actionlint, in .ci/run.
func TestFleetRecipes(t *testing.T) {
	all := fleetRecipes(t)
	if all["fleet-github"] == "" || all["fleet-gitlab"] == "" || all["fleet-slurm"] == "" {
		t.Fatalf("recipes of %d systems", len(all))
	}
	doc := map[string]any{}
	parsed(t, all["fleet-gitlab"], &doc)
	if err := recipeSchema(t, "gitlab-ci").Validate(plain(t, doc)); err != nil {
		t.Error(err)
	}
	bash := exec.Command("bash", "-n")
	bash.Stdin = strings.NewReader(all["fleet-slurm"])
	if out, err := bash.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for name, text := range all {
		if strings.Count(text, "peel fleet ") == 0 {
			t.Errorf("%s runs no peel fleet", name)
		}
	}
}

// fleetCommand is a command of a recipe or a page, with its subcommand.
var fleetCommand = regexp.MustCompile(`peel fleet ([a-z]+)((?: [^|>\n` + "`" + `\\]+)?)`)

// helpOf is the help of a subcommand of peel fleet.
func helpOf(t *testing.T, command string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cmd.Main([]string{"fleet", command, "--help"}, strings.NewReader(""), &out, &errs); code != 0 || out.Len() == 0 {
		t.Fatalf("peel fleet %s --help: exit code %d\n%s", command, code, errs.Bytes())
	}
	return out.String()
}

// The pages about fleets name commands and flags that there are.
func TestFleetCommandsInDocs(t *testing.T) {
	for _, page := range []string{"docs/fleet/pipelines.md", "docs/fleet/kubernetes.md", "docs/fleet/scale.md"} {
		seen := 0
		for _, m := range fleetCommand.FindAllStringSubmatch(file(t, page), -1) {
			help := helpOf(t, m[1])
			for word := range strings.FieldsSeq(m[2]) {
				if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(flag, "--") {
					seen++
					if !strings.Contains(help, flag) {
						t.Errorf("%s: peel fleet %s has no flag %s", page, m[1], flag)
					}
				}
			}
		}
		if seen < 1 {
			t.Errorf("%s: no flags are named", page)
		}
	}
}
