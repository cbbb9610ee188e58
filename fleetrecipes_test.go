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

// fleetRecipes returns the blocks of docs/fleet/pipelines.md that are complete files.
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

// TestFleetRecipes checks that each recipe for a registry is valid for its system: GitLab's by
// its schema, Slurm's by running it in bash. actionlint checks GitHub's, in .ci/run.
func TestFleetRecipes(t *testing.T) {
	all := fleetRecipes(t)
	if all["fleet-github"] == "" || all["fleet-gitlab"] == "" || all["fleet-slurm"] == "" {
		t.Fatalf("got recipes for %d systems", len(all))
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
			t.Errorf("%s doesn't run peel fleet", name)
		}
	}
}

// fleetCommand matches a command of a recipe or page, with its subcommand.
var fleetCommand = regexp.MustCompile(`peel fleet ([a-z]+)((?: [^|>\n` + "`" + `\\]+)?)`)

// helpOf returns the help of a subcommand of peel fleet.
func helpOf(t *testing.T, command string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cmd.Main([]string{"fleet", command, "--help"}, strings.NewReader(""), &out, &errs); code != 0 || out.Len() == 0 {
		t.Fatalf("peel fleet %s --help: got exit code %d\n%s", command, code, errs.Bytes())
	}
	return out.String()
}

// TestFleetCommandsInDocs checks that the pages about fleets name only existing commands and
// flags.
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
			t.Errorf("%s: no flags found", page)
		}
	}
}
