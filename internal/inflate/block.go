package inflate

import "encoding/binary"

// fastBytes is how much input the fast loop needs ahead: it takes eight bytes twice, up to
// seven bytes apart, before it checks again.
const fastBytes = 16

// block decodes a block with codes, up to its end or that of the buffer.
func (d *decoder) block() error {
	for d.to < outEnd {
		var done bool
		var err error
		if d.end-d.at >= fastBytes {
			done, err = d.fast()
		} else {
			done, err = d.slow()
		}
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
	case e&kindMask == kindEnd:
		d.endBlock()
		return true, nil
	case e&kindSpecial != 0:
		return false, d.corrupt()
	}
	length, err := d.extra(e)
	if err != nil {
		return false, err
	}
	if e, err = d.symbol(d.distT[:], distBits, d.distRead); err != nil {
		return false, err
	}
	if e&kindSpecial != 0 {
		return false, d.corrupt()
	}
	dist, err := d.extra(e)
	if err != nil {
		return false, err
	}
	if d.to-dist < d.lowest(d.to) && !d.refer(d.to, dist, length) {
		return false, d.corrupt()
	}
	for range length { // the buffer always has room for one match after its end
		d.out[d.to] = d.out[d.to-dist]
		d.to++
	}
	return false, nil
}

// reach returns how far back a match may reach.
func (d *decoder) reach() int { return min(window, d.have+d.to-d.from) }

// fast decodes while there are at least fastBytes of input and the buffer isn't full.
//
// It looks up the entry of the next literal or length before it writes the data of the current
// one, so that both run in parallel. Only the lowest six bits of nb count: subtracting a whole
// entry removes the bits that its symbol takes.
//
// Masks show the compiler that indices are in bounds. They change none, because at is at most
// ChunkSize-fastBytes at the top of the loop, and nothing is written after outEnd+overrun.
func (d *decoder) fast() (done bool, err error) {
	in, b, nb := d.in, d.b, uint64(d.nb)
	out, to := d.out, uint(d.to)
	lit, dists := &d.lit, &d.distT
	at, last := uint(d.at), uint(d.end-fastBytes)
	lowest := uint(d.lowest(d.to))

	b |= binary.LittleEndian.Uint64(in[at&chunkMask:]) << (nb & 63)
	at += uint(^nb >> 3 & 7)
	nb |= 56
	e := lit[b&litMask]
	for at <= last && to < outEnd {
		// There are 56 to 63 bits now: enough for two literals, and a length with its extra
		// bits: 11+11+15+5; or for three literals and the next lookup.
		b |= binary.LittleEndian.Uint64(in[at&chunkMask:]) << (nb & 63)
		at += uint(^nb >> 3 & 7)
		nb |= 56

		if e&kindLiteral != 0 {
			b >>= e & 63
			nb -= uint64(e)
			out[to] = byte(e >> 16)
			to++
			e = lit[b&litMask]
			if e&kindLiteral != 0 {
				b >>= e & 63
				nb -= uint64(e)
				out[to] = byte(e >> 16)
				to++
				e = lit[b&litMask]
				if e&kindLiteral != 0 {
					b >>= e & 63
					nb -= uint64(e)
					out[to] = byte(e >> 16)
					to++
					e = lit[b&litMask]
					continue
				}
			}
		}
		if e&kindSpecial != 0 {
			if e&kindMask == kindLink {
				b >>= litBits
				nb -= litBits
				e = lit[(e>>16)+uint32(b)&(1<<(e>>8&15)-1)]
			}
			if e&(kindLiteral|kindSpecial) != 0 {
				if e&kindMask == kindNone {
					err = errCode
					break
				}
				b >>= e & 63
				nb -= uint64(e)
				if e&kindLiteral != 0 {
					out[to] = byte(e >> 16)
					to++
					e = lit[b&litMask]
					continue
				}
				if done = e&kindMask == kindEnd; !done {
					err = errCode
				}
				break
			}
		}
		length := uint(e>>16) + uint(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		nb -= uint64(e)

		// At least 14 bits are left: enough to look up a distance.
		e = dists[b&distMask]
		b |= binary.LittleEndian.Uint64(in[at&chunkMask:]) << (nb & 63)
		at += uint(^nb >> 3 & 7)
		nb |= 56
		if e&kindSpecial != 0 {
			if e&kindMask == kindLink {
				b >>= distBits
				nb -= distBits
				e = dists[(e>>16)+uint32(b)&(1<<(e>>8&15)-1)]
			}
			if e&kindSpecial != 0 {
				if e&kindMask != kindNone {
					b >>= e & 63
					nb -= uint64(e)
				}
				err = errCode
				break
			}
		}
		dist := uint(e>>16) + uint(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		nb -= uint64(e)
		e = lit[b&litMask]

		if to-dist < lowest && !d.refer(int(to), int(dist), int(length)) { // dist is at most window, and to at least window
			err = errCode
			break
		}
		stop := to + length
		switch {
		case dist >= 16:
			for from := to - dist; ; from += 16 {
				src, dst := out[from&outMask:], out[to&outMask:]
				x, y := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
				binary.LittleEndian.PutUint64(dst, x)
				binary.LittleEndian.PutUint64(dst[8:], y)
				if to += 16; to >= stop {
					break
				}
			}
		case dist >= 8:
			for ; to < stop; to += 8 {
				binary.LittleEndian.PutUint64(out[to&outMask:], binary.LittleEndian.Uint64(out[(to-dist)&outMask:]))
			}
		default:
			x := repeat(binary.LittleEndian.Uint64(out[(to-dist)&outMask:]), dist)
			for step := 8 - 8%dist; to < stop; to += step {
				binary.LittleEndian.PutUint64(out[to&outMask:], x)
			}
		}
		to = stop
	}
	nb &= 63
	d.b, d.nb, d.at, d.to = b&(1<<nb-1), uint(nb), int(at), int(to)
	if err != nil {
		return false, d.corrupt()
	}
	if done {
		d.endBlock()
	}
	return done, nil
}

// repeat returns a word filled with repetitions of the lowest n bytes of x, where n is less
// than 8. The last one may be incomplete.
func repeat(x uint64, n uint) uint64 {
	x &= 1<<(8*n) - 1
	x |= x << (8 * n)
	x |= x << (16 * n)
	return x | x<<(32*n)
}
