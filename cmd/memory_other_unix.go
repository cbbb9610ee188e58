//go:build unix && !linux

package cmd

// addressSpace is unknown on this system.
func addressSpace(int) (taken uint64, ok bool) { return 0, false }
