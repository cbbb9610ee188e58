//go:build !linux

package cmd

// unmap does nothing: this system has no way to tell which pages of the program are
// unchanged.
func unmap() {}
