//go:build linux || darwin

package source

import (
	"io/fs"
	"os"
	"syscall"
)

// ownFile reports whether the user who runs the program owns the file.
func ownFile(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(s.Uid) == int64(os.Geteuid())
}

// ownerOf returns the user and the group that own a file.
func ownerOf(info fs.FileInfo) (uid, gid int64, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int64(s.Uid), int64(s.Gid), true
}
