package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamedFiles reports whether dir supports files without a name.
func unnamedFiles(dir string) bool {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return false
	}
	return f.Close() == nil
}
