package cmd

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

func TestReadBuildCall(t *testing.T) {
	t.Chdir(t.TempDir())
	testkit.WriteFiles(t, ".", map[string]string{"Dockerfile": "FROM a", "x/Dockerfile": "FROM x", "x/other": "FROM o", "c/Containerfile": "FROM c", "c/Dockerfile": "FROM d", "-odd/Dockerfile": "FROM e"})
	for _, c := range []struct{ args, idFile, file string }{
		{"", "", "Dockerfile"},
		{".", "", "Dockerfile"},
		{"-t app:1 x", "", "x/Dockerfile"},
		{"x -t app:1", "", "x/Dockerfile"},
		{"x -q --no-cache", "", "x/Dockerfile"},
		{"--no-cache x", "", "x/Dockerfile"},
		{"--pull=false x", "", "x/Dockerfile"},
		{"-f x/other .", "", "x/other"},
		{"-fx/other .", "", "x/other"},
		{"-f=x/other .", "", "x/other"},
		{"-qf x/other .", "", "x/other"},
		{"--file x/other .", "", "x/other"},
		{"--file=x/other .", "", "x/other"},
		{". --file=x/other", "", "x/other"},
		{"-f other x", "", "x/other"},
		{"-f - .", "", ""},
		{"-", "", ""},
		{"https://example.com/app.git", "", ""},
		{"git@example.com:app.git", "", ""},
		{"-f https://example.com/Dockerfile .", "", ""},
		{"-f absent .", "", ""},
		{"c", "", "c/Containerfile"},
		{"--iidfile id .", "id", "Dockerfile"},
		{"--iidfile=id x", "id", "x/Dockerfile"},
		{"--build-arg A=x --build-arg=B=y x", "", "x/Dockerfile"},
		{"--label a -- -odd", "", "-odd/Dockerfile"},
		{"--build-arg", "", "Dockerfile"},
	} {
		got := readBuildCall(strings.Fields(c.args))
		if got.idFile != c.idFile || filepath.ToSlash(got.dockerfile) != c.file {
			t.Errorf("%q: %+v, want %q and %q", c.args, got, c.idFile, c.file)
		}
	}
}

func TestOwnFlags(t *testing.T) {
	for _, c := range []struct{ args, own, rest string }{
		{"-t a .", "", "-t a ."},
		{"--check -t a .", "--check", "-t a ."},
		{"--engine podman --config=x . --check", "--engine podman --config=x", ". --check"},
		{"--check -- --check .", "--check", "--check ."},
		{"--help", "--help", ""},
		{"", "", ""},
	} {
		own, rest := ownFlags(strings.Fields(c.args))
		if !slices.Equal(own, strings.Fields(c.own)) || !slices.Equal(rest, strings.Fields(c.rest)) {
			t.Errorf("%q: %q and %q", c.args, own, rest)
		}
	}
}

// fakeBuilder makes a fake builder the only program on PATH. It logs its arguments and runs the
// script; $ID is the file for the image's ID.
func fakeBuilder(t *testing.T, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the builder is a script")
	}
	dir := t.TempDir()
	text := "#!/bin/sh\necho \"${0##*/} $*\" > \"$LOG\"\nwhile [ $# -gt 0 ]; do [ \"$1\" = --iidfile ] && ID=$2; shift; done\n" + script
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LOG", filepath.Join(dir, "log"))
	t.Setenv("PATH", dir)
}

func calledAs(t *testing.T) string { return strings.TrimSpace(read(t, os.Getenv("LOG"))) }

func TestBuildFails(t *testing.T) {
	testkit.NoEngines(t)
	t.Chdir(t.TempDir())
	t.Setenv("CI", "")
	for _, c := range []struct {
		name, script string
		args         []string
		code         int
		says         string
	}{
		{"its exit code is kept", "echo out; echo broken >&2; exit 17", []string{"-t", "app:1", "."}, 17, ""},
		{"killed", "kill -9 $$", []string{"."}, 137, ""},
		{"no ID", "exit 0", []string{"--output", "x", "."}, exitWork, "the build left no image in docker: it wrote no ID"},
		{"no image's ID", "echo 'a\x1b' > \"$ID\"", []string{"."}, exitWork, "what it wrote is not an image's ID"},
		{"an image that doesn't exist", "printf sha256:%064d 0 > \"$ID\"", []string{"."}, exitWork, "cannot open docker://sha256:0000"},
		{"an unknown builder", "", []string{"--engine", "kaniko", "."}, exitUsage, "unknown builder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fakeBuilder(t, "docker", c.script)
			r := peel(append([]string{"build"}, c.args...)...)
			if r.code != c.code || !strings.Contains(r.err, c.says) || c.says == "" && strings.Contains(r.err, "peel:") || strings.Contains(r.err, "\x1b") {
				t.Errorf("got exit code %d, want %d with %q; %s%s", r.code, c.code, c.says, r.out, r.err)
			}
			if c.name == "its exit code is kept" && (r.out != "out\n" || r.err != "broken\n") {
				t.Errorf("its output: %q, %q", r.out, r.err)
			}
		})
	}
	t.Run("without a builder", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if r := peel("build", "."); r.code != exitWork || !strings.Contains(r.err, "none of docker, podman, buildah is installed") {
			t.Errorf("exit code %d, %s", r.code, r.err)
		}
		if r := peel("build", "--engine", "buildah", "."); r.code != exitWork || !strings.Contains(r.err, "buildah is not installed") {
			t.Errorf("exit code %d, %s", r.code, r.err)
		}
	})
}

func TestBuildCall(t *testing.T) {
	testkit.NoEngines(t)
	t.Chdir(t.TempDir())
	for _, c := range []struct{ name, args, want string }{
		{"docker", "-t app:1 --no-cache .", "docker build --iidfile ID -t app:1 --no-cache ."},
		{"podman", "-f x .", "podman build --iidfile ID -f x ."},
		{"buildah", "--engine buildah .", "buildah build --iidfile ID ."},
		{"docker", "--check -- --check .", "docker build --iidfile ID --check ."},
		{"docker", "--iidfile own .", "docker build --iidfile own ."},
	} {
		fakeBuilder(t, c.name, "exit 3")
		if r := peel(append([]string{"build"}, strings.Fields(c.args)...)...); r.code != 3 {
			t.Errorf("peel build %s: got exit code %d, %s", c.args, r.code, r.err)
		}
		got := strings.Fields(calledAs(t))
		if len(got) > 3 && strings.HasSuffix(got[3], "iid") {
			got[3] = "ID"
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("peel build %s: got %q, want %q", c.args, got, c.want)
		}
	}
	fakeBuilder(t, "buildah", "exit 4")
	if r := peel("--engine", "buildah", "build", "."); r.code != 4 {
		t.Errorf("with --engine first: got exit code %d, %s", r.code, r.err)
	}
	fakeBuilder(t, "podman", "exit 5")
	t.Setenv("PEEL_ENGINE", "podman")
	if r := peel("build", "."); r.code != 5 {
		t.Errorf("with PEEL_ENGINE: got exit code %d, %s", r.code, r.err)
	}
	if r := peel("build", "--help"); r.code != 0 || !strings.Contains(r.out, "--engine") {
		t.Errorf("help: got exit code %d, %s", r.code, r.out)
	}
}
