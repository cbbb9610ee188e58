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
	"encoding/binary"
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

// block decodes on in a block with codes, to its end or that of the buffer.
func (d *decoder) block() error {
	for d.to < window+outBytes {
		if len(d.in) < 16 {
			d.more(16)
		}
		if len(d.in) >= 16 {
			done, err := d.fast()
			if done || err != nil {
				return err
			}
			continue
		}
		done, err := d.slow()
		if done || err != nil {
			return err
		}
	}
	return nil
}

// slow decodes one symbol.
func (d *decoder) slow() (done bool, err error) {
	e, err := d.symbol(d.lit[:], litBits, d.litRead)
	if err != nil {
		return false, err
	}
	switch {
	case e&kindLiteral != 0:
		d.out[d.to] = byte(e >> 16)
		d.to++
		return false, nil
	case e&kindEnd != 0:
		d.endBlock()
		return true, nil
	case e&kindInvalid != 0:
		return false, d.corrupt()
	}
	extra := uint(e >> 4 & 15)
	if err := d.need(extra); err != nil {
		return false, err
	}
	length := int(e>>16) + int(d.take(extra))
	if e, err = d.symbol(d.distT[:], distBits, d.distRead); err != nil {
		return false, err
	}
	if e&kindInvalid != 0 {
		return false, d.corrupt()
	}
	extra = uint(e >> 4 & 15)
	if err := d.need(extra); err != nil {
		return false, err
	}
	dist := int(e>>16) + int(d.take(extra))
	if dist > d.reach() {
		return false, d.corrupt()
	}
	for range length { // there is always room for one match behind the end
		d.out[d.to] = d.out[d.to-dist]
		d.to++
	}
	return false, nil
}

// reach is how far back a match may go.
func (d *decoder) reach() int { return min(window, d.have+d.to-d.from) }

// fast decodes while there are at least 16 bytes of input and the buffer is not
// full.
func (d *decoder) fast() (done bool, err error) {
	in, b, nb := d.in, d.b, d.nb
	out, to := d.out, d.to
	lit, dists := &d.lit, &d.distT
	before := len(in)
	lowest := to - d.reach() // the first byte that may be reached
	const end = window + outBytes
loop:
	for len(in) >= 16 && to < end {
		// 56 to 63 bits: enough for three literals, or for a match: 15+5+15+13.
		b |= binary.LittleEndian.Uint64(in) << (nb & 63)
		in = in[(63-nb)>>3:]
		nb |= 56

		e := lit[b&(1<<litBits-1)]
		if e&kindLiteral != 0 {
			b >>= e & 15
			nb -= uint(e & 15)
			out[to] = byte(e >> 16)
			to++
			e = lit[b&(1<<litBits-1)]
			if e&kindLiteral != 0 {
				b >>= e & 15
				nb -= uint(e & 15)
				out[to] = byte(e >> 16)
				to++
				continue
			}
			// 56-11 = 45 bits are left, and a match may want 48.
			b |= binary.LittleEndian.Uint64(in) << (nb & 63)
			in = in[(63-nb)>>3:]
			nb |= 56
		}
		if e&kindLink != 0 {
			b >>= litBits
			nb -= litBits
			e = lit[(e>>16)+uint32(b)&(1<<(e>>4&15)-1)]
		}
		n := uint(e & 15)
		if n == 0 {
			err = errCode
			break
		}
		b >>= n
		nb -= n
		switch {
		case e&kindLiteral != 0:
			out[to] = byte(e >> 16)
			to++
			continue
		case e&kindEnd != 0:
			done = true
			break loop
		case e&kindInvalid != 0:
			err = errCode
			break loop
		}
		extra := uint(e >> 4 & 15)
		length := int(e>>16) + int(b&(1<<extra-1))
		b >>= extra
		nb -= extra

		e = dists[b&(1<<distBits-1)]
		if e&kindLink != 0 {
			b >>= distBits
			nb -= distBits
			e = dists[(e>>16)+uint32(b)&(1<<(e>>4&15)-1)]
		}
		n = uint(e & 15)
		if n == 0 || e&kindInvalid != 0 {
			b >>= n
			nb -= n
			err = errCode
			break
		}
		b >>= n
		nb -= n
		extra = uint(e >> 4 & 15)
		dist := int(e>>16) + int(b&(1<<extra-1))
		b >>= extra
		nb -= extra
		if low := max(lowest, to-window); to-dist < low {
			err = errCode
			break
		}
		from := to - dist
		switch {
		case dist >= length:
			if length <= 16 && dist >= 16 && to+16 <= len(out) {
				src, dst := out[from:from+16:from+16], out[to:to+16:to+16]
				x, y := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
				binary.LittleEndian.PutUint64(dst, x)
				binary.LittleEndian.PutUint64(dst[8:], y)
			} else {
				copy(out[to:to+length], out[from:from+length])
			}
			to += length
		case dist == 1:
			c := out[from]
			run := out[to : to+length]
			for i := range run {
				run[i] = c
			}
			to += length
		default:
			for stop := to + length; to < stop; {
				to += copy(out[to:stop], out[from:to])
			}
		}
	}
	b &= 1<<nb - 1
	d.in, d.b, d.nb, d.to = in, b, nb, to
	d.taken += int64(before - len(in))
	if err != nil {
		return false, d.corrupt()
	}
	if done {
		d.endBlock()
	}
	return done, nil
}
