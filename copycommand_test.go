//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestCopiedCommandsOnScreen checks that the command that the screen copies runs in a shell and
// prints what was shown.
func TestCopiedCommandsOnScreen(t *testing.T) {
	testkit.Long(t, "it opens many screens")
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	tests := []struct {
		name, keys string
		command    string // prefix
		prints     []string
	}{
		{"a directory", "Cg", "peel ls testdata/sample.tar /usr -l", []string{"bin", "lib"}},
		{"a filter", "f*.conf\r", "peel ls testdata/sample.tar -l '--filter=*.conf'", []string{"/etc/nginx/nginx.conf"}},
		{"a layer alone", "Cgm", "peel ls testdata/sample.tar", nil},
		{"the history", "/nginx.conf\r\t", "peel log testdata/sample.tar /etc/nginx/nginx.conf", []string{"layer"}},
		{"a file", "/nginx.conf\rv", "peel cat testdata/sample.tar /etc/nginx/nginx.conf --layer=", nil},
		{"the image", "3", "peel report testdata/sample.tar", []string{"stored"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			term := testkit.Start(t, exec.Command(program, "testdata/sample.tar"), 200, 40)
			term.WaitFor("srv")
			term.WaitIdle()
			for _, k := range tt.keys {
				term.Send(string(k))
			}
			term.WaitIdle()
			term.Send("$")
			term.WaitFor("command copied")
			_, line, _ := strings.Cut(term.WaitIdle(), "if the terminal allows it: ")
			line, _, _ = strings.Cut(line, "\n")
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, tt.command) {
				t.Fatalf("%s\nwant %s ...", line, tt.command)
			}
			out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", line, err, out)
			}
			for _, s := range tt.prints {
				if !strings.Contains(string(out), s) {
					t.Errorf("%s prints no %q:\n%s", line, s, out)
				}
			}
			term.Send("\x03")
			term.WaitExit()
		})
	}
}
