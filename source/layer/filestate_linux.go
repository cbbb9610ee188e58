package layer

import (
	"io/fs"
	"syscall"
	"time"
)

// fileState identifies a file and its state. Anyone who changes the content
// also changes the change time, which nobody can set. ok is false if the state
// is unknown.
func fileState(info fs.FileInfo) (state [5]int64, changed time.Time, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return state, changed, false
	}
	changed = time.Unix(s.Ctim.Unix())
	return [5]int64{int64(s.Dev), int64(s.Ino), s.Size, info.ModTime().UnixNano(), changed.UnixNano()}, changed, true
}
