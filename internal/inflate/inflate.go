// Package inflate reads gzip (RFC 1952) and DEFLATE (RFC 1951) in one goroutine,
// faster than the library that it is held against in its tests.
//
// What makes it fast: 64 bits of input at a time, taken from a buffer without a
// check for its end; tables that hold base and extra bits of a match, so that a
// symbol is one lookup as a rule; and output into one long buffer, so that a copy
// never wraps around. Where input or output come near the end of their buffers, a
// slow loop with every check takes over, symbol by symbol.
package inflate

import (
	"compress/flate"
	"errors"
	"io"
)

// errCode is turned into one that says where.
var errCode = errors.New("a code or a distance that cannot be")

const (
	window   = 32 << 10 // how far back a match may reach, in bytes
	inBytes  = 64 << 10
	outBytes = 64 << 10 // that are decoded at once, beside the window
	maxMatch = 258
)

// decoder decodes one DEFLATE stream after the other from a reader.
type decoder struct {
	r     io.Reader
	in    []byte // input that has not been taken yet
	inBuf []byte
	inErr error // what reading ended with
	taken int64 // bytes of input before in, since the stream's beginning

	b  uint64 // bits taken from in, the next one lowest
	nb uint   // how many of them; those above are zero

	out  []byte // the window, and behind it what is decoded
	from int    // out[from:to] is to be handed out
	to   int
	have int // how far back a match may reach, up to window

	final bool
	state state
	left  int // of a stored block

	lit               [litSize]entry
	distT             [distSize]entry
	meta              [1 << 7]entry
	litRead, distRead uint // bits that follow in any case
	fixed             bool // the tables are those of a fixed block
	scratch           [maxLit + maxDist + 32]uint8
}

type state uint8

const (
	atHeader state = iota
	inStored
	inBlock
	atEnd
)

func (d *decoder) reset(r io.Reader) {
	if d.inBuf == nil {
		d.inBuf = make([]byte, inBytes)
		d.out = make([]byte, window+outBytes+maxMatch+8)
	}
	d.r, d.in, d.inErr = r, nil, nil
	d.startStream()
}

// startStream begins a stream at the current byte.
func (d *decoder) startStream() {
	d.taken, d.b, d.nb = 0, 0, 0
	d.from, d.to, d.have = window, window, 0
	d.final, d.state, d.left = false, atHeader, 0
}

// more reads input until there are n bytes of it, or no more.
func (d *decoder) more(n int) {
	if len(d.in) >= n || d.inErr != nil {
		return
	}
	got := copy(d.inBuf, d.in)
	for got < n && d.inErr == nil {
		var k int
		k, d.inErr = d.r.Read(d.inBuf[got:])
		got += k
	}
	d.in = d.inBuf[:got]
}

// need makes at least n bits ready, n being 32 at most.
func (d *decoder) need(n uint) error {
	for d.nb < n {
		if len(d.in) == 0 {
			if d.more(1); len(d.in) == 0 {
				return d.ended()
			}
		}
		d.b |= uint64(d.in[0]) << d.nb
		d.in = d.in[1:]
		d.taken++
		d.nb += 8
	}
	return nil
}

// ended is the error of input that ends too early.
func (d *decoder) ended() error {
	if d.inErr == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		return io.ErrUnexpectedEOF
	}
	return d.inErr
}

func (d *decoder) take(n uint) uint {
	v := uint(d.b & (1<<n - 1))
	d.b >>= n
	d.nb -= n
	return v
}

func (d *decoder) corrupt() error {
	return flate.CorruptInputError(d.taken - int64(d.nb/8))
}

// align drops what is left of the current byte.
func (d *decoder) align() {
	d.take(d.nb & 7)
}

// readByte takes one whole byte.
func (d *decoder) readByte() (byte, error) {
	if err := d.need(8); err != nil {
		return 0, err
	}
	return byte(d.take(8)), nil
}

