//go:build linux

package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// These tests run what GitHub would run for the recipes of docs/ci.md: they have a small runner
// for the workflows in that page, and for the Action.

// workflow is a file of .github/workflows, with the fields that the recipes use.
type workflow struct {
	Jobs map[string]struct{ Steps []workflowStep }
}

type workflowStep struct {
	Uses, Run, If string
	With          map[string]any
}

// runner runs workflows as GitHub's runner does. The Action comes from this repository;
// stand-ins replace the outside world (gh, the release's server, docker, caches).
type runner struct {
	*pipeline

	action  *action
	ref     string // GITHUB_REF
	sha     string
	failed  bool // a step of this run failed
	log     string
	uploads []string // SARIF files that reached code scanning
}

// ghScript stores the comments of pull request 7 as files in the folder comments.
const ghScript = `#!/usr/bin/env bash
set -eu
cd "$(dirname "$0")/../comments"
[ -n "${GH_TOKEN:-}" ] || exit 4
case $* in
  'attestation verify --help') echo '--source-ref' ;;
  'attestation verify '*' --repo peelhq/peel '*) echo "$3" >>../attested ;;
  'api --paginate repos/example/app/issues/7/comments --jq '*)
    mark=${!#}
    case $mark in '.[] | select(.user.type == "Bot" and (.body | startswith("'*) ;; *) exit 1 ;; esac
    mark=${mark#*'startswith("'}
    mark=${mark%'"))) | .id'}
    for id in $(ls | sort -n); do
      [ "$(head -n 1 "$id")" != "$mark" ] || echo "$id"
    done
    ;;
  'api --method PATCH repos/example/app/issues/comments/'*' --field body=@'*' --silent')
    [ -e "${4##*/}" ]
    cp "${6#body=@}" "${4##*/}"
    ;;
  'api --method POST repos/example/app/issues/7/comments --field body=@'*' --silent')
    cp "${6#body=@}" "$((100 + $(ls | wc -l)))"
    ;;
  *) exit 1 ;;
esac
`

// dockerScript builds the checkout's content as built.tar: an archive with the requested name,
// which peel finds before it asks an engine.
const dockerScript = `#!/bin/sh
set -eu
[ "$1 $2" = 'build -t' ]
rm -rf "$RUNNER_TEMP/built"
mkdir "$RUNNER_TEMP/built"
tar -xf built.tar -C "$RUNNER_TEMP/built"
sed -i 's/"RepoTags":\[[^]]*\]/"RepoTags":["'"$3"'"]/' "$RUNNER_TEMP/built/manifest.json"
tar -cf "./$3" --force-local -C "$RUNNER_TEMP/built" .
`

func newRunner(t *testing.T, program string) *runner {
	t.Helper()
	r := &runner{pipeline: newPipeline(t, program), action: &action{}}
	parsed(t, file(t, "action.yml"), r.action)
	for _, d := range []string{"comments", "cache", "temp", "cached"} {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	version := strings.TrimSpace(file(t, ".github/action/version"))
	archive := packed(t, "peel", "#!/bin/sh\nexec "+program+" \"$@\"\n")
	name := "peel_" + version + "_linux_amd64.tar.gz"
	r.write("release/"+name, archive, 0o600)
	r.write("release/checksums.txt", fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(archive)), name), 0o600)
	r.write("bin/curl", "#!/bin/sh\ncase \"$*\" in\n  '-fsSL --retry 3 -o '*' https://github.com/peelhq/peel/releases/download/v"+version+"/'*) cp \""+
		filepath.Join(r.dir, "release")+"/${6##*/}\" \"$5\" ;;\n  *) exit 22 ;;\nesac\n", 0o700)
	r.write("bin/docker", dockerScript, 0o700)
	r.write("bin/gh", ghScript, 0o700)
	return r
}

// commit sets the content of the checkout: the image that its Dockerfile builds, and its rules.
func (r *runner) commit(image, rules string) {
	r.t.Helper()
	r.write("checkout/built.tar", file(r.t, image), 0o600)
	r.write("checkout/.peel.yaml", rules, 0o600)
}

