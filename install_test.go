package main

import (
	"os/exec"
	"strings"
	"testing"
)

// One program comes of go install ./...: our own programs, for benchmarks and pictures,
// are built with the tag dev alone.
func TestOneProgram(t *testing.T) {
	for _, tt := range []struct {
		tags string
		want func(programs int) bool
	}{
		{"", func(n int) bool { return n == 1 }},
		{"dev", func(n int) bool { return n > 5 }},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", tt.tags, "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...").Output()
		if err != nil {
			t.Fatal(err)
		}
		if programs := strings.Fields(string(out)); !tt.want(len(programs)) || programs[0] != module {
			t.Errorf("with the tags %q, these are installed: %q", tt.tags, programs)
		}
	}
}
