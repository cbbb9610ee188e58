//go:build unix && !linux

package cmd

import "testing"

// mountTemp skips the test: no file system is mounted on this system.
func mountTemp(t *testing.T, _, _ string) {
	t.Helper()
	t.Skip("no file system can be mounted here")
}