// runWorkflow runs a workflow and reports whether it passed.
func (r *runner) runWorkflow(ref, sha string, w *workflow) bool {
	r.t.Helper()
	r.ref, r.sha, r.failed, r.log = ref, sha, false, ""
	own := r.env
	r.env = append(r.env, "GITHUB_ACTIONS=true", "CI=true", "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "GITHUB_REPOSITORY=example/app",
		"GITHUB_SERVER_URL=https://github.com", "GITHUB_REF="+ref, "GITHUB_SHA="+sha, "RUNNER_TEMP="+filepath.Join(r.dir, "temp"),
		"GITHUB_WORKSPACE="+filepath.Join(r.dir, "checkout"), "GITHUB_ACTION_PATH="+workingDirectory(r.t))
	defer func() { r.env = own }()
	for _, job := range w.Jobs {
		for _, s := range job.Steps {
			r.workflowStep(s)
		}
	}
	return !r.failed
}

func workingDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// modified returns when a file was written.
func modified(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

func (r *runner) workflowStep(s workflowStep) {
	r.t.Helper()
	if !r.holds(s.If, nil) {
		return
	}
	with := map[string]string{}
	for name, value := range s.With {
		with[name] = r.expand(fmt.Sprint(value), nil)
	}
	cached := filepath.Join(r.dir, "cached")
	path := filepath.Join(r.dir, "checkout", with["path"])
	switch action, _, _ := strings.Cut(s.Uses, "@"); action {
	case "":
		r.script(s.Run, nil)
	case "actions/checkout":
	case "peelhq/peel":
		r.composite(with)
	case "github/codeql-action/upload-sarif":
		r.uploads = append(r.uploads, file(r.t, filepath.Join(r.dir, "checkout", with["sarif_file"])))
	case "actions/cache/restore":
		// Restore the newest cache whose key has this prefix.
		_ = os.Remove(path)
		keys, _ := filepath.Glob(filepath.Join(cached, with["restore-keys"]+"*"))
		slices.SortFunc(keys, func(a, b string) int { return modified(r.t, a).Compare(modified(r.t, b)) })
		if len(keys) > 0 {
			r.write("checkout/"+with["path"], file(r.t, keys[len(keys)-1]), 0o600)
		}
	case "actions/cache/save":
		r.write("cached/"+with["key"], file(r.t, path), 0o600)
	default:
		r.t.Fatalf("no stand-in for %s", s.Uses)
	}
}

// composite runs the steps of action.yml.
func (r *runner) composite(with map[string]string) {
	r.t.Helper()
	known := map[string]string{"github.token": "token"}
	for name, in := range r.action.Inputs {
		known["inputs."+name] = r.expand(fmt.Sprint(in.Default), known)
	}
	for name, value := range with {
		known["inputs."+name] = value
	}
	for _, s := range r.action.Runs.Steps {
		if !r.holds(s.If, known) {
			continue
		}
		var env []string
		for name, value := range s.Env {
			env = append(env, name+"="+r.expand(value, known))
		}
		for name, value := range r.script(s.Run, env) {
			known["steps."+s.ID+".outputs."+name] = value
		}
	}
}

// script runs a step's shell script and returns its outputs.
func (r *runner) script(text string, env []string) map[string]string {
	r.t.Helper()
	for _, name := range []string{"output", "path", "summary"} {
		r.write(name, "", 0o600)
	}
	at := func(name string) string { return filepath.Join(r.dir, name) }
	log, code := r.step(recipeStep{
		shell: []string{"bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"}, script: text,
		env: append(env, "GITHUB_OUTPUT="+at("output"), "GITHUB_PATH="+at("path"), "GITHUB_STEP_SUMMARY="+at("summary")),
	})
	r.log += log
	r.failed = r.failed || code != 0
	for line := range strings.Lines(file(r.t, at("path"))) {
		i := slices.IndexFunc(r.env, func(e string) bool { return strings.HasPrefix(e, "PATH="+r.dir) })
		r.env = slices.Clone(r.env)
		r.env[i] = "PATH=" + at("bin") + ":" + strings.TrimSpace(line) + strings.TrimPrefix(r.env[i], "PATH="+at("bin"))
	}
	out := map[string]string{}
	for line := range strings.Lines(file(r.t, at("output"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		out[name] = value
	}
	return out
}

// expand replaces GitHub's expressions, all of which are names here.
func (r *runner) expand(text string, known map[string]string) string {
	return expression.ReplaceAllStringFunc(text, func(m string) string {
		return r.value(expression.FindStringSubmatch(m)[1], known)
	})
}

var hashFiles = regexp.MustCompile(`^hashFiles\('([^']+)'\)$`)

// value returns the value of an expression without operators.
func (r *runner) value(expr string, known map[string]string) string {
	if m := hashFiles.FindStringSubmatch(expr); m != nil {
		if _, err := os.Stat(filepath.Join(r.dir, "checkout", m[1])); err != nil {
			return ""
		}
		return "hash"
	}
	if strings.HasPrefix(expr, "'") {
		return strings.Trim(expr, "'")
	}
	if value, ok := map[string]string{"github.ref": r.ref, "github.sha": r.sha}[expr]; ok {
		return value
	}
	return known[expr]
}

// holds reports whether a step with this condition runs.
func (r *runner) holds(condition string, known map[string]string) bool {
	always := false
	for term := range strings.SplitSeq(condition, "&&") {
		term = strings.TrimSpace(term)
		a, b, equal := strings.Cut(term, " == ")
		c, d, differ := strings.Cut(term, " != ")
		switch {
		case term == "always()":
			always = true
		case equal && r.value(a, known) != r.value(b, known), differ && r.value(c, known) == r.value(d, known):
			return false
		case term != "" && !equal && !differ:
			r.t.Fatalf("this runner doesn't know the condition %s", condition)
		}
	}
	return always || !r.failed
}

// comments returns the comments of the pull request, by number.
func (r *runner) comments() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	files, err := os.ReadDir(filepath.Join(r.dir, "comments"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range files {
		all[f.Name()] = file(r.t, filepath.Join(r.dir, "comments", f.Name()))
	}
	return all
}

// TestRollOut follows docs/ci.md in a new repository: it pastes the workflow with the comment,
// and pushes three times to a pull request.
func TestRollOut(t *testing.T) {
	testkit.Long(t, "it runs a whole pipeline several times")
	r := newRunner(t, build(t))
	var w workflow
	parsed(t, recipes(t)["github-comment"], &w)
	push := func(want bool) {
		t.Helper()
		if got := r.runWorkflow("refs/pull/7/merge", "1", &w); got != want {
			t.Fatalf("passed: %v, want %v\n%s", got, want, r.log)
		}
	}

	r.commit("testdata/sample.tar", failing)
	push(false)
	first := r.comments()
	if len(first) != 1 || !strings.Contains(first["100"], "max-wasted") || !strings.Contains(first["100"], "app:ci") {
		t.Fatalf("comments: %q\n%s", first, r.log)
	}
	if !strings.Contains(r.log, "the checksum and the attestation are verified") || !strings.Contains(r.log, "FAIL") || !strings.Contains(r.log, "::error title=") {
		t.Errorf("the log:\n%s", r.log)
	}
	if len(r.uploads) != 1 || !strings.Contains(r.uploads[0], `"2.1.0"`) {
		t.Errorf("SARIF of a failed run: %q", r.uploads)
	}
	if !strings.Contains(file(t, filepath.Join(r.dir, "attested")), ".tar.gz") {
		t.Error("gh wasn't asked about the archive")
	}

	r.commit("testdata/sample.tar", passing)
	push(true)
	if second := r.comments(); len(second) != 1 || second["100"] == first["100"] || strings.Contains(second["100"], "max-wasted") {
		t.Errorf("the comment wasn't replaced: %q", second)
	}

	// With a second image in a separate step, two comments appear, and each is replaced by its
	// own.
	job := w.Jobs["image"]
	for _, s := range slices.Clone(job.Steps) {
		if s.With["image"] == "app:ci" {
			other := s
			other.With = maps.Clone(s.With)
			other.With["image"] = "job:ci"
			job.Steps = slices.Insert(job.Steps, 2, workflowStep{Run: "docker build -t job:ci ."}, other)
		}
	}
	w.Jobs["image"] = job
	for range testkit.Size(2, 1) {
		push(true)
		both := r.comments()
		if len(both) != 2 || !strings.Contains(both["100"], "app:ci") || !strings.Contains(both["101"], "job:ci") {
			t.Fatalf("comments: %q\n%s", both, r.log)
		}
	}

	// Without a pull request, no comment is written.
	if !r.runWorkflow("refs/heads/main", "2", &w) || len(r.comments()) != 2 {
		t.Errorf("on main: got %d comments\n%s", len(r.comments()), r.log)
	}
}

// TestRollOutPlain checks that the plain workflow fails if a rule fails, and that several
// images take one step and one comment.
func TestRollOutPlain(t *testing.T) {
	r := newRunner(t, build(t))
	var w workflow
	parsed(t, recipes(t)["github"], &w)
	for _, c := range []struct {
		rules string
		want  bool
	}{{passing, true}, {failing, false}} {
		r.commit("testdata/sample.tar", c.rules)
		if got := r.runWorkflow("refs/pull/7/merge", "1", &w); got != c.want || len(r.comments()) != 0 {
			t.Errorf("passed: got %v, want %v; %d comments\n%s", got, c.want, len(r.comments()), r.log)
		}
	}
	for _, s := range w.Jobs["image"].Steps {
		if s.With["image"] != nil {
			s.With["image"], s.With["comment"] = "app:ci\njob:ci\n", true
		}
	}
	w.Jobs["image"] = struct{ Steps []workflowStep }{append([]workflowStep{{Run: "docker build -t job:ci ."}}, w.Jobs["image"].Steps...)}
	r.commit("testdata/sample.tar", passing)
	if !r.runWorkflow("refs/pull/7/merge", "1", &w) {
		t.Errorf("two images\n%s", r.log)
	}
	if all := r.comments(); len(all) != 1 || !strings.Contains(all["100"], "app:ci") || !strings.Contains(all["100"], "job:ci") {
		t.Errorf("comments: %q", all)
	}
}

// TestRollOutBaseline checks the workflow with a baseline: main saves one; a pull request that
// grows the image fails against it and doesn't replace it.
func TestRollOutBaseline(t *testing.T) {
	testkit.Long(t, "it runs a workflow six times; TestRollOut runs another one, and TestBaselineRecipes has other baselines")
	r := newRunner(t, build(t))
	var w workflow
	parsed(t, recipes(t)["baseline-github"], &w)
	const pull, main = "refs/pull/7/merge", "refs/heads/main"
	for _, c := range []struct {
		is, ref, sha, image string
		want                bool
		says                string
		cached              int
	}{
		{"before there is one", pull, "1", "testdata/sample.tar", true, "no baseline", 0},
		{"main keeps one", main, "2", "testdata/sample.tar", true, "no baseline", 1},
		{"the same image", pull, "3", "testdata/sample.tar", true, "max-growth", 1},
		{"a larger one", pull, "4", "testdata/docker20.tar", false, "max-growth", 1},
		{"a larger one, on main", main, "5", "testdata/docker20.tar", false, "max-growth", 1},
		{"main again", main, "6", "testdata/sample.tar", true, "max-growth", 2},
	} {
		r.commit(c.image, passing)
		got := r.runWorkflow(c.ref, c.sha, &w)
		cached, _ := filepath.Glob(filepath.Join(r.dir, "cached", "peel-baseline-*"))
		if got != c.want || !strings.Contains(r.log, c.says) || len(cached) != c.cached {
			t.Errorf("%s: passed: got %v, want %v and %q; %d caches, want %d\n%s", c.is, got, c.want, c.says, len(cached), c.cached, r.log)
		}
	}
}
