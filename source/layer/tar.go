package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// blockSize is the unit of tar: a header is one block, and contents are padded to whole blocks.
const blockSize = 512

// maxSpecial is the maximum size of an extended header or a long name, in bytes.
const maxSpecial = 1 << 20

var (
	errHeader     = errors.New("not a tar header")
	errSpecial    = errors.New("extended header of more than 1 MiB")
	errEndOfBlock = errors.New("something follows the first of the two zero blocks that end a tar")
)

// A Header is one member of a tar, with all extended headers applied.
type Header struct {
	Record // its Name and Link belong to the Tar and are valid until its next call

	Unknown byte  // the type flag if layers must not have it; usually 0
	Content int64 // start of the content in the tar

	fragments []fragment // of a sparse file
	start     int64      // start of the member, including extended headers
}

// A Tar reads the headers of a tar: ustar, PAX, GNU, star and V7. It accepts
// what archive/tar accepts, which engines use to unpack, and also reports what
// that does not: the offsets of members and their stored sizes.
type Tar struct {
	in    input
	left  int64 // unread content of the current member
	pad   int64 // padding after it
	block [blockSize]byte

	name, link []byte // buffers for the header
}

var zeroBlock [blockSize]byte

// NewTar returns a Tar over the size bytes of r. It does not read what is skipped.
func NewTar(r io.ReaderAt, size int64) *Tar { return &Tar{in: newSeekInput(r, size)} }

// NewTarStream returns a Tar over a stream.
func NewTarStream(r io.Reader) *Tar { return &Tar{in: newStreamInput(r)} }

// Pos returns the current offset in the tar.
func (s *Tar) Pos() int64 { return s.in.pos() }

// Drain reads what follows the end of a streamed tar, at most limit bytes.
func (s *Tar) Drain(limit int64) error {
	r, ok := s.in.(io.Reader)
	if !ok {
		return nil
	}
	_, err := io.CopyN(io.Discard, r, limit)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Next advances to the next member and fills h. It returns io.EOF at the end of the tar.
func (s *Tar) Next(h *Header) error {
	err := s.advance(h)
	if err != nil && err != io.EOF { //nolint:errorlint // only a bare EOF is the end
		return &tarError{at: s.in.pos(), err: err}
	}
	return err
}

func (s *Tar) advance(h *Header) error {
	if err := s.in.skip(s.left + s.pad); err != nil {
		return err
	}
	s.left, s.pad = 0, 0
	*h = Header{start: s.in.pos(), fragments: h.fragments[:0]}

	var pax *paxRecords
	var longName, longLink []byte
	for fresh := true; ; {
		if err := s.readBlock(); err != nil {
			if !fresh {
				return noEOF(err)
			}
			return err
		}
		size, err := s.special(&pax, &longName, &longLink)
		if err != nil {
			return err
		}
		if size >= 0 {
			// A global header belongs to no member: the tar may end after it, and archive/tar
			// forgets the headers before it.
			if fresh = s.block[156] == 'g'; fresh {
				pax, longName, longLink = nil, nil, nil
			}
			continue
		}
		if err := s.fields(h); err != nil {
			return err
		}
		break
	}
	if pax != nil {
		if err := pax.merge(h); err != nil {
			return err
		}
	}
	if len(longName) > 0 {
		h.Name = append(h.Name[:0], longName...)
	}
	if len(longLink) > 0 {
		h.Link = append(h.Link[:0], longLink...)
	}
	s.name, s.link = h.Name, h.Link
	return s.body(h, pax)
}

// readBlock reads the next header block. It returns io.EOF at the tar's end: two zero blocks,
// one, or none.
func (s *Tar) readBlock() error {
	b, err := s.in.next(blockSize)
	if err != nil {
		return err
	}
	if b[0] == 0 && bytes.Equal(b, zeroBlock[:]) {
		b, err = s.in.next(blockSize)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(b, zeroBlock[:]):
			return errEndOfBlock
		}
		return io.EOF
	}
	copy(s.block[:], b)
	if !validChecksum(&s.block) {
		return errHeader
	}
	return nil
}

// special handles a header that describes the next member: it reads its body
// and returns the body's size, or -1 if the current header is a member's own.
func (s *Tar) special(pax **paxRecords, longName, longLink *[]byte) (int64, error) {
	flag := s.block[156]
	switch flag {
	case 'x', 'g', 'L', 'K':
	default:
		return -1, nil
	}
	size, ok := tarNumber(s.block[124:136])
	if !ok || size < 0 {
		return 0, errHeader
	}
	padding := -size & (blockSize - 1)
	if flag == 'g' {
		// Engines ignore global headers (Docker and containerd do), so peel does too.
		return size, s.in.skip(size + padding)
	}
	if size > maxSpecial {
		return 0, errSpecial
	}
	body, err := s.in.next(int(size))
	if err != nil && size > 0 {
		return 0, noEOF(err)
	}
	switch flag {
	case 'x':
		if *pax, err = parsePAX(body); err != nil {
			return 0, err
		}
	case 'L':
		*longName = bytes.Clone(cString(body))
	case 'K':
		*longLink = bytes.Clone(cString(body))
	}
	return size, s.in.skip(padding)
}

