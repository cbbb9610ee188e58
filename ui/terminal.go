package ui

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// How long the end takes at most, with cancelGrace half a second.
const (
	// endGrace is how long the screen has to close by itself once the program is
	// to end; then the terminal is restored without waiting for it.
	endGrace = 150 * time.Millisecond
	// leaveGrace is how long the terminal then has to take what restores it.
	leaveGrace = 100 * time.Millisecond
	// maxWrite is how much is written to a terminal at once, in bytes: less than
	// what Linux takes without anybody reading it, of a terminal that has been
	// emptied.
	maxWrite = 4 << 10
)

// leaveScreen takes back all that a screen sets on a terminal: the bracketed paste
// mode, the mouse, reports of focus, synchronized and Unicode mode, other keys, the
// alternate screen, the hidden cursor, colours and the window's title. It begins
// with CAN, which ends a sequence that has come in part.
const leaveScreen = "\x18" + ansi.ResetModeSynchronizedOutput + ansi.ResetModeBracketedPaste +
	ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent + ansi.ResetModeMouseExtSgr + ansi.ResetModeFocusEvent +
	ansi.ResetModeUnicodeCore + ansi.ResetModifyOtherKeys + "\x1b[<1u" + ansi.ResetStyle +
	ansi.ResetModeAltScreenSaveCursor + ansi.SetModeTextCursorEnable + "\x1b]2;\x07"

var errAbandoned = errors.New("the terminal does not accept output")

// terminal is a terminal that is written to, and that can be abandoned: where its
// other side reads nothing, a write lasts for ever.
type terminal struct {
	*os.File
	writes    chan terminalWrite // for the goroutine that writes
	once      sync.Once
	abandoned chan struct{} // closed: writes fail
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

// abandon has all writes fail, that under way too.
func (t *terminal) abandon() { t.once.Do(func() { close(t.abandoned) }) }

// isAbandoned reports whether it was.
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
		// It may be written after this has returned: it cannot be the caller's.
		part := bytes.Clone(p[n:min(n+maxWrite, len(p))])
		if err = t.write(part, t.abandoned); err == nil {
			n += len(part)
		}
	}
	return n, err
}

// write has b written, and waits for that until stop is closed.
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

// leave restores what the screen has set on a terminal that was abandoned. What
// has been written and not been read is lost.
func (t *terminal) leave() {
	discardOutput(t.File)
	late := make(chan struct{})
	defer time.AfterFunc(leaveGrace, func() { close(late) }).Stop()
	_ = t.write([]byte(leaveScreen), late) // there is nobody to be told
}
