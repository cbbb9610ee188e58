//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package ui

import (
	"os"

	"golang.org/x/sys/unix"
)

// fwrite is FWRITE of sys/fcntl.h: the queue of what is written.
const fwrite = 2

// discardOutput drops what a terminal has been given and has not shown yet. If
// that fails, a terminal that nobody reads is not restored.
func discardOutput(tty *os.File) { _ = unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCFLUSH, fwrite) }
