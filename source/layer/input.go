package layer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// An input provides the bytes of a tar, in order, to the scanner.
type input interface {
	// next returns the next n bytes; n is at most maxSpecial. They are valid
	// until the next call. At the end the error is io.EOF; with fewer than n
	// bytes left, io.ErrUnexpectedEOF.
	next(n int) ([]byte, error)

	// skip skips n bytes. Skipping past the end is io.ErrUnexpectedEOF.
	skip(n int64) error

	// pos returns the current offset.
	pos() int64
}

// seekInput is an input over a seekable source: it does not read what is
// skipped.
//
// It reads a window at a time and adapts its size: the window grows while reads
// are consecutive (small files, or contents that are wanted), and shrinks after
// each jump. A run of small files then takes one read for hundreds of headers,
// and a run of large files reads little more than the headers.
type seekInput struct {
	r    io.ReaderAt
	size int64
	at   int64

	window []byte // bytes of r from start
	start  int64
	want   int // size of the next read
	buf    []byte
	shared *[]byte // a buffer of buffers, or nil
}

// Limits of seekInput's window, in bytes. The minimum holds a header and a tiny file.
const (
	leastWindow = 1 << 10
	smallWindow = 4 << 10 // up to this size, the buffer is not a shared one
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

// fill moves the window to the current position and reads at least n bytes.
func (s *seekInput) fill(n int) error {
	if s.at > s.start+int64(len(s.window)) {
		s.want = max(s.want/2, leastWindow)
	} else {
		s.want = min(s.want*2, mostWindow)
	}
	if n = max(n, s.want); n > len(s.buf) {
		s.room(n)
	}
	want := min(int64(n), s.size-s.at)
	got, err := s.r.ReadAt(s.buf[:want], s.at)
	if int64(got) < want {
		s.window = nil
		if err == nil || errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF // the file is shorter than stated
		}
		return err
	}
	s.window, s.start = s.buf[:got], s.at
	return nil
}

// buffers are free buffers of more than smallWindow bytes: each layer is read through a few inputs.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// room makes the buffer hold at least n bytes. Large buffers are reused.
func (s *seekInput) room(n int) {
	if n <= smallWindow {
		s.buf = make([]byte, n)
		return
	}
	if s.shared == nil {
		s.shared, _ = buffers.Get().(*[]byte) // the pool has only these
	}
	if cap(*s.shared) < n {
		*s.shared = make([]byte, max(n, mostWindow))
	}
	s.buf = (*s.shared)[:cap(*s.shared)]
}

// release ends the use of the input and of the bytes that next has returned.
func (s *seekInput) release() {
	if s.shared != nil {
		buffers.Put(s.shared)
	}
	s.shared, s.buf, s.window = nil, nil, nil
}

func (s *seekInput) skip(n int64) error {
	if n > s.size-s.at {
		return io.ErrUnexpectedEOF
	}
	s.at += n
	return nil
}

func (s *seekInput) pos() int64 { return s.at }

// streamInput is an input over a stream.
type streamInput struct {
	r   *bufio.Reader
	at  int64
	buf []byte
}

// streamBuffer is the size of streamInput's reads, in bytes.
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

// Read reads from the current position on.
func (s *streamInput) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.at += int64(n)
	return n, err
}

// pieces provides bytes in pieces of any size.
type pieces interface {
	// next returns the next bytes, at least one. They are valid until the next call. The error
	// comes without bytes and is io.EOF at the end.
	next() ([]byte, error)
}

// pieceInput is an input over pieces. It copies only data that crosses the border of two pieces.
type pieceInput struct {
	src  pieces
	rest []byte // of the current piece
	at   int64
	buf  []byte // for data across a border
}

// some returns at least one and at most n of the next bytes. They are valid until the next call.
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
			p.at -= int64(len(b)) // as if nothing had been read
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

// WriteTo writes the rest.
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

// noEOF turns an early end into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// tarError is a fault at an offset of a tar.
type tarError struct {
	at  int64 // offset in the uncompressed tar
	err error
}

func (e *tarError) Error() string {
	if errors.Is(e.err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("cut off after byte %d of the tar", e.at)
	}
	return fmt.Sprintf("%v at byte %d of the tar", e.err, e.at)
}

func (e *tarError) Unwrap() error { return e.err }
