package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestBuildWithEngines builds with the real builders through peel build. Findings name the
// Dockerfile's lines.
func TestBuildWithEngines(t *testing.T) {
	needEngines(t)
	peel := buildProgram(t)
	for _, engine := range []string{"docker", "podman"} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			testkit.WriteFiles(t, dir, map[string]string{
				"ctx/a": strings.Repeat("a", 300_000), "ctx/b": strings.Repeat("b", 400_000),
				"Containerfile.x": "FROM scratch\nLABEL " + containerLabel + "\nCOPY a /a\nCOPY b /a\n",
			})
			id := filepath.Join(dir, "iid")
			c := exec.CommandContext(t.Context(), string(peel), "build", "--check", "--config=none", "--engine", engine, "-q", "--iidfile", id, "-f", "Containerfile.x", "ctx")
			c.Dir = dir
			c.Env = append(os.Environ(), "DOCKER_BUILDKIT=0", "PEEL_FORMAT=json")
			var out, said bytes.Buffer
			c.Stdout, c.Stderr = &out, &said
			err := c.Run()
			defer func() {
				if text, err := os.ReadFile(id); err == nil {
					run(t, engine, "rmi", "-f", strings.TrimSpace(string(text)))
				}
			}()
			if err != nil && c.ProcessState == nil || c.ProcessState.ExitCode() != 1 {
				t.Fatalf("error %v\n%s%s", err, out.String(), said.String())
			}
			_, document, _ := bytes.Cut(out.Bytes(), []byte("\n")) // after the ID, which the builder prints
			if !json.Valid(document) {
				t.Fatalf("no JSON:\n%s", out.String())
			}
			if !strings.Contains(string(document), "Containerfile.x") {
				t.Errorf("no line of the Dockerfile in\n%s", document)
			}
		})
	}
}
