package layer

import (
	"fmt"
	"os"

	"github.com/peelhq/peel/internal/draft"
)

// A Spool keeps what went by in a stream, in a temporary file that nobody else
// can open and that is gone when peel is, however that ends.
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

// WriteAt writes p from byte off on. What lies before it and was not written takes no
// room.
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

// ReadAt reads from byte off on.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

// Close gives back the disk.
func (s *Spool) Close() error { return s.file.Close() }
