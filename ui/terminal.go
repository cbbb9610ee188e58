package ui

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Maximum times for ending the program; with cancelGrace they make half a second.
const (
	// endGrace is how long the screen may take to close by itself. Then the terminal is
	// restored without waiting for it.
	endGrace = 150 * time.Millisecond
	// leaveGrace is how long the terminal may then take to accept the sequence that restores
	// it.
	leaveGrace = 100 * time.Millisecond
	// maxWrite is how much is written to a terminal at once, in bytes: less than Linux's buffer
	// for a terminal, so that after discardOutput, a write succeeds even if nobody reads.
	maxWrite = 4 << 10
)

// leaveScreen resets everything that a screen sets on a terminal: the bracketed paste mode, the
// mouse, focus reports, synchronized and Unicode mode, keyboard modes, the alternate screen,
// the hidden cursor, colours and the window title. It begins with CAN, which ends an incomplete
// sequence.
const leaveScreen = "\x18" + ansi.ResetModeSynchronizedOutput + ansi.ResetModeBracketedPaste +
	ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent + ansi.ResetModeMouseExtSgr + ansi.ResetModeFocusEvent +
	ansi.ResetModeUnicodeCore + ansi.ResetModifyOtherKeys + "\x1b[<1u" + ansi.ResetStyle +
	ansi.ResetModeAltScreenSaveCursor + ansi.SetModeTextCursorEnable + "\x1b]2;\x07"

var errAbandoned = errors.New("the terminal does not accept output")

// terminal is a terminal that can be abandoned while it is written to: if its other side
// doesn't read, a write blocks forever.
type terminal struct {
	*os.File
	writes    chan terminalWrite // for the goroutine that writes
	once      sync.Once
	abandoned chan struct{} // when closed, writes fail
}

type terminalWrite struct {
	b    []byte     // not changed any more
	done chan error // has room for the result
}

// newTerminal returns tty for one screen. End it with close.
func newTerminal(tty *os.File) *terminal {
	t := &terminal{File: tty, writes: make(chan terminalWrite), abandoned: make(chan struct{})}
	go func() {
		for w := range t.writes {
			_, err := tty.Write(w.b)
			w.done <- err
		}
	}()
	return t
}

// close ends the goroutine that writes. The file stays open.
func (t *terminal) close() { close(t.writes) }

// abandon makes all writes fail, including the current one.
func (t *terminal) abandon() { t.once.Do(func() { close(t.abandoned) }) }

// isAbandoned reports whether abandon was called.
func (t *terminal) isAbandoned() bool {
	select {
	case <-t.abandoned:
		return true
	default:
		return false
	}
}

// Write writes to the terminal.
func (t *terminal) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if t.isAbandoned() {
			return n, errAbandoned
		}
		// The part may be written after Write has returned, so it can't be the caller's slice.
		part := bytes.Clone(p[n:min(n+maxWrite, len(p))])
		if err = t.write(part, t.abandoned); err == nil {
			n += len(part)
		}
	}
	return n, err
}

// write sends b to the writing goroutine, and waits until it is written or stop is closed.
func (t *terminal) write(b []byte, stop <-chan struct{}) error {
	w := terminalWrite{b, make(chan error, 1)}
	select {
	case t.writes <- w:
	case <-stop:
		return errAbandoned
	}
	select {
	case err := <-w.done:
		return err
	case <-stop:
		return errAbandoned
	}
}

// leave restores a terminal that was abandoned. Output that hasn't been read is lost.
func (t *terminal) leave() {
	discardOutput(t.File)
	late := make(chan struct{})
	defer time.AfterFunc(leaveGrace, func() { close(late) }).Stop()
	_ = t.write([]byte(leaveScreen), late) // too late to report an error
}
