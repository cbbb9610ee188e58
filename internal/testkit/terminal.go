//go:build unix

package testkit

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

const (
	// idle is how long a screen must stay the same to count as complete.
	idle = 150 * time.Millisecond
	// patience is how long any wait may take before the test fails.
	patience = 20 * time.Second
)

// A Terminal is a program that runs on a pseudo terminal, and an emulator that shows what a
// user would see.
type Terminal struct {
	t    testing.TB
	tty  *os.File
	done chan struct{} // closed when the program ends
	err  error         // how the program ended

	mu      sync.Mutex
	screen  *vt.Emulator
	changed time.Time // when the program last wrote
	written int64     // number of bytes
}

// Start runs the command on a new terminal of the given size, with TERM set and its environment
// otherwise unchanged. If it is still running at the end of the test, it is killed.
func Start(t testing.TB, command *exec.Cmd, width, height int) *Terminal {
	t.Helper()
	if command.Env == nil {
		command.Env = os.Environ()
	}
	command.Env = append(command.Env, "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	tty, err := pty.StartWithSize(command, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)})
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{
		t: t, tty: tty, done: make(chan struct{}), screen: vt.NewEmulator(width, height), changed: time.Now(),
	}
	shown := make(chan struct{})
	go term.show(shown)
	answered := make(chan struct{})
	go func() { // answers the program's queries to the terminal
		io.Copy(tty, term.screen)
		close(answered)
	}()
	go func() {
		term.err = command.Wait()
		select { // the rest of the output
		case <-shown:
		case <-time.After(time.Second):
		}
		close(term.done)
	}()
	t.Cleanup(func() {
		command.Process.Kill()
		<-term.done
		tty.Close()
		// The emulator's own Close has a data race with its Read, so end the Read first.
		if pipe, ok := term.screen.InputPipe().(io.Closer); ok {
			pipe.Close()
		}
		<-answered
		term.screen.Close()
	})
	return term
}

// show passes the program's output on until the program ends.
func (term *Terminal) show(shown chan<- struct{}) {
	defer close(shown)
	b := make([]byte, 1<<16)
	for {
		n, err := term.tty.Read(b)
		term.mu.Lock()
		term.screen.Write(b[:n])
		term.written += int64(n)
		term.changed = time.Now()
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Send types the text: "j", "\r" for Enter, "\x1b" for Esc, "\x1b[A" for Up.
func (term *Terminal) Send(keys string) {
	term.t.Helper()
	term.mu.Lock()
	term.changed = time.Now() // the effect is still to come
	term.mu.Unlock()
	if _, err := term.tty.WriteString(keys); err != nil {
		term.t.Fatalf("typing %q: %v", keys, err)
	}
}

// Resize makes the terminal another size.
func (term *Terminal) Resize(width, height int) {
	term.t.Helper()
	term.mu.Lock()
	term.screen.Resize(width, height)
	term.changed = time.Now()
	term.mu.Unlock()
	if err := pty.Setsize(term.tty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		term.t.Fatal(err)
	}
}

// Screen returns the current screen: one line per row, without colours and trailing spaces.
func (term *Terminal) Screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	lines := strings.Split(term.screen.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return strings.Join(lines, "\n")
}

// Written returns how many bytes the program has written so far.
func (term *Terminal) Written() int64 {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.written
}

// WaitFor waits until the screen shows the text, and returns the screen.
func (term *Terminal) WaitFor(text string) string {
	term.t.Helper()
	return term.wait("shows "+text, func(screen string) bool { return strings.Contains(screen, text) })
}

// WaitIdle waits until the program has written nothing for a while, and returns the screen.
func (term *Terminal) WaitIdle() string {
	term.t.Helper()
	return term.wait("is idle", func(string) bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		return time.Since(term.changed) > idle
	})
}

// WaitChange waits until the screen differs from before and then stays the same, and returns
// it.
func (term *Terminal) WaitChange(before string) string {
	term.t.Helper()
	term.wait("changes", func(screen string) bool { return screen != before })
	return term.WaitIdle()
}

func (term *Terminal) wait(what string, done func(screen string) bool) string {
	term.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		screen := term.Screen()
		if done(screen) {
			return screen
		}
		if time.Now().After(deadline) {
			term.t.Fatalf("waited %v for a screen that %s; it is:\n%s", patience, what, screen)
		}
	}
}

// WaitExit waits until the program ends and returns its exit code, or -1 if a signal ended it.
func (term *Terminal) WaitExit() int {
	term.t.Helper()
	select {
	case <-term.done:
	case <-time.After(patience):
		term.t.Fatalf("waited %v for the program to end; the screen is:\n%s", patience, term.Screen())
	}
	if term.err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](term.err); ok {
		return exit.ExitCode()
	}
	term.t.Fatal(term.err)
	return -1
}
