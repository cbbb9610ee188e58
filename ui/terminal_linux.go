package ui

import (
	"os"

	"golang.org/x/sys/unix"
)

// discardOutput drops what a terminal has been given and has not shown yet. If
// that fails, a terminal that nobody reads is not restored.
func discardOutput(tty *os.File) {
	fd := int(tty.Fd())
	_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH)
	// A write that waits for room does not notice that, but wakes up when the
	// settings are set, also to what they are (drivers/tty/n_tty.c).
	if t, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
}
