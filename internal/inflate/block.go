package inflate

import (
	"encoding/binary"
)

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
