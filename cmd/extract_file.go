package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/peelhq/peel/source"
)

// counted notes progress.
type counted struct {
	u *unpacker
	w io.Writer
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.u.bytes += int64(n)
	if c.u.progress != nil {
		c.u.progress(source.Progress{What: c.u.root.Name(), Bytes: c.u.bytes, TotalBytes: c.u.total})
	}
	return n, err
}

// holes writes a file but leaves out what is zero, so that a sparse file takes
// no more room than its data. End it with end.
type holes struct {
	f *os.File
}

// holeBlock is how many zero bytes are worth a hole: a file system's block.
const holeBlock = 4096

var zeros [holeBlock]byte

func (h *holes) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		block := b[done:min(done+holeBlock, len(b))]
		var err error
		if string(block) == string(zeros[:len(block)]) {
			_, err = h.f.Seek(int64(len(block)), io.SeekCurrent)
		} else {
			_, err = h.f.Write(block)
		}
		if err != nil {
			return done, err
		}
		done += len(block)
	}
	return done, nil
}

// end gives the file its size, should it end with a hole.
func (h *holes) end() error {
	size, err := h.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	return h.f.Truncate(size)
}

// local is a name as the system's file functions take it.
func local(name string) string { return filepath.FromSlash(name) }

// about says of an error which path it concerns, without the system call.
func about(name string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case strings.HasPrefix(err.Error(), name+": "):
		return err
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// fileMode turns a tar's mode bits into Go's.
func fileMode(mode uint32) os.FileMode {
	m := os.FileMode(mode & 0o777)
	for bit, flag := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return m
}

// fileTime returns a time that a file can have; false for one that is not known
// or that lies too far from now to be counted in nanoseconds.
func fileTime(t time.Time) (time.Time, bool) {
	return t, !t.IsZero() && t.Year() > 1677 && t.Year() < 2262
}
