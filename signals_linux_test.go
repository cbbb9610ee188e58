package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamedFiles reports whether a file in dir can be written before it has a name.
func unnamedFiles(dir string) bool {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return false
	}
	return f.Close() == nil
}
