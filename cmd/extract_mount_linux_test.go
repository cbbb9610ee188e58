package cmd

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mountTemp mounts a file system in memory, if the system allows it.
func mountTemp(t *testing.T, dir, options string) {
	t.Helper()
	mkdir(t, dir)
	var flags uintptr
	if options == "ro" {
		flags, options = unix.MS_RDONLY, ""
	}
	if err := unix.Mount("none", dir, "tmpfs", flags, strings.TrimSpace(options)); err != nil {
		t.Skipf("can't mount a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
