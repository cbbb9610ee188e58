//go:build linux || darwin

package source

import (
	"io/fs"
	"os"
	"syscall"
)

// ownFile reports whether the file belongs to who runs the program.
func ownFile(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(s.Uid) == int64(os.Geteuid())
}
