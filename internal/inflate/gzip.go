package inflate

import (
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A Reader decompresses gzip with one or more members. Its errors are those of the standard
// library's compress/gzip.
type Reader struct {
	d    decoder
	sum  uint32
	size uint32
	err  error

	trailing bool

	keeping *keeping // nil if checkpoints aren't wanted
}

// NewReader returns a Reader for r, and reads the first header. It may read more of r than it
// needs. If r is a Source, its chunks aren't copied.
func NewReader(r io.Reader) (*Reader, error) {
	z := &Reader{}
	return z, z.Reset(r)
}

// Reset makes z read another stream from its beginning.
func (z *Reader) Reset(r io.Reader) error {
	z.d.reset(r)
	z.trailing, z.keeping = false, nil
	z.err = z.header()
	return z.err
}

// Read reads decompressed data.
func (z *Reader) Read(p []byte) (int, error) {
	if err := z.ready(); err != nil {
		return 0, err
	}
	n := copy(p, z.d.out[z.d.from:z.d.to])
	z.d.hand(n)
	return n, nil
}

// Next returns the next bytes without copying them, at least one. They are valid until the next
// method call.
func (z *Reader) Next() ([]byte, error) {
	if err := z.ready(); err != nil {
		return nil, err
	}
	b := z.d.out[z.d.from:z.d.to]
	z.d.hand(len(b))
	return b, nil
}

// ready decompresses until there is data to return.
func (z *Reader) ready() error {
	for z.d.from == z.d.to {
		if z.err != nil {
			return z.err
		}
		z.fill()
	}
	return nil
}

// Trailing reports whether reading ended because the data after the last member isn't another
// member. The error says so as well; gzip itself ignores such data.
func (z *Reader) Trailing() bool { return z.trailing }

// Close does nothing. It implements io.ReadCloser.
func (z *Reader) Close() error { return nil }

// fill decodes more data, or sets err.
func (z *Reader) fill() {
	err := z.d.decode()
	got := z.d.out[z.d.from:z.d.to]
	if z.keeping != nil {
		z.handMark(got, err != nil)
	} else {
		z.count(got)
	}
	z.d.total += int64(len(got))
	if err == nil {
		return
	}
	if err != io.EOF { //nolint:errorlint // decode's own
		z.err = err
		return
	}
	if len(got) > 0 {
		return // the error comes again after this data
	}
	z.err = z.trailer()
	if z.err == nil {
		z.trailing = !z.begins()
		z.err = z.header()
	}
}

// begins reports whether the next bytes look like the beginning of a member. The end of the
// input or a read error counts as one.
func (z *Reader) begins() bool {
	for i, magic := range []byte{0x1f, 0x8b} {
		if z.d.need(8*uint(i+1)) != nil {
			return true
		}
		if byte(z.d.b>>(8*i)) != magic {
			return false
		}
	}
	return true
}

// trailer checks a member's trailer.
func (z *Reader) trailer() error {
	z.d.align()
	var b [8]byte
	if err := z.bytes(b[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b[:]) != z.sum || binary.LittleEndian.Uint32(b[4:]) != z.size {
		return gzip.ErrChecksum
	}
	return nil
}

// Flags in a header.
const (
	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
	flagUnknown = 0xe0
)

// maxString bounds a header's strings, in bytes, as the library does.
const maxString = 512

// header reads a member's header. It returns io.EOF if there is none.
func (z *Reader) header() error {
	if z.d.nb == 0 && z.d.at == z.d.end && !z.d.more() {
		return z.d.inErr
	}
	var b [10]byte
	if err := z.bytes(b[:]); err != nil {
		return err
	}
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return gzip.ErrHeader
	}
	sum := crc32.ChecksumIEEE(b[:])
	flags := b[3]
	if flags&flagExtra != 0 {
		if err := z.bytes(b[:2]); err != nil {
			return err
		}
		sum = crc32.Update(sum, crc32.IEEETable, b[:2])
		extra := make([]byte, binary.LittleEndian.Uint16(b[:]))
		if err := z.bytes(extra); err != nil {
			return err
		}
		sum = crc32.Update(sum, crc32.IEEETable, extra)
	}
	for _, flag := range []byte{flagName, flagComment} {
		if flags&flag == 0 {
			continue
		}
		for n := 0; ; n++ {
			if n == maxString {
				return gzip.ErrHeader
			}
			if err := z.bytes(b[:1]); err != nil {
				return err
			}
			sum = crc32.Update(sum, crc32.IEEETable, b[:1])
			if b[0] == 0 {
				break
			}
		}
	}
	if flags&flagCRC != 0 {
		if err := z.bytes(b[:2]); err != nil {
			return err
		}
		if uint32(binary.LittleEndian.Uint16(b[:])) != sum&0xffff {
			return gzip.ErrHeader
		}
	}
	if flags&flagUnknown != 0 {
		return gzip.ErrHeader
	}
	z.sum, z.size = 0, 0
	z.d.startStream()
	return nil
}

// bytes reads whole bytes.
func (z *Reader) bytes(p []byte) error {
	for i := range p {
		b, err := z.d.readByte()
		if err != nil {
			return err
		}
		p[i] = b
	}
	return nil
}
