package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/peelhq/peel/source"
)

// counted counts bytes, and records write errors, because io.Copy does not say which side failed.
type counted struct {
	u   *unpacker
	w   *holes
	err error
}

var _ source.HoleWriter = (*counted)(nil)

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.note(int64(n))
	c.err = err
	return n, err
}

// Hole notes a hole as if it had been written.
func (c *counted) Hole(n int64) error {
	c.note(n)
	c.err = c.w.Hole(n)
	return c.err
}

func (c *counted) note(n int64) {
	c.u.come += n
	if c.u.progress != nil {
		c.u.progress(source.Progress{What: c.u.root.Name(), Bytes: c.u.come, TotalBytes: c.u.total})
	}
}

// holes writes a file without its zero blocks, so that a sparse file takes no
// more space than its data. Call end at the end.
type holes struct {
	f  *os.File
	at int64 // the position in the file

	// ahead says that the file ends before at: a hole comes first.
	ahead bool
}

// holeBlock is the minimum number of zero bytes for a hole: a file system's block.
const holeBlock = 4096

var zeros [holeBlock]byte

func (h *holes) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n := zeroBlocks(b[done:])
		if n > 0 {
			if err := h.Hole(int64(n)); err != nil {
				return done, err
			}
			done += n
			continue
		}
		data := b[done:][:dataBlocks(b[done:])]
		if h.ahead {
			if _, err := h.f.Seek(h.at, io.SeekStart); err != nil {
				return done, err
			}
			h.ahead = false
		}
		n, err := h.f.Write(data)
		h.at += int64(n)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// zeroBlocks returns the number of bytes at the start of b that are blocks of zeros.
func zeroBlocks(b []byte) int {
	n := 0
	for len(b)-n >= holeBlock && string(b[n:n+holeBlock]) == string(zeros[:]) {
		n += holeBlock
	}
	return n
}

// dataBlocks returns the number of bytes before the next block of zeros.
func dataBlocks(b []byte) int {
	n := min(holeBlock, len(b))
	for len(b)-n >= holeBlock && string(b[n:n+holeBlock]) != string(zeros[:]) {
		n += holeBlock
	}
	if len(b)-n < holeBlock {
		n = len(b)
	}
	return n
}

// Hole leaves out n bytes.
func (h *holes) Hole(n int64) error {
	if n > math.MaxInt64-h.at {
		return syscall.EFBIG
	}
	h.at += n
	h.ahead = true
	return nil
}

// end sets the file's size, in case the file ends with a hole.
func (h *holes) end() error {
	if !h.ahead {
		return nil
	}
	return h.f.Truncate(h.at)
}

// about returns an error that begins with the path, without the system call.
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

// fileTime returns a time that a file can have; false if it is unknown, or too far from now to
// count in nanoseconds.
func fileTime(t time.Time) (time.Time, bool) {
	return t, !t.IsZero() && t.Year() > 1677 && t.Year() < 2262
}
