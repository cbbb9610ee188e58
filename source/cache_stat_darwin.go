package source

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// fileState names a file and the state that it is in: whoever changes the
// content changes the time of change, which nobody can set. ok is false where
// that is not known.
func fileState(info fs.FileInfo) (state [5]int64, changed time.Time, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return state, changed, false
	}
	changed = time.Unix(s.Ctimespec.Unix())
	return [5]int64{int64(s.Dev), int64(s.Ino), s.Size, info.ModTime().UnixNano(), changed.UnixNano()}, changed, true
}

// ownFile reports whether the file belongs to who runs the program.
func ownFile(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(s.Uid) == int64(os.Geteuid())
}
