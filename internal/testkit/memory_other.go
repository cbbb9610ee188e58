//go:build !linux

package testkit

// memoryFolder returns "": only on Linux do we know a folder in memory.
func memoryFolder() string { return "" }
