//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package ui

import (
	"os"

	"golang.org/x/sys/unix"
)

// fwrite is FWRITE of sys/fcntl.h: the output queue.
const fwrite = 2

// discardOutput drops output that a terminal hasn't shown yet. If that fails, a terminal that
// isn't read can't be restored.
func discardOutput(tty *os.File) { _ = unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCFLUSH, fwrite) }