// fields parses the current block as a member's own header.
func (s *Tar) fields(h *Header) error {
	b := s.block[:]
	ok := true
	number := func(from, to int) int64 {
		n, good := tarNumber(b[from:to])
		ok = ok && good
		return n
	}
	h.Mode = number(100, 108)
	h.UID = number(108, 116)
	h.GID = number(116, 124)
	h.Size = number(124, 136)
	h.Sec = number(136, 148)
	s.link = append(s.link[:0], cString(b[157:257])...)
	h.Link = s.link

	var prefix []byte
	switch {
	case string(b[257:263]) == "ustar\x00":
		h.Major, h.Minor = number(329, 337), number(337, 345)
		prefix = cString(b[345:500])
		if string(b[508:512]) == "tar\x00" { // star: a shorter prefix, then times
			prefix = cString(b[345:476])
			number(476, 488)
			number(488, 500)
		}
	case string(b[257:265]) == "ustar  \x00": // GNU: times instead of a prefix
		h.Major, h.Minor = number(329, 337), number(337, 345)
		if !isGNUTime(b[345:357]) || !isGNUTime(b[357:369]) {
			// Go before 1.8 wrote a prefix there anyway, and images of that time still exist.
			if p := cString(b[345:500]); isASCII(p) {
				prefix = p
			}
		}
	}
	if !ok || h.Size < 0 {
		return errHeader
	}
	h.Name = s.name[:0]
	if len(prefix) > 0 {
		h.Name = append(append(h.Name, prefix...), '/')
	}
	h.Name = append(h.Name, cString(b[:100])...)
	return nil
}

// isGNUTime reports whether b is a time field written by GNU tar: a number, or empty.
func isGNUTime(b []byte) bool {
	_, ok := tarNumber(b)
	return ok || b[0] == 0
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// body determines the member's type and the number of content bytes.
func (s *Tar) body(h *Header, pax *paxRecords) error {
	flag := s.block[156]
	switch flag {
	case '0', '7', 'S':
		h.Type = File
	case 0: // V7, where a directory's name ends with a slash
		h.Type = File
		if bytes.HasSuffix(h.Name, []byte("/")) {
			h.Type = Dir
		}
	case '1':
		h.Type = Hardlink
	case '2':
		h.Type = Symlink
	case '3':
		h.Type = Char
	case '4':
		h.Type = Block
	case '5':
		h.Type = Dir
	case '6':
		h.Type = Fifo
	default:
		h.Unknown = flag
	}
	if h.Type != Char && h.Type != Block {
		h.Major, h.Minor = 0, 0
	}
	if h.Type != Symlink && h.Type != Hardlink {
		h.Link = h.Link[:0]
	}
	if h.Size < 0 {
		return errHeader // according to a PAX record
	}
	if h.Type != File && h.Unknown == 0 {
		h.Size = 0 // no content follows, whatever the header says
	}
	s.left = h.Size
	s.pad = -h.Size & (blockSize - 1)

	var err error
	switch {
	case flag == 'S':
		err = s.oldGNU(h)
	case pax != nil:
		err = s.paxSparse(h, pax)
	}
	if err != nil {
		return err
	}
	h.Stored = h.Size
	if h.Sparse {
		stored, ok := checkFragments(h.fragments, h.Size)
		if !ok || h.Type != File || stored > s.left {
			return errSparse
		}
		h.Stored = stored
	}
	h.Content = s.in.pos()
	h.Offset = h.Content
	if h.Sparse {
		h.Offset = h.start // the map is needed to read it
	}
	return nil
}

// validChecksum reports whether the header's checksum is correct, as a sum of unsigned bytes
// (POSIX) or signed ones (old Sun tars).
func validChecksum(b *[blockSize]byte) bool {
	want, ok := tarOctal(b[148:156])
	if !ok {
		return false
	}
	// The field itself counts as spaces.
	const spaces = 8 * ' '
	return want == sumBytes(b)-sumField(b)+spaces || want == signedSum(b)
}

// sumBytes adds up all bytes, eight at a time: each of four 16-bit lanes holds the sum of every
// second byte, at most 64 times 2*255.
func sumBytes(b *[blockSize]byte) int64 {
	const lanes = 0x00ff00ff00ff00ff
	var sum uint64
	for i := 0; i < blockSize; i += 8 {
		x := binary.LittleEndian.Uint64(b[i : i+8])
		sum += x&lanes + x>>8&lanes
	}
	return int64(sum&0xffff + sum>>16&0xffff + sum>>32&0xffff + sum>>48)
}

func sumField(b *[blockSize]byte) (sum int64) {
	for _, c := range b[148:156] {
		sum += int64(c)
	}
	return sum
}

func signedSum(b *[blockSize]byte) (sum int64) {
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(int8(c))
	}
	return sum
}
