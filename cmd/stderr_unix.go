//go:build unix

package cmd

import (
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxHeld is how many bytes of output to standard error, the last ones, are stored while the screen
// is on, and shown afterwards.
const maxHeld = 64 << 10

// holdStderr keeps output to standard error, from any part of the program, off the screen on the
// same terminal; it is shown when release is called. The trace of a crash goes to the terminal at
// once. If holding fails, standard error stays unchanged.
func holdStderr(stderr *os.File) (release func()) {
	fd := int(stderr.Fd())
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return func() {}
	}
	terminal := os.NewFile(uintptr(own), stderr.Name())
	r, w, err := os.Pipe()
	if err != nil {
		_ = terminal.Close() // nothing was written
		return func() {}
	}
	if err := unix.Dup2(int(w.Fd()), fd); err != nil {
		_, _, _ = r.Close(), w.Close(), terminal.Close() // nothing was written
		return func() {}
	}
	_ = w.Close() // fd is a copy of it
	_ = debug.SetCrashOutput(terminal, debug.CrashOptions{})

	var held tail
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&held, r) })
	return func() {
		_ = unix.Dup2(own, fd)
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		// The pipe has ended, unless a program that was started also has it open.
		_ = r.SetReadDeadline(time.Now().Add(time.Second / 10))
		reading.Wait()
		_, _ = terminal.Write(held.b)
		_, _ = r.Close(), terminal.Close()
	}
}

// tail holds at least the last maxHeld bytes that are written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - maxHeld; n > maxHeld {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}
