package cmd

import (
	"slices"
	"strings"
	"testing"
)

// TestFlagWords checks what the shell completes flags with.
func TestFlagWords(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string // some of the words
	}{
		{[]string{"check", "--warn", ""}, []string{"min-efficiency", "max-wasted"}},
		{[]string{"check", "--error", ""}, []string{"min-efficiency", "max-wasted"}},
		{[]string{"report", "-f", ""}, []string{"text", "json", "html"}},
		{[]string{"fix", "--choose", ""}, []string{"all"}},
		{[]string{"ls", "--sort", ""}, []string{"name", "size"}},
		{[]string{"squash", "--compress", ""}, []string{"gzip", "zstd"}},
		{[]string{"--engine", ""}, []string{"docker", "podman"}},
		{[]string{"report", "--engine", ""}, []string{"docker", "podman"}},
		{[]string{"fix", "--squash", ""}, nil},
	} {
		out := strings.Fields(peel(append([]string{"__completeNoDesc"}, tt.args...)...).out)
		for _, word := range tt.want {
			if !slices.Contains(out, word) {
				t.Errorf("%q: got %q, which lacks %s", tt.args, out, word)
			}
		}
		if !slices.Contains(out, ":4") { // no files
			t.Errorf("%q: got %q", tt.args, out)
		}
	}
}
