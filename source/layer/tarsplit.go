package layer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// splitInput provides the tar of a tar-split to a scanner, except the bodies of files, which can
// only be skipped.
type splitInput struct {
	lines *splitReader
	seg   []byte // rest of the current segment
	body  int64  // rest of the current body
	at    int64
	buf   []byte // for results of next that cross segments
	empty int    // consecutive empty segments
}

// Limits on lines that no engine writes: consecutive empty segments, and bytes after the tar's
// end.
const (
	maxEmptySegments = 1000
	maxSplitPadding  = 64 << 20
)

// errBody says that a body is in the place of a header.
var errBody = errors.New("a file where the tar-split should have a header")

// segment reads the next line, which must be a segment.
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

// file reads the line that must follow a member's header: its name and size,
// which must match the header, and the CRC-64 of its body, which is skipped
// next.
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

// rest reads what follows the tar's end: only padding.
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

// ScanSplit reads the entries of a layer from its tar-split, with the engine's
// checksums, and the size of the whole tar in bytes. It fails if anything is
// uncertain (the content of a sparse file).
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
