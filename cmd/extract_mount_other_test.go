//go:build unix && !linux

package cmd

import "testing"

// mountTemp skips the test: this system has no file system to mount.
func mountTemp(t *testing.T, _, _ string) {
	t.Helper()
	t.Skip("can't mount a file system on this system")
}
