//go:build unix

package cmd

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lostAfter is the maximum time until peel notices that the terminal is gone.
const lostAfter = 500 * time.Millisecond

// waitLost waits until the other side of a terminal is gone, or ctx ends. It
// reports false if the system cannot tell. A hangup signal would end the program
// as well, but not one that was started to ignore it (nohup).
func waitLost(ctx context.Context, tty *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(tty.Fd())}}
	for ctx.Err() == nil {
		fds[0].Revents = 0
		n, err := unix.Poll(fds, int(lostAfter/time.Millisecond))
		switch {
		case err == unix.EINTR || n == 0:
		case err != nil, fds[0].Revents&unix.POLLNVAL != 0: // some systems do not poll terminals
			return false
		case fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0:
			return true
		}
	}
	return false
}