// decode makes out[from:to] non-empty, or returns an error; io.EOF is the end of
// the stream. All of out[from:to] must have been handed out.
func (d *decoder) decode() error {
	d.have = d.reach()
	if d.to >= window+outBytes {
		copy(d.out, d.out[d.to-window:d.to])
		d.to = window
	}
	d.from = d.to
	for d.to < window+outBytes {
		var err error
		switch d.state {
		case atHeader:
			err = d.header()
		case inStored:
			err = d.stored()
		case inBlock:
			err = d.block()
		case atEnd:
			err = io.EOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) endBlock() {
	d.state = atHeader
	if d.final {
		d.state = atEnd
	}
}

func (d *decoder) header() error {
	if err := d.need(3); err != nil {
		return err
	}
	d.final = d.take(1) == 1
	switch d.take(2) {
	case 0:
		d.align()
		if err := d.need(32); err != nil {
			return err
		}
		n, not := d.take(16), d.take(16)
		if n != ^not&0xffff {
			return d.corrupt()
		}
		d.left, d.state = int(n), inStored
	case 1:
		if !d.fixed {
			d.fixed = true
			var n [288]uint8
			for i := range n {
				switch {
				case i < 144:
					n[i] = 8
				case i < 256:
					n[i] = 9
				case i < 280:
					n[i] = 7
				default:
					n[i] = 8
				}
			}
			build(d.lit[:], litBits, n[:], litEntries[:])
			for i := range 32 {
				n[i] = 5
			}
			build(d.distT[:], distBits, n[:32], distEntries[:])
		}
		d.litRead, d.distRead = 7, 5
		d.state = inBlock
	case 2:
		d.fixed = false
		if err := d.tables(); err != nil {
			return err
		}
		d.state = inBlock
	default:
		return d.corrupt()
	}
	return nil
}

// tables reads the codes of a dynamic block.
func (d *decoder) tables() error {
	if err := d.need(14); err != nil {
		return err
	}
	nlit, ndist, ncode := int(d.take(5))+257, int(d.take(5))+1, int(d.take(4))+4
	if nlit > maxLit || ndist > maxDist {
		return d.corrupt()
	}
	var meta [19]uint8
	for _, i := range codeOrder[:ncode] {
		if err := d.need(3); err != nil {
			return err
		}
		meta[i] = uint8(d.take(3))
	}
	if !build(d.meta[:], 7, meta[:], plainEntries[:]) {
		return d.corrupt()
	}
	n := d.scratch[:nlit+ndist]
	for i := 0; i < len(n); {
		e, err := d.symbol(d.meta[:], 7, shortest(meta[:]))
		if err != nil {
			return err
		}
		v := uint8(e >> 16)
		if v < 16 {
			n[i] = v
			i++
			continue
		}
		var rep int
		var extra uint
		var of uint8
		switch v {
		case 16:
			if i == 0 {
				return d.corrupt()
			}
			rep, extra, of = 3, 2, n[i-1]
		case 17:
			rep, extra = 3, 3
		case 18:
			rep, extra = 11, 7
		}
		if err := d.need(extra); err != nil {
			return err
		}
		rep += int(d.take(extra))
		if i+rep > len(n) {
			return d.corrupt()
		}
		for range rep {
			n[i] = of
			i++
		}
	}
	if !build(d.lit[:], litBits, n[:nlit], litEntries[:]) || !build(d.distT[:], distBits, n[nlit:], distEntries[:]) {
		return d.corrupt()
	}
	// Every block has an end, and one that is not the last is followed by another,
	// of 10 bits at least.
	d.litRead, d.distRead = max(shortest(n[:nlit]), uint(n[256])), shortest(n[nlit:])
	if !d.final {
		d.litRead += 10
	}
	return nil
}

// shortest returns the length of the shortest code, 0 if there is none.
func shortest(lengths []uint8) (n uint) {
	for _, l := range lengths {
		if l > 0 && (n == 0 || uint(l) < n) {
			n = uint(l)
		}
	}
	return n
}

// symbol decodes one symbol, taking no more input than it needs: n bits are what
// must follow in any case. Its extra bits are not taken.
func (d *decoder) symbol(table []entry, tableBits, n uint) (entry, error) {
	for ; ; n = d.nb + 1 {
		if err := d.need(n); err != nil {
			return 0, err
		}
		e := table[d.b&(1<<tableBits-1)]
		bits := uint(e & 15)
		if e&kindLink != 0 {
			if d.nb <= tableBits {
				continue
			}
			e = table[uint64(e>>16)+d.b>>tableBits&(1<<(e>>4&15)-1)]
			bits = tableBits + uint(e&15)
		}
		if bits == 0 {
			return 0, d.corrupt()
		}
		if bits <= d.nb {
			d.take(bits)
			return e, nil
		}
	}
}

func (d *decoder) stored() error {
	for d.left > 0 && d.to < window+outBytes {
		if d.nb > 0 {
			d.out[d.to] = byte(d.take(8))
			d.to++
			d.left--
			continue
		}
		if d.more(1); len(d.in) == 0 {
			return d.ended()
		}
		n := copy(d.out[d.to:window+outBytes], d.in[:min(d.left, len(d.in))])
		d.in = d.in[n:]
		d.taken += int64(n)
		d.to += n
		d.left -= n
	}
	if d.left == 0 {
		d.endBlock()
	}
	return nil
}
