package ui

import (
	"os"

	"golang.org/x/sys/unix"
)

// discardOutput drops output that a terminal hasn't shown yet. If that fails, a terminal that
// isn't read can't be restored.
func discardOutput(tty *os.File) {
	fd := int(tty.Fd())
	_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH)
	// A blocked write doesn't notice that, but it wakes up when the settings are set, even to
	// their current values (drivers/tty/n_tty.c).
	if t, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
}
