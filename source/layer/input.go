package layer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
)

// An input gives the scanner the bytes of a tar, in order.
type input interface {
	// next returns the next n bytes, n being at most maxSpecial. They are valid
	// until the next call. At the very end the error is io.EOF; with some bytes
	// but fewer than n, io.ErrUnexpectedEOF.
	next(n int) ([]byte, error)

	// skip passes over n bytes. Passing the end is io.ErrUnexpectedEOF.
	skip(n int64) error

	// pos is how many bytes next and skip have gone through.
	pos() int64
}

// seekInput is an input over something seekable: what is skipped is not read.
//
// It reads a window at once, and learns how large that should be: while one read
// goes on where the last ended (small files, or contents that are wanted) the
// window grows, and whenever something was jumped over it shrinks. A run of
// small files then takes one read for hundreds of headers, and a run of large
// ones reads little more than the headers.
type seekInput struct {
	r    io.ReaderAt
	size int64
	at   int64

	window []byte // bytes of r from start
	start  int64
	want   int // how much to read next time
	buf    []byte
}

// Bounds of seekInput's window, in bytes. The least holds a header and what a
// tiny file adds to it.
const (
	leastWindow = 1 << 10
	mostWindow  = 64 << 10
)

func newSeekInput(r io.ReaderAt, size int64) *seekInput {
	return &seekInput{r: r, size: size, want: leastWindow}
}

func (s *seekInput) next(n int) ([]byte, error) {
	if s.at == s.size {
		return nil, io.EOF
	}
	if s.size-s.at < int64(n) {
		return nil, io.ErrUnexpectedEOF
	}
	if s.at < s.start || s.at+int64(n) > s.start+int64(len(s.window)) {
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	from := s.at - s.start
	s.at += int64(n)
	return s.window[from : from+int64(n)], nil
}

// fill moves the window to the current position, with at least n bytes in it.
func (s *seekInput) fill(n int) error {
	if s.at > s.start+int64(len(s.window)) {
		s.want = max(s.want/2, leastWindow)
	} else {
		s.want = min(s.want*2, mostWindow)
	}
	if n = max(n, s.want); n > len(s.buf) {
		s.buf = make([]byte, n)
	}
	want := min(int64(n), s.size-s.at)
	got, err := s.r.ReadAt(s.buf[:want], s.at)
	if int64(got) < want {
		s.window = nil
		if err == nil || errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF // the file is shorter than it was said to be
		}
		return err
	}
	s.window, s.start = s.buf[:got], s.at
	return nil
}

func (s *seekInput) skip(n int64) error {
	if n > s.size-s.at {
		return io.ErrUnexpectedEOF
	}
	s.at += n
	return nil
}

func (s *seekInput) pos() int64 { return s.at }

// streamInput is an input over bytes that pass once.
type streamInput struct {
	r   *bufio.Reader
	at  int64
	buf []byte
}

// streamBuffer is how much streamInput reads at once, in bytes.
const streamBuffer = 256 << 10

func newStreamInput(r io.Reader) *streamInput {
	return &streamInput{r: bufio.NewReaderSize(r, streamBuffer)}
}

func (s *streamInput) next(n int) ([]byte, error) {
	if n <= streamBuffer {
		b, err := s.r.Peek(n)
		if len(b) == n {
			_, _ = s.r.Discard(n) // cannot fail: they are buffered
			s.at += int64(n)
			return b, nil
		}
		if errors.Is(err, io.EOF) && len(b) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	got, err := io.ReadFull(s.r, s.buf[:n])
	s.at += int64(got)
	return s.buf[:n], err
}

func (s *streamInput) skip(n int64) error {
	for n > 0 {
		step := int(min(n, 1<<30))
		got, err := s.r.Discard(step)
		s.at += int64(got)
		n -= int64(got)
		if err != nil {
			return noEOF(err)
		}
	}
	return nil
}

func (s *streamInput) pos() int64 { return s.at }

// Read reads on from the current position.
func (s *streamInput) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.at += int64(n)
	return n, err
}

// pieces are bytes that are handed out one piece after another, as they come.
type pieces interface {
	// next returns the bytes that come next, one at least. They are valid until
	// the next call. The error, with which none come, is io.EOF at the end.
	next() ([]byte, error)
}

// pieceInput is an input over pieces. It copies nothing but what lies across the
// border of two.
type pieceInput struct {
	src  pieces
	rest []byte // of the current piece
	at   int64
	buf  []byte // for what lies across a border
}

// some returns the next bytes, n at most and one at least. They are valid until
// the next call.
func (p *pieceInput) some(n int) ([]byte, error) {
	if len(p.rest) == 0 {
		var err error
		if p.rest, err = p.src.next(); err != nil {
			return nil, err
		}
	}
	b := p.rest[:min(n, len(p.rest))]
	p.rest = p.rest[len(b):]
	p.at += int64(len(b))
	return b, nil
}

func (p *pieceInput) next(n int) ([]byte, error) {
	if n <= len(p.rest) {
		b := p.rest[:n]
		p.rest = p.rest[n:]
		p.at += int64(n)
		return b, nil
	}
	b := p.buf[:0]
	for len(b) < n {
		part, err := p.some(n - len(b))
		switch {
		case err != nil && len(b) == 0:
			return nil, err
		case err != nil:
			p.at -= int64(len(b)) // as if none of it had been gone through
			return nil, noEOF(err)
		case len(part) == n:
			return part, nil
		}
		b = append(b, part...)
		p.buf = b
	}
	return b, nil
}

func (p *pieceInput) skip(n int64) error {
	for n > 0 {
		b, err := p.some(int(min(n, math.MaxInt32)))
		if err != nil {
			return noEOF(err)
		}
		n -= int64(len(b))
	}
	return nil
}

func (p *pieceInput) pos() int64 { return p.at }

// WriteTo hands over the rest.
func (p *pieceInput) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, err := p.some(math.MaxInt)
		if err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(b)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// noEOF says that an end where there should be more is unexpected.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// tarError is something wrong at a place of a tar.
type tarError struct {
	at  int64 // byte in the uncompressed tar
	err error
}

func (e *tarError) Error() string {
	if errors.Is(e.err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("cut off at byte %d of the tar", e.at)
	}
	return fmt.Sprintf("%v at byte %d of the tar", e.err, e.at)
}

func (e *tarError) Unwrap() error { return e.err }
