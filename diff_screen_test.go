//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestDiffScreen checks that "peel diff" on a terminal opens a comparison, and prints it if
// flags require that.
func TestDiffScreen(t *testing.T) {
	testkit.Long(t, "it opens screens")
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	earlier := testkit.ShapeNamed("docker-20").Write(t, testkit.Load(t, "ui/testdata/earlier.image"))
	later := testkit.ShapeNamed("docker-20").Write(t, testkit.Load(t, "ui/testdata/later.image"))
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		t.Run(fmt.Sprintf("a screen of %d columns", size[0]), func(t *testing.T) {
			term := testkit.Start(t, exec.Command(program, "diff", earlier, later), size[0], size[1])
			term.WaitFor("app:1 → app:2 · Differences")
			term.WaitFor("large.bin")
			term.Send("/app.conf\r")
			term.WaitFor("/srv/app/app.conf")
			term.Send("d")
			term.WaitFor("- workers 4")
			term.Send("q")
			term.WaitFor("Differences")
			term.Send("2")
			term.WaitFor("Figures")
			term.Send("\x1b") // to the first view, never out of the program
			term.WaitFor("Differences")
			term.Send("q")
			if code := term.WaitExit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if screen := strings.TrimSpace(term.Screen()); screen != "" {
				t.Errorf("left behind:\n%s", screen)
			}
		})
	}
	t.Run("two layers of one", func(t *testing.T) {
		term := testkit.Start(t, exec.Command(program, "diff", later, "--from", "0", "--to", "2"), 120, 40)
		term.WaitFor("app:2 after layer 0 → app:2 after layer 2")
		term.Send("q")
		if code := term.WaitExit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("an image from standard input", func(t *testing.T) {
		term := testkit.Start(t, exec.Command("sh", "-c", `"$0" diff - "$1" <"$2"`, program, later, earlier), 120, 40)
		term.WaitFor("app:1 → app:2 · Differences")
		term.Send("/app.conf\rd")
		term.WaitFor("- workers 4")
		term.Send("qq")
		if code := term.WaitExit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{earlier, later, "-f", "text"}, 0, "The differences"},
		{[]string{earlier, later, "-n", "2"}, 0, "The largest differences (2 of"},
		{[]string{earlier, later, "--exit-code"}, 1, "The differences"},
		{[]string{earlier, later, "-o", os.DevNull}, 0, ""},
		{[]string{earlier, "none.tar"}, 3, "none.tar"},
		{[]string{earlier, "--from", "9"}, 2, "--from"},
	} {
		t.Run(strings.Join(tt.args[1:], " "), func(t *testing.T) {
			term := testkit.Start(t, exec.Command(program, append([]string{"diff"}, tt.args...)...), 120, 60)
			if code := term.WaitExit(); code != tt.code || !strings.Contains(term.Screen(), tt.want) {
				t.Errorf("got exit code %d, want %d and %q:\n%s", code, tt.code, tt.want, term.Screen())
			}
		})
	}
}
