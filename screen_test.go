//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// build builds the program once for the tests of this file.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "peel")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestScreen runs the real program on a terminal: it shows the image, follows
// keys and the terminal's size, and leaves the terminal as it was.
func TestScreen(t *testing.T) {
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	open := func(t *testing.T, width, height int) *testkit.Terminal {
		term := testkit.Start(t, exec.Command(program, filepath.Join("testdata", "sample.tar")), width, height)
		term.WaitFor("srv")
		return term
	}
	t.Run("quit", func(t *testing.T) {
		term := open(t, 120, 40)
		term.Send("q")
		if code := term.WaitExit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if screen := strings.TrimSpace(term.Screen()); screen != "" {
			t.Errorf("left behind:\n%s", screen)
		}
	})
	t.Run("keys", func(t *testing.T) {
		term := open(t, 120, 40)
		before := term.WaitIdle()
		term.Send("j")
		moved := term.WaitChange(before)
		term.Send("?")
		if help := term.WaitChange(moved); !strings.Contains(help, "Help") {
			t.Errorf("? shows no help:\n%s", help)
		}
		term.Send("\x03")
		if code := term.WaitExit(); code != 0 && code != 130 {
			t.Errorf("exit code %d after Ctrl-C", code)
		}
	})
	t.Run("resize", func(t *testing.T) {
		term := open(t, 120, 40)
		for _, size := range [][2]int{{80, 24}, {40, 10}, {20, 5}, {200, 60}} {
			before := term.Screen()
			term.Resize(size[0], size[1])
			rows := strings.Split(strings.TrimRight(term.WaitChange(before), "\n"), "\n")
			if len(rows) > size[1] || strings.TrimSpace(strings.Join(rows, "")) == "" {
				t.Errorf("%d by %d: %d rows:\n%s", size[0], size[1], len(rows), strings.Join(rows, "\n"))
			}
		}
		term.WaitFor("srv")
		term.Send("q")
		term.WaitExit()
	})
	t.Run("no image", func(t *testing.T) {
		term := testkit.Start(t, exec.Command(program, filepath.Join(t.TempDir(), "none.tar")), 80, 24)
		if code := term.WaitExit(); code != 3 {
			t.Errorf("exit code %d, want 3:\n%s", code, term.Screen())
		}
	})
}
