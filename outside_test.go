//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// script writes an executable script.
func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPagerOnScreen opens a file in a pager on a real terminal. The pager gets the terminal,
// only the pager is interrupted by Ctrl-C, and the copy is deleted afterwards, even if a signal
// ends the program.
func TestPagerOnScreen(t *testing.T) {
	testkit.Long(t, "it opens screens")
	program := build(t)
	tests := []struct {
		name string
		ends func(t *testing.T, term *testkit.Terminal, peel *exec.Cmd)
	}{
		{"the pager ends", func(_ *testing.T, term *testkit.Terminal, _ *exec.Cmd) {
			term.Send("\n")
			term.WaitFor("Layers")
			term.Send("q")
		}},
		{"an interrupt ends the pager", func(_ *testing.T, term *testkit.Terminal, _ *exec.Cmd) {
			term.Send("\x03")
			term.WaitFor("Layers")
			term.Send("q")
		}},
		{"the program is terminated", func(t *testing.T, _ *testkit.Terminal, peel *exec.Cmd) {
			t.Helper()
			if err := peel.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			temp := t.TempDir()
			command := exec.Command(program, "testdata/sample.tar")
			command.Env = append(os.Environ(), "TMPDIR="+temp, "XDG_CACHE_HOME="+t.TempDir(),
				"PAGER="+script(t, `test -t 0 && test -t 1 && echo "shows $(basename "$1"): $(wc -c <"$1") bytes, secure $LESSSECURE"; read line`))
			term := testkit.Start(t, command, 120, 40)
			term.WaitFor("srv")
			term.WaitIdle()
			term.Send("/nginx.conf\r")
			term.WaitIdle()
			term.Send("e")
			term.WaitFor("shows nginx.conf: 171 bytes, secure 1")
			tt.ends(t, term, command)
			term.WaitExit()
			for range 100 { // after a signal, the program may end before its last output
				if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) == 0 {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			left, _ := filepath.Glob(filepath.Join(temp, "*"))
			t.Errorf("left behind: %v", left)
		})
	}
}

// TestOwnCommandOnScreen runs a user-defined command. Each hostile value must stay one
// argument.
func TestOwnCommandOnScreen(t *testing.T) {
	testkit.Waits(t)
	program := build(t)
	config := t.TempDir()
	if err := os.Mkdir(filepath.Join(config, "peel"), 0o700); err != nil {
		t.Fatal(err)
	}
	see := script(t, `for a in "$@"; do echo "[$a]"; done; read line`)
	settings := "commands:\n- {key: \"!\", does: see it, run: [" + see + ", \"{path}\", \"--layer={layer}\", \"{image}\"]}\n" +
		"- {key: ctrl+g, run: [" + see + ", \"{path}\"], shows: output}\n"
	if err := os.WriteFile(filepath.Join(config, "peel", "config.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "$(id) ;-rf"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "dir:"+root)
	command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+config, "XDG_CACHE_HOME="+t.TempDir())
	term := testkit.Start(t, command, 120, 40)
	term.WaitFor("$(id) ;-rf")
	term.WaitIdle()
	term.Send("!")
	screen := term.WaitFor("[dir:")
	for _, want := range []string{"[/$(id) ;-rf]", "[--layer=0]"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %s:\n%s", want, screen)
		}
	}
	term.Send("\n")
	term.WaitFor("Layers")
	term.WaitIdle()
	term.Send("\x07")
	term.WaitFor("esc closes")
	term.WaitFor("[/$(id) ;-rf]")
	term.Send("q")
	term.WaitFor("Layers")
	term.Send("q")
	term.WaitExit()
}
