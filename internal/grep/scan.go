package grep

import (
	"bytes"
	"errors"
	"io"
)

// Bounds of a search, in bytes.
const (
	blockSize = 128 << 10 // searched at once, if lines end in it
	pieceSize = 1 << 20   // of a longer line, searched at once
	overlap   = 64 << 10  // between two pieces
	holeSize  = 4 << 10   // of a hole that is searched: a pattern can require at most 1000 repetitions of a character
	sniffSize = 64 << 10  // examined to detect the kind of file

	// MostText is the maximum length of a Line's text.
	MostText = 64 << 10
)

// A Line is a matching line.
type Line struct {
	Number int64  // 1 for the first line of the file
	Text   []byte // without its line break; valid until the callback returns
	From   int    // where in Text the match begins
	To     int    // where it ends; the end of Text if it continues after it
	Before bool   // the line begins before Text
	Behind bool   // the line continues after Text
}

// A Scanner searches files one after the other. It must not be used concurrently.
type Scanner struct {
	Pattern *Pattern
	Text    bool // treat binary files as text

	// Found gets each matching line, and whether the file is binary. It returns false to skip
	// the rest of the file.
	Found func(l Line, binary bool) bool

	buf            []byte
	block, overlap int // see the constants; tests set other values
	n              int // number of bytes in buf
	done           bool

	told   bool // the kind of file is known
	binary bool
	wide   *wide // converts UTF-16 to UTF-8; nil if the file isn't UTF-16

	line   int64 // number of the line at the beginning of buf
	inside bool  // buf begins within a line
	hit    bool  // that line has matched already
}

// errEnough ends the reading of a file after Found returned false.
var errEnough = errors.New("enough")

// Search searches a file. It skips holes that a sparse file's reader reports through
// io.WriterTo. It returns the reader's error.
func (s *Scanner) Search(r io.Reader) error {
	if s.buf == nil {
		s.buf, s.block, s.overlap = make([]byte, pieceSize), blockSize, overlap
	}
	*s = Scanner{Pattern: s.Pattern, Text: s.Text, Found: s.Found, buf: s.buf, block: s.block, overlap: s.overlap, line: 1}
	var err error
	if to, ok := r.(io.WriterTo); ok {
		_, err = to.WriteTo((*sink)(s))
	} else {
		err = s.read(r)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	if err == nil {
		if !s.told {
			s.tell()
		}
		if s.wide != nil && s.wide.left() {
			s.add([]byte("\ufffd"))
		}
		s.process(true)
	}
	return err
}

// read reads a file to its end.
func (s *Scanner) read(r io.Reader) error {
	for !s.done {
		if s.wide != nil { // converting changes the number of bytes
			var some [4 << 10]byte
			n, err := r.Read(some[:])
			s.add(s.wide.utf8(some[:n]))
			if err != nil {
				return noEOF(err)
			}
			continue
		}
		n, err := r.Read(s.buf[s.n:min(len(s.buf), s.n+s.block)])
		s.n += n
		s.searchFull()
		if err != nil {
			return noEOF(err)
		}
	}
	return errEnough
}

func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		return nil
	}
	return err
}

// sink lets a sparse file write itself to a Scanner.
type sink Scanner

func (w *sink) Write(b []byte) (int, error) {
	s := (*Scanner)(w)
	for rest := b; len(rest) > 0; {
		if s.wide != nil {
			s.add(s.wide.utf8(rest))
			break
		}
		n := copy(s.buf[s.n:], rest)
		s.n += n
		rest = rest[n:]
		if s.searchFull(); s.done {
			break
		}
	}
	if s.done {
		return len(b), errEnough
	}
	return len(b), nil
}

// Hole stands for n zero bytes.
func (w *sink) Hole(n int64) error {
	short := min(n, holeSize+n%2) // UTF-16 needs the same parity
	_, err := w.Write(make([]byte, short))
	return err
}

// add appends text to the buffer, and searches the buffer when it is full enough.
func (s *Scanner) add(b []byte) {
	for len(b) > 0 && !s.done {
		n := copy(s.buf[s.n:], b)
		s.n += n
		b = b[n:]
		s.searchFull()
	}
}

// searchFull searches the buffer if it is full enough.
func (s *Scanner) searchFull() {
	if s.n >= s.block || s.n == len(s.buf) {
		s.process(false)
	}
}

// tell detects the kind of file from the beginning in the buffer.
func (s *Scanner) tell() {
	s.told = true
	b := s.buf[:s.n]
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		s.n = copy(s.buf, b[3:])
	case bytes.HasPrefix(b, []byte("\xff\xfe")) && !bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		s.wide = &wide{big: b[0] == 0xfe}
		raw := bytes.Clone(b[2:])
		s.n = 0
		s.add(s.wide.utf8(raw))
		return
	}
	s.binary = !s.Text && bytes.IndexByte(s.buf[:min(s.n, sniffSize)], 0) >= 0
}

// process searches the lines in the buffer. It keeps an incomplete last line in the buffer,
// unless the file ends.
func (s *Scanner) process(end bool) {
	if !s.told {
		s.tell()
	}
	if s.done {
		return
	}
	if s.binary { // it has no lines; NUL characters probably separate its texts
		for i, c := range s.buf[:s.n] {
			if c == 0 {
				s.buf[i] = '\n'
			}
		}
	}
	b := s.buf[:s.n]
	whole := len(b)
	if !end {
		whole = bytes.LastIndexByte(b, '\n') + 1
	}
	at := 0
	if s.inside && whole > 0 {
		at = bytes.IndexByte(b[:whole], '\n')
		if at < 0 {
			at = whole
		}
		s.piece(b[:at], false)
		s.inside, s.hit = false, false
		s.line++
		at++
	}
	if at < whole {
		s.lines(b[at:whole])
	}
	if s.done {
		return
	}
	rest := b[whole:]
	if len(rest) == len(s.buf) {
		s.piece(rest, true)
		rest = rest[len(rest)-s.overlap:]
		s.inside = true
	}
	s.n = copy(s.buf, rest)
}

// lines searches whole lines; the last line of a file may lack a line break.
func (s *Scanner) lines(b []byte) {
	b = bytes.TrimSuffix(b, []byte("\n")) // no other line follows the last one
	f := finder{p: s.Pattern, b: b}
	counted := 0
	for at := 0; at <= len(b); {
		loc := f.next(at)
		if loc == nil {
			break
		}
		start, end := lineAround(b, loc[0])
		s.line += int64(bytes.Count(b[counted:start], []byte("\n")))
		counted = start
		s.found(b[start:end], loc[0]-start, loc[1]-start, false, false)
		if s.done {
			return
		}
		at = end + 1
	}
	s.line += int64(bytes.Count(b[counted:], []byte("\n"))) + 1
}

// piece searches a piece of a line; behind means that the line continues.
func (s *Scanner) piece(b []byte, behind bool) {
	if s.hit {
		return
	}
	if loc := s.Pattern.inPiece(b, s.inside, behind); loc != nil {
		s.hit = true
		s.found(b, loc[0], loc[1], s.inside, behind)
	}
}

// found reports a line, or the part of it around the match.
func (s *Scanner) found(text []byte, from, to int, before, behind bool) {
	if len(text) > MostText {
		start := max(0, min(from-MostText/4, len(text)-MostText))
		before, behind = before || start > 0, behind || start+MostText < len(text)
		text = text[start : start+MostText]
		from, to = from-start, min(to-start, len(text))
	}
	s.done = !s.Found(Line{Number: s.line, Text: text, From: from, To: to, Before: before, Behind: behind}, s.binary)
}
