//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/peelhq/peel/internal/testkit"
)

// silentTerminal shows nothing and answers no query from a program: its colours, its size, its
// features.
type silentTerminal struct {
	tty    *os.File
	before *term.State // the terminal's state before the program ran
	ended  chan error

	gone    atomic.Bool
	paused  atomic.Bool // output isn't read
	reading sync.WaitGroup

	mu    sync.Mutex
	wrote bytes.Buffer
}

func startSilent(t *testing.T, command *exec.Cmd) *silentTerminal {
	t.Helper()
	if command.Env == nil {
		command.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "XDG_CACHE_HOME="+t.TempDir())
	}
	tty, before, err := startOnTerminal(command)
	if err != nil {
		t.Fatal(err)
	}
	s := &silentTerminal{tty: tty, before: before, ended: make(chan error, 1)}
	s.reading.Go(func() {
		b := make([]byte, 1<<16)
		fds := []unix.PollFd{{Fd: int32(tty.Fd()), Events: unix.POLLIN}}
		for !s.gone.Load() { // a read in progress would keep the terminal open
			if s.paused.Load() {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			if n, err := unix.Poll(fds, 50); n == 0 || err != nil {
				continue
			}
			n, err := tty.Read(b)
			s.mu.Lock()
			s.wrote.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	go func() { s.ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		s.close()
	})
	return s
}

// startOnTerminal starts a command on a new terminal, and returns the terminal's original
// state.
func startOnTerminal(command *exec.Cmd) (*os.File, *term.State, error) {
	tty, other, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer other.Close() // the command has its own
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 100, Rows: 30}); err != nil {
		return nil, nil, err
	}
	before, err := term.GetState(tty.Fd())
	if err != nil {
		return nil, nil, err
	}
	command.Stdin, command.Stdout, command.Stderr = other, other, other
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return tty, before, command.Start()
}

// pause stops or resumes reading the output.
func (s *silentTerminal) pause(on bool) { s.paused.Store(on) }

// send types text.
func (s *silentTerminal) send(t *testing.T, text string) {
	t.Helper()
	if _, err := s.tty.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// close simulates a broken connection.
func (s *silentTerminal) close() {
	s.gone.Store(true)
	s.reading.Wait()
	_ = s.tty.Close()
}

const terminalPatience = 30 * time.Second

// waitFor waits until the program has written the text.
func (s *silentTerminal) waitFor(t *testing.T, text string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < terminalPatience; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		found := strings.Contains(s.wrote.String(), text)
		s.mu.Unlock()
		if found {
			return
		}
	}
	t.Fatalf("it never wrote %q, but %q", text, &s.wrote)
}

// waitEnd waits until the program has ended.
func (s *silentTerminal) waitEnd(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(terminalPatience):
		t.Fatal("it doesn't end")
	}
	return nil
}

// TestTerminalThatNeverAnswers checks that the screen appears on a terminal that answers no
// query, and accepts keys.
func TestTerminalThatNeverAnswers(t *testing.T) {
	testkit.Waits(t)
	s := startSilent(t, exec.Command(build(t), filepath.Join("testdata", "sample.tar")))
	s.waitFor(t, "srv")
	if _, err := s.tty.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	if err := s.waitEnd(t); err != nil {
		t.Error(err)
	}
}

// TestLostTerminal checks that the program ends when its terminal goes away, as when a
// connection breaks.
func TestLostTerminal(t *testing.T) {
	testkit.Waits(t)
	for _, ignoring := range []bool{false, true} {
		command := exec.Command(build(t), filepath.Join("testdata", "sample.tar"))
		if ignoring { // as nohup does
			command = exec.Command("sh", "-c", `trap "" HUP; exec "$0" "$1"`, command.Path, command.Args[1])
		}
		s := startSilent(t, command)
		s.waitFor(t, "srv")
		s.close()
		_ = s.waitEnd(t) // only that it ends matters
	}
}

// TestDumbTerminal checks that a terminal that can't move its cursor gets the report, without
// escape sequences.
func TestDumbTerminal(t *testing.T) {
	command := exec.Command(build(t), filepath.Join("testdata", "sample.tar"))
	command.Env = append(os.Environ(), "TERM=dumb", "LC_ALL=C.UTF-8", "XDG_CACHE_HOME="+t.TempDir())
	s := startSilent(t, command)
	s.waitFor(t, "The largest waste")
	if err := s.waitEnd(t); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Contains(s.wrote.Bytes(), []byte("\x1b")) {
		t.Errorf("escape sequences: %q", &s.wrote)
	}
}

// TestMouse checks that a click selects a layer, and that the wheel scrolls.
func TestMouse(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	term := testkit.Start(t, exec.Command(build(t), filepath.Join("testdata", "sample.tar")), 120, 40)
	term.WaitFor("Files after layer 10")
	term.WaitIdle()
	term.Send("\x1b[<0;5;6M\x1b[<0;5;6m") // layer 2 is in row 6, below the header, the border and the head
	term.WaitFor("Files after layer 2")
	term.WaitIdle()
	before := term.Screen()
	term.Send("\x1b[<0;48;20M\x1b[<32;60;20M\x1b[<0;60;20m") // drag the border between the frames to the right
	if after := term.WaitChange(before); !strings.Contains(after, "Files after layer 2") {
		t.Errorf("dragging the divider lost the place:\n%s", after)
	}
	term.Send("q")
	if code := term.WaitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestHelpWithoutAnswers checks help and errors in a pipeline that gives a job a terminal to
// write to but none to read from. No query would be answered there, so the program must send
// none.
func TestHelpWithoutAnswers(t *testing.T) {
	program := build(t)
	for _, args := range [][]string{{"check", "--help"}, {"check", "--wat"}, {"cat", "testdata/sample.tar", "/nope"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			tty, other, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer tty.Close()
			c := exec.Command(program, args...)
			c.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
			c.Stdout, c.Stderr = other, other
			var wrote bytes.Buffer
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(&wrote, tty) // ends with an error when the other side is closed
			}()
			err = c.Run()
			_ = other.Close()
			<-read
			if args[1] == "--help" && err != nil {
				t.Error(err)
			}
			if !strings.Contains(wrote.String(), "peel") || strings.Contains(wrote.String(), "\x1b]") || strings.Contains(wrote.String(), "\x1b[c") {
				t.Errorf("it wrote %q", wrote.String())
			}
		})
	}
}
