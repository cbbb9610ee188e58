package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestWhichEngine checks that a bare name is looked up in each engine in turn, or in the one
// that Options.Engine names, and that a note says if an engine other than the environment's has
// it.
func TestWhichEngine(t *testing.T) {
	const image = "peel.invalid/which:1" // no engine on this machine has it
	for _, c := range []struct {
		name   string
		has    string // engines that have the image
		chosen string // engines named by environment variables; otherwise podman listens at its default address
		engine string
		from   string // the engine that answered
		told   string
		err    []string
	}{
		{name: "both", has: "docker podman", chosen: "DOCKER_HOST", from: "docker"},
		{name: "podman alone", has: "podman", chosen: "DOCKER_HOST", from: "podman", told: "podman, not docker, DOCKER_HOST"},
		{name: "podman alone, both chosen", has: "podman", chosen: "DOCKER_HOST CONTAINER_HOST", from: "podman"},
		{name: "both, podman asked", has: "docker podman", chosen: "DOCKER_HOST", engine: "podman", from: "podman"},
		{name: "podman alone, docker asked", has: "podman", chosen: "DOCKER_HOST", engine: "docker", err: []string{image, "DOCKER_HOST"}},
		{name: "neither", chosen: "DOCKER_HOST", err: []string{"docker", "podman"}},
		{name: "an engine that does not exist", chosen: "DOCKER_HOST", engine: "moby", err: []string{`unknown engine "moby": use docker`, "podman"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := testkit.NoEngines(t)
			t.Setenv("XDG_RUNTIME_DIR", home)
			s, _, _ := newFakeStore(t)
			for engine, at := range map[string]struct{ variable, socket string }{
				"docker": {"DOCKER_HOST", "docker.sock"},
				"podman": {"CONTAINER_HOST", "podman/podman.sock"},
			} {
				e := &testkit.Engine{API: "1.41", Archive: string(s.archive), Images: map[string]map[string]any{}, List: []any{}}
				if strings.Contains(c.has, engine) {
					app := testkit.AppImage("linux/amd64")
					app["Id"], app["RootFS"] = s.id, map[string]any{"Type": "layers", "Layers": s.diffIDs}
					e.Images[image], e.Images[s.id] = app, app
				}
				socket := testkit.UnixServer(t, e)
				if strings.Contains(c.chosen, at.variable) {
					t.Setenv(at.variable, "unix://"+socket)
					continue
				}
				path := filepath.Join(home, at.socket)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(socket, path); err != nil {
					t.Fatal(err)
				}
			}
			told := ""
			im, err := Open(t.Context(), image, Options{
				Engine: c.engine, Offline: true, Via: ViaAPI,
				OtherEngine: func(answered, instead, by string) { told += fmt.Sprintf("%s, not %s, %s", answered, instead, by) },
			})
			if c.err != nil {
				for _, text := range c.err {
					if err == nil || !strings.Contains(err.Error(), text) {
						t.Errorf("error %v\nlacks %q", err, text)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			if want := c.from + "://" + image; im.Source != want || told != c.told {
				t.Errorf("got source %s and note %q; want %s, %q", im.Source, told, want, c.told)
			}
		})
	}
}

// TestPlacesOfEngine checks that Options.Engine limits lists to the images and containers of
// that engine.
func TestPlacesOfEngine(t *testing.T) {
	for _, engine := range Engines() {
		if places := Places(".", Options{Engine: engine}); len(places) != 2 || places[0].Name != engine || !places[1].Containers {
			t.Errorf("%s: %v", engine, places)
		}
	}
}

// TestTellEngine checks that a note appears only if an engine other than the environment's
// answered.
func TestTellEngine(t *testing.T) {
	for _, c := range []struct{ name, env, value, answered, told string }{
		{"nothing is chosen", "", "", "podman", ""},
		{"that one", "CONTAINER_HOST", "unix:///x", "podman", ""},
		{"another variable", "CONTAINER_HOST", "unix:///x", "docker", "docker, not podman, CONTAINER_HOST"},
		{"a connection", "CONTAINER_CONNECTION", "x", "docker", "docker, not podman, CONTAINER_CONNECTION"},
		{"a context", "DOCKER_CONTEXT", "build", "podman", `podman, not docker, context "build"`},
		{"the default context", "DOCKER_CONTEXT", "default", "podman", ""},
		{"no engine", "DOCKER_HOST", "unix:///x", "a registry", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			testkit.NoEngines(t)
			if c.env != "" {
				t.Setenv(c.env, c.value)
			}
			told := ""
			o := opener{Options: Options{OtherEngine: func(answered, instead, by string) {
				told += fmt.Sprintf("%s, not %s, %s", answered, instead, by)
			}}}
			for _, k := range kinds() {
				if k.place == c.answered {
					o.tellEngine(&k)
				}
			}
			if told != c.told {
				t.Errorf("told %q, want %q", told, c.told)
			}
		})
	}
}

// TestPrefixAlone checks that a prefix with nothing after it isn't looked up anywhere.
func TestPrefixAlone(t *testing.T) {
	for _, k := range kinds() {
		if k.prefix == "" || k.takes == "" {
			continue
		}
		_, err := Open(t.Context(), k.prefix, Options{Offline: true})
		testkit.WantError(t, err, "the name is missing; write "+k.form())
	}
}

// TestMeantScheme checks the suggestion for a mistyped reference.
func TestMeantScheme(t *testing.T) {
	for ref, want := range map[string]string{
		"dockr://app:1":        "did you mean docker://?",
		"DOCKER://app:1":       "did you mean docker://?",
		"conainer://web":       "did you mean container://?",
		"https://example.test": "peel reads docker://NAME",
		"docker:app:1":         "did you mean docker://app:1?",
		"container:web":        "did you mean container://web?",
	} {
		testkit.NoEngines(t)
		_, err := Open(t.Context(), ref, Options{Offline: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v\nlacks %q", ref, err, want)
		}
	}
}
