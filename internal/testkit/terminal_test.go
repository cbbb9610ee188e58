//go:build unix

package testkit

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTerminal(t *testing.T) {
	term := Start(t, exec.Command("sh", "-c", `
		stty -echo
		printf 'one\r\n\033[31mtwo\033[0m\033[5;10Hfive'
		read line
		stty size
		printf 'read %s' "$line"
		exit 7`), 40, 10)
	term.WaitFor("five")
	want := "one\ntwo\n\n\n         five\n\n\n\n\n"
	if got := term.WaitIdle(); got != want {
		t.Errorf("got screen %q, want %q", got, want)
	}
	term.Resize(60, 12)
	term.Send("hello\n")
	if screen := term.WaitFor("read hello"); !strings.Contains(screen, "12 60") {
		t.Errorf("the size isn't 60 by 12:\n%s", screen)
	}
	if code := term.WaitExit(); code != 7 {
		t.Errorf("got exit code %d, want 7", code)
	}
}
