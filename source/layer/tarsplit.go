package layer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// splitInput gives a scanner the tar that a tar-split stands for, but for the
// bodies of files: those are passed over only.
type splitInput struct {
	lines *splitReader
	seg   []byte // what is left of the current segment
	body  int64  // and of the current body
	at    int64
	buf   []byte // what next returns, where it lies in several segments
	empty int    // segments without a byte, in a row
}

// Bounds on lines that an engine does not write: segments without a byte in a
// row, and bytes behind the tar's end.
const (
	maxEmptySegments = 1000
	maxSplitPadding  = 64 << 20
)

// errBody says that a body stands where a header should be.
var errBody = errors.New("a file where the tar-split should have a header")

// segment makes the next line, which must be one, the current segment.
func (s *splitInput) segment() error {
	var l splitLine
	switch err := s.lines.next(&l); {
	case err != nil:
		return err
	case l.file:
		return errBody
	}
	s.seg = l.payload
	if len(s.seg) > 0 {
		s.empty = 0
	} else if s.empty++; s.empty > maxEmptySegments {
		return fmt.Errorf("more than %d empty segments in a tar-split", maxEmptySegments)
	}
	return nil
}

func (s *splitInput) next(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if s.body > 0 {
		return nil, errBody
	}
	for len(s.seg) == 0 {
		if err := s.segment(); err != nil {
			return nil, err
		}
	}
	if len(s.seg) >= n {
		b := s.seg[:n]
		s.seg = s.seg[n:]
		s.at += int64(n)
		return b, nil
	}
	s.buf = append(s.buf[:0], s.seg...)
	for len(s.buf) < n {
		if err := s.segment(); err != nil {
			return nil, noEOF(err)
		}
		take := min(len(s.seg), n-len(s.buf))
		s.buf = append(s.buf, s.seg[:take]...)
		s.seg = s.seg[take:]
	}
	s.at += int64(n)
	return s.buf, nil
}

func (s *splitInput) skip(n int64) error {
	for n > 0 {
		if s.body == 0 && len(s.seg) == 0 {
			if err := s.segment(); err != nil {
				return noEOF(err)
			}
		}
		step := min(s.body, n)
		s.body -= step
		if s.body == 0 {
			take := min(int64(len(s.seg)), n-step)
			s.seg = s.seg[take:]
			step += take
		}
		s.at += step
		n -= step
	}
	return nil
}

func (s *splitInput) pos() int64 { return s.at }

// file reads the line that must follow the header of a member: its name and
// size, which the header has told already, and the CRC-64 of its body, which is
// the next to pass over.
func (s *splitInput) file(h *Header) (crc uint64, err error) {
	if len(s.seg) > 0 {
		return 0, errors.New("the tar-split cuts the tar elsewhere than the headers do")
	}
	var l splitLine
	switch err := s.lines.next(&l); {
	case err != nil:
		return 0, noEOF(err)
	case !l.file:
		return 0, errors.New("the tar-split has a header where a file should be")
	case !bytes.Equal(l.name, h.Name):
		return 0, fmt.Errorf("the tar-split has %q where the tar has %q", l.name, h.Name)
	case l.size != h.Size:
		return 0, fmt.Errorf("%q has %d bytes in the tar-split, and %d in the tar", h.Name, l.size, h.Size)
	}
	s.body = l.size
	if l.size == 0 {
		return 0, nil
	}
	if len(l.payload) != 8 {
		return 0, fmt.Errorf("%q: a checksum of %d bytes in the tar-split", h.Name, len(l.payload))
	}
	return binary.BigEndian.Uint64(l.payload), nil
}

// rest reads what follows the tar's end: padding alone.
func (s *splitInput) rest() error {
	if s.body > 0 {
		return errBody
	}
	for end := s.at; ; {
		if s.at += int64(len(s.seg)); s.at-end > maxSplitPadding {
			return fmt.Errorf("more than %d bytes behind the end of the tar", maxSplitPadding)
		}
		switch err := s.segment(); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			return nil
		case err != nil:
			return err
		}
	}
}

// ScanSplit reads the entries of a layer from its tar-split, with the checksums
// that the engine has computed, and the size of the whole tar in bytes. What
// cannot be told for certain (the content of a sparse file) is an error.
func ScanSplit(ctx context.Context, r io.Reader, budget *Budget) (e *Entries, size int64, err error) {
	in := &splitInput{lines: newSplitReader(ctxReader{ctx, r, nil})}
	s := &Tar{in: in}
	e = &Entries{budget: budget}
	var h Header
	for {
		switch err := s.Next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			if err := in.rest(); err != nil {
				return nil, 0, &tarError{at: in.pos(), err: err}
			}
			e.done()
			e.dropStargz()
			return e, in.pos(), nil
		case err != nil:
			return nil, 0, err
		case h.Sparse:
			return nil, 0, &tarError{at: h.start, err: fmt.Errorf("%q: a sparse file in a tar-split", h.Name)}
		}
		crc, err := in.file(&h)
		if err != nil {
			return nil, 0, &tarError{at: in.pos(), err: err}
		}
		if h.Unknown != 0 {
			e.flaw(unknownType(&h))
			continue
		}
		if err := e.Add(&h.Record); err != nil {
			return nil, 0, &tarError{at: h.start, err: err}
		}
		if h.Type == File && h.Size > 0 {
			e.setSum(e.count-1, crc, CRC64)
		}
	}
}
