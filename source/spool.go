package source

import (
	"fmt"
	"os"
)

// spool keeps what went by in a stream, in a temporary file that nobody else
// can open and that is gone when peel is, however that ends.
type spool struct{ file *os.File }

func newSpool() (*spool, error) {
	f, err := createUnlinked()
	if err != nil {
		return nil, fmt.Errorf("making a temporary file for the image's content: %w", err)
	}
	return &spool{f}, nil
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("keeping the image's content in the temporary folder (set TMPDIR to one with more room): %w", err)
	}
	return n, err
}

func (s *spool) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

func (s *spool) close() error { return s.file.Close() }
