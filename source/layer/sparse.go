package layer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A fragment is a piece of data in a sparse file; the rest of the file reads as zeros.
type fragment struct{ offset, length int64 }

// maxFragments is the maximum number of fragments of one sparse file.
const maxFragments = 1 << 20

var errSparse = errors.New("malformed map of a sparse file")

// checkFragments reports whether the fragments are ordered, do not overlap, and are inside a file
// of the given size; and the number of their bytes.
func checkFragments(f []fragment, size int64) (stored int64, ok bool) {
	var end int64
	for _, x := range f {
		if x.offset < end || x.length < 0 || x.offset > size || x.length > size-x.offset {
			return 0, false
		}
		end = x.offset + x.length
		stored += x.length
	}
	return stored, size >= 0
}

// oldGNU reads the map in a header of type 'S' and in the extension blocks after it.
func (s *Tar) oldGNU(h *Header) error {
	// Offsets from GNU tar: sparse structs at 386, "is extended" at 482, the file's real size at
	// 483.
	size, ok := tarNumber(s.block[483:495])
	if !ok {
		return errSparse
	}
	h.Size, h.Sparse = size, true
	table, extended := s.block[386:482], s.block[482]
	for {
		for ; len(table) >= 24; table = table[24:] {
			if table[0] == 0 {
				break
			}
			offset, ok1 := tarNumber(table[:12])
			length, ok2 := tarNumber(table[12:24])
			if !ok1 || !ok2 || len(h.fragments) >= maxFragments {
				return errSparse
			}
			h.fragments = append(h.fragments, fragment{offset, length})
		}
		if extended == 0 {
			return nil
		}
		b, err := s.in.next(blockSize)
		if err != nil {
			return noEOF(err)
		}
		table, extended = b[:504], b[504]
	}
}

// paxSparse detects PAX records of a sparse file (GNU formats 0.0, 0.1 and 1.0) and reads the
// map, which in 1.0 precedes the data.
func (s *Tar) paxSparse(h *Header, p *paxRecords) error {
	major, minor := p.values[paxSparse+"major"], p.values[paxSparse+"minor"]
	inline := p.values[paxSparse+"map"]
	var in10 bool
	switch {
	case major == "0" && (minor == "0" || minor == "1"):
	case major == "1" && minor == "0":
		in10 = true
	case major != "" || minor != "":
		return nil // an unknown version
	case inline != "" || len(p.map00) > 0:
	default:
		return nil
	}
	if name := p.values[paxSparse+"name"]; name != "" {
		h.Name = append(h.Name[:0], name...)
	}
	size := p.values[paxSparse+"size"]
	if size == "" {
		size = p.values[paxSparse+"realsize"]
	}
	if size != "" {
		n, ok := decimal(size)
		if !ok {
			return errSparse
		}
		h.Size = n
	}
	h.Sparse = true
	if in10 {
		return s.map10(h)
	}
	numbers := p.map00
	if inline != "" {
		numbers = strings.Split(inline, ",")
	}
	count, ok := decimal(p.values[paxSparse+"numblocks"])
	if !ok || count < 0 || count > maxFragments || int64(len(numbers)) != 2*count {
		return errSparse
	}
	return h.addFragments(numbers)
}

func (h *Header) addFragments(numbers []string) error {
	for i := 0; i+1 < len(numbers); i += 2 {
		offset, ok1 := decimal(numbers[i])
		length, ok2 := decimal(numbers[i+1])
		if !ok1 || !ok2 {
			return errSparse
		}
		h.fragments = append(h.fragments, fragment{offset, length})
	}
	return nil
}

// map10 reads the map of format 1.0: decimal numbers, one per line, in whole
// blocks before the data: the number of fragments, then offset and length of
// each.
func (s *Tar) map10(h *Header) error {
	var text []byte
	line := func() (int64, error) {
		for {
			for i, c := range text {
				if c == '\n' {
					n, err := strconv.ParseInt(string(text[:i]), 10, 64)
					text = text[i+1:]
					if err != nil {
						return 0, errSparse
					}
					return n, nil
				}
			}
			if len(text) > 32 || s.left < blockSize {
				return 0, errSparse
			}
			b, err := s.in.next(blockSize)
			if err != nil {
				return 0, noEOF(err)
			}
			s.left -= blockSize
			text = append(slices.Clip(text), b...)
		}
	}
	count, err := line()
	if err != nil {
		return err
	}
	if count < 0 || count > maxFragments {
		return errSparse
	}
	for range count {
		offset, err := line()
		if err != nil {
			return err
		}
		length, err := line()
		if err != nil {
			return err
		}
		h.fragments = append(h.fragments, fragment{offset, length})
	}
	return nil
}

// A HoleWriter accepts the holes of a sparse file: io.Copy from a reader of
// Layer.Each to a HoleWriter writes the data and calls Hole instead of writing
// zeros.
type HoleWriter interface {
	io.Writer
	// Hole writes n zero bytes.
	Hole(n int64) error
}

// sparseReader reads a sparse file with holes filled with zeros.
type sparseReader struct {
	ctx       context.Context
	data      io.Reader // the fragments, consecutively
	fragments []fragment
	size, at  int64
}

// span returns the end of the piece that starts at r.at, and whether it is a hole. There must be
// something left.
func (r *sparseReader) span() (end int64, hole bool) {
	for len(r.fragments) > 0 && r.at >= r.fragments[0].offset+r.fragments[0].length {
		r.fragments = r.fragments[1:]
	}
	if len(r.fragments) == 0 {
		return r.size, true
	}
	f := r.fragments[0]
	if r.at < f.offset {
		return f.offset, true
	}
	return f.offset + f.length, false
}

func (r *sparseReader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	end, hole := r.span()
	p = p[:min(int64(len(p)), end-r.at)]
	if hole {
		clear(p)
		r.at += int64(len(p))
		return len(p), nil
	}
	n, err := r.data.Read(p)
	r.at += int64(n)
	if r.at < r.size {
		err = noEOF(err)
	}
	return n, err
}

// WriteTo writes the rest of the file, with holes if w is a HoleWriter.
func (r *sparseReader) WriteTo(w io.Writer) (total int64, err error) {
	to, asHoles := w.(HoleWriter)
	var buf []byte
	for r.at < r.size {
		if end, hole := r.span(); hole && asHoles {
			if err := r.ctx.Err(); err != nil {
				return total, err
			}
			n := end - r.at
			if err := to.Hole(n); err != nil {
				return total, err
			}
			r.at += n
			total += n
			continue
		}
		if buf == nil {
			buf = make([]byte, sparseBuffer)
		}
		n, err := r.Read(buf)
		written, failed := w.Write(buf[:n])
		total += int64(written)
		if err == io.EOF && r.at == r.size { //nolint:errorlint // io.Reader's contract is a bare EOF
			err = nil
		}
		if err = cmp.Or(failed, err); err != nil {
			return total, err
		}
	}
	return total, nil
}

// sparseBuffer is the size of writes of a sparse file, in bytes.
const sparseBuffer = 64 << 10
