package cmd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestEngineFlag checks that if the image of a name comes from an engine other than the one
// DOCKER_HOST names, a line on standard error says so, unless --engine asks for that engine.
func TestEngineFlag(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system don't use sockets")
	}
	const image = "peel.invalid/engine:1" // no engine on this machine has it
	inFolder(t, "docker-25", story)
	archive, err := os.ReadFile("app.tar")
	if err != nil {
		t.Fatal(err)
	}
	home := testkit.NoEngines(t)
	app := testkit.AppImage("linux/amd64")
	podman := &testkit.Engine{
		API: "1.41", Archive: string(archive), Images: map[string]map[string]any{image: app, testkit.AppID: app},
		List: []any{map[string]any{"Id": testkit.AppID, "RepoTags": []string{image}}},
	}
	if err := os.Mkdir(filepath.Join(home, "podman"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(testkit.UnixServer(t, podman), filepath.Join(home, "podman", "podman.sock")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", home)
	t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, &testkit.Engine{API: "1.41", List: []any{}}))

	const want = "peel: found the image in podman; docker, which DOCKER_HOST names, does not have it or does not answer (--engine docker asks only that one)\n"
	r := peel("report", image, "--via", "api")
	if r.code != 0 || r.err != want {
		t.Errorf("got exit code %d, standard error %q, want %q", r.code, r.err, want)
	}
	if out := must(t, "report", image, "--via", "api", "--engine", "podman"); out != r.out {
		t.Errorf("with --engine podman, the report differs:\n%s", out)
	}
	r = peel("report", image, "--engine", "docker")
	if r.code != 3 || strings.Contains(r.err, "podman") {
		t.Errorf("got exit code %d, standard error %q, want only docker to be asked", r.code, r.err)
	}
	r = peel("report", image, "--engine", "moby")
	if r.code != 2 || !strings.Contains(r.err, "unknown engine") {
		t.Errorf("got exit code %d, standard error %q", r.code, r.err)
	}
	r = peel("report", "docker://"+image, "--engine", "podman")
	if r.code != 2 || !strings.Contains(r.err, "docker://"+image+" is of docker: --engine podman does not fit it") {
		t.Errorf("got exit code %d, standard error %q", r.code, r.err)
	}
	if out := must(t, "images", "--engine", "podman"); !strings.Contains(out, image) {
		t.Errorf("podman's images:\n%s", out)
	}
	if r := peel("images", "--engine", "docker"); strings.Contains(r.out, image) {
		t.Errorf("docker's images:\n%s", r.out)
	}
	for engine, want := range map[string]bool{"docker": false, "podman": true} {
		if out := peel("__complete", "--engine", engine, "report", "peel.inv").out; strings.Contains(out, image) != want {
			t.Errorf("%s offers:\n%s", engine, out)
		}
	}
}
