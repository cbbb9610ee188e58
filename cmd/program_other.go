//go:build !linux

package cmd

// unmapProgram does nothing: this system has no way to tell which pages of the program are
// unchanged.
func unmapProgram() {}
