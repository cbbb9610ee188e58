//go:build unix

package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// descriptor returns the number of the open file that a name such as /dev/stdout or /dev/fd/3
// stands for.
func descriptor(name string) (fd int, ok bool) {
	name = filepath.Clean(name)
	switch name {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if number, found := strings.CutPrefix(name, dir); found {
			fd, err := strconv.ParseUint(number, 10, 16)
			return int(fd), err == nil
		}
	}
	return 0, false
}

// inherited returns the open file that a name stands for, or nil. It is written at its current
// position: opening it again would start at its beginning, and replacing it would be invisible to
// others who have it open.
func inherited(name string) (*os.File, error) {
	fd, ok := descriptor(name)
	if !ok {
		return nil, nil //nolint:nilnil // no file is no error
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d is not open: %w", fd, err)
	}
	return os.NewFile(uintptr(own), name), nil
}
