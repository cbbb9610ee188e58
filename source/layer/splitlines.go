package layer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/vbatts/tar-split/tar/storage"
)

// An engine that unpacks a layer keeps a "tar-split" of it, to reassemble
// exactly the same tar: one JSON object per line, each either a segment
// (headers and padding as in the tar) or a file (name, size and CRC-64 of a
// body, which is in the engine's own folder). Source: the package storage of
// github.com/vbatts/tar-split.
//
//	{"type":2,"payload":"ZXRjLwAA...","position":0}
//	{"type":1,"name":"etc/","payload":null,"position":1}
//	{"type":1,"name":"etc/motd","size":286,"payload":"BdDWbxV1pn0=","position":5}
//
// Parsing that with encoding/json takes many times as long as unpacking the
// gzip around it, mostly for headers in base64. splitReader recognizes these
// lines by their exact form and passes other lines to encoding/json.

// splitLine is one line of a tar-split. The bytes belong to the reader and are valid until its
// next call.
type splitLine struct {
	file    bool // otherwise a segment
	name    []byte
	size    int64
	payload []byte // a segment's bytes, or a file's CRC-64
}

// splitReader reads the lines of a tar-split.
type splitReader struct {
	r    io.Reader
	buf  []byte
	from int // unread data is buf[from:to]
	to   int
	end  error // final error of r

	position int64  // of the next line
	payload  []byte // buffer for the decoded payload
	rawName  []byte // buffer for the decoded raw name
}

// maxSplitLine is the maximum length of a line in bytes: tar-split cuts padding into segments of
// 1 MiB, and headers are shorter.
const maxSplitLine = 8 << 20

// splitBuffer is the initial size of splitReader's reads, in bytes.
const splitBuffer = 128 << 10

var (
	errSplit       = errors.New("not a line of a tar-split")
	errSplitLength = fmt.Errorf("a line of more than %d bytes in a tar-split", maxSplitLine)
)

func newSplitReader(r io.Reader) *splitReader {
	return &splitReader{r: r, buf: make([]byte, splitBuffer)}
}

// next reads the next line into l. io.EOF only occurs after a complete line.
func (s *splitReader) next(l *splitLine) error {
	line, err := s.line()
	if err != nil {
		return err
	}
	at, ok := s.fast(line, l)
	if !ok {
		if at, err = s.slow(line, l); err != nil {
			return err
		}
	}
	if at != s.position {
		return fmt.Errorf("%w: it is number %d, and says %d", errSplit, s.position, at)
	}
	s.position++
	return nil
}

// line returns the next line without its newline.
func (s *splitReader) line() ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(s.buf[s.from+seen:s.to], '\n'); i >= 0 {
			line := s.buf[s.from : s.from+seen+i]
			s.from += seen + i + 1
			return line, nil
		}
		seen = s.to - s.from
		if s.end != nil {
			if seen > 0 {
				return nil, noEOF(s.end)
			}
			return nil, s.end
		}
		switch {
		case s.from > 0:
			copy(s.buf, s.buf[s.from:s.to])
			s.from, s.to = 0, seen
		case seen == len(s.buf) && seen >= maxSplitLine:
			return nil, errSplitLength
		case seen == len(s.buf):
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		n, err := s.r.Read(s.buf[s.to:])
		s.to += n
		s.end = err
	}
}

// The parts of a line as written by encoding/json.
var (
	splitSegment  = []byte(`{"type":2,"payload":`)
	splitFile     = []byte(`{"type":1,`)
	splitName     = []byte(`"name":"`)
	splitRawName  = []byte(`"name_raw":`)
	splitSize     = []byte(`"size":`)
	splitPayload  = []byte(`"payload":`)
	splitNull     = []byte(`null`)
	splitPosition = []byte(`,"position":`)
)

