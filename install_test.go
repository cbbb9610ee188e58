package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestOneProgram checks that go install ./... installs only peel. The repository's own tools,
// for benchmarks and pictures, need the build tag dev.
func TestOneProgram(t *testing.T) {
	for _, tt := range testkit.Sample([]struct {
		tags string
		want func(programs int) bool
	}{
		{"", func(n int) bool { return n == 1 }},
		{"dev", func(n int) bool { return n > 5 }},
	}) {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", tt.tags, "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...").Output()
		if err != nil {
			t.Fatal(err)
		}
		if programs := strings.Fields(string(out)); !tt.want(len(programs)) || programs[0] != module {
			t.Errorf("with the tags %q, got %q installed", tt.tags, programs)
		}
	}
}
