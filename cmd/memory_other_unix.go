//go:build unix && !linux

package cmd

// addressSpace is not known here.
func addressSpace(int) (taken uint64, ok bool) { return 0, false }
