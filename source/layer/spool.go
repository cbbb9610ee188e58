package layer

import (
	"fmt"
	"os"

	"github.com/peelhq/peel/internal/draft"
)

// A Spool stores a stream in a temporary file that nobody else can open and that disappears when
// peel ends in any way.
type Spool struct{ file *os.File }

// NewSpool returns an empty spool in the temporary folder.
func NewSpool() (*Spool, error) {
	f, err := draft.Scratch()
	if err != nil {
		return nil, fmt.Errorf("making a temporary file for the image's content: %w", err)
	}
	return &Spool{f}, nil
}

// Write appends p.
func (s *Spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	return n, noRoom(err)
}

// WriteAt writes p at off. Unwritten ranges before it take no space.
func (s *Spool) WriteAt(p []byte, off int64) (int, error) {
	n, err := s.file.WriteAt(p, off)
	return n, noRoom(err)
}

func noRoom(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keeping the image's content in the temporary folder (set TMPDIR to one with more room): %w", err)
}

// ReadAt reads from off on.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

// Close frees the disk space.
func (s *Spool) Close() error { return s.file.Close() }