// fast parses a line of the usual form and returns its position; false if it needs slow.
func (s *splitReader) fast(line []byte, l *splitLine) (position int64, ok bool) {
	*l = splitLine{}
	if rest, ok := bytes.CutPrefix(line, splitSegment); ok {
		line = rest
	} else {
		if line, ok = bytes.CutPrefix(line, splitFile); !ok {
			return 0, false
		}
		l.file = true
		if line, ok = s.fastName(line, l); !ok {
			return 0, false
		}
		if rest, ok := bytes.CutPrefix(line, splitSize); ok {
			if l.size, line, ok = splitNumber(rest); !ok || len(line) == 0 || line[0] != ',' {
				return 0, false
			}
			line = line[1:]
		}
		if line, ok = bytes.CutPrefix(line, splitPayload); !ok {
			return 0, false
		}
	}
	if rest, ok := bytes.CutPrefix(line, splitNull); ok {
		line = rest
	} else if l.payload, line, ok = splitBase64(&s.payload, line); !ok {
		return 0, false
	}
	if line, ok = bytes.CutPrefix(line, splitPosition); !ok {
		return 0, false
	}
	position, line, ok = splitNumber(line)
	return position, ok && len(line) == 1 && line[0] == '}'
}

// fastName parses the name of a file, if any, and the comma after it.
func (s *splitReader) fastName(line []byte, l *splitLine) (rest []byte, ok bool) {
	if rest, ok := bytes.CutPrefix(line, splitName); ok {
		end := bytes.IndexByte(rest, '"')
		if end < 0 || end+1 >= len(rest) || rest[end+1] != ',' || !plainText(rest[:end]) {
			return nil, false
		}
		l.name = rest[:end]
		return rest[end+2:], true
	}
	if rest, ok := bytes.CutPrefix(line, splitRawName); ok {
		if l.name, rest, ok = splitBase64(&s.rawName, rest); !ok {
			return nil, false
		}
		if len(rest) == 0 || rest[0] != ',' {
			return nil, false
		}
		return rest[1:], true
	}
	return line, true
}

// plainText reports whether a JSON string has no escapes.
func plainText(b []byte) bool {
	high := false
	for _, c := range b {
		if c < ' ' || c == '\\' {
			return false
		}
		high = high || c >= utf8.RuneSelf
	}
	return !high || utf8.Valid(b)
}

// splitNumber parses a non-negative JSON integer.
func splitNumber(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if i == 18 { // not all numbers of 19 digits fit
			return 0, nil, false
		}
		n = n*10 + int64(b[i]-'0')
	}
	if i == 0 || i > 1 && b[0] == '0' {
		return 0, nil, false
	}
	return n, b[i:], true
}

// splitBase64 decodes the JSON string at the start of b into *buf, and returns the rest of b.
func splitBase64(buf *[]byte, b []byte) (decoded, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return nil, nil, false
	}
	text, rest := b[1:1+end], b[2+end:]
	if cap(*buf) < base64.StdEncoding.DecodedLen(len(text)) {
		*buf = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	}
	n, err := base64.StdEncoding.Decode((*buf)[:cap(*buf)], text)
	// The decoder ignores carriage returns, which JSON does not allow.
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(n) {
		return nil, nil, false
	}
	return (*buf)[:n], rest, true
}

// slow parses any line that tar-split accepts.
func (s *splitReader) slow(line []byte, l *splitLine) (position int64, err error) {
	*l = splitLine{}
	var e storage.Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return 0, fmt.Errorf("%w: %w", errSplit, err)
	}
	switch e.Type {
	case storage.FileType:
		l.file, l.name, l.size = true, e.GetNameBytes(), e.Size
	case storage.SegmentType:
	default:
		return 0, fmt.Errorf("%w: of type %d", errSplit, e.Type)
	}
	if e.Size < 0 {
		return 0, fmt.Errorf("%w: a size of %d", errSplit, e.Size)
	}
	l.payload = e.Payload
	return int64(e.Position), nil
}
