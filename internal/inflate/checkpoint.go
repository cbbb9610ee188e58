package inflate

import (
	"errors"
	"hash/crc32"
	"io"
)

// WindowSize is how far back a match may reach, in bytes: what has to be known of
// the unpacked bytes before a place to unpack from there on.
const WindowSize = window

// A Checkpoint is a place between two blocks of a gzip stream. A Reader can begin
// there, and gives the same bytes as one that has come from the beginning. What it
// takes for that are the bytes that the next blocks may refer to. At the beginning
// of a member there are none.
type Checkpoint struct {
	In     int64  // where the next block begins, in bits of the stream
	Out    int64  // how many unpacked bytes stand before it
	Window []byte // the last of them, those of the same member: WindowSize at most; zero where nothing refers to them
	Sum    uint32 // the CRC-32 of the member so far
	Size   uint32 // the bytes of the member so far, modulo 1<<32
}

// A Spacing is how far apart checkpoints are, in bytes: the next one comes as soon
// as one of the distances is reached, and a block ends. In one member they are at
// least WindowSize unpacked bytes apart, and up to four times that if they are to be
// closer.
type Spacing struct {
	In  int64 // in the stream
	Out int64 // in what is unpacked
}

// marking is how a decoder notes where checkpoints are, one at a time. What is
// referred to of the window before the place is noted too, until nothing can refer to
// it any more: most bytes never are, and need not be kept.
type marking struct {
	every           Spacing
	markIn, markOut int64 // where the next mark is due, as position counts

	in    int64        // where the mark is, in bits of the stream
	at    int          // and its index in out; below zero if there is none
	fresh bool         // it was set in the current decoding
	noted [window]bool // what is referred to of the window; where that is shorter, of its end
}

// keeping is what a Reader does with marks.
type keeping struct {
	keep   func(Checkpoint) Spacing
	next   Checkpoint   // that of the mark
	window [window]byte // of next
}

// Checkpoints has keep be called with checkpoints, in order, as they are passed. It
// returns how far away the next one shall be. The window is valid until keep
// returns. Call it before reading; Reset ends it.
func (z *Reader) Checkpoints(every Spacing, keep func(Checkpoint) Spacing) {
	z.keeping = &keeping{keep: keep}
	z.d.marking = &marking{every: every, at: -1}
	z.d.expectMark()
}

// Resume returns a Reader that begins at a checkpoint. r holds the stream from its
// byte c.In/8 on. The places that errors name are counted from there.
func Resume(r io.Reader, c Checkpoint) (*Reader, error) {
	if c.In < 0 || c.Out < 0 || len(c.Window) > window {
		return nil, errors.New("not a checkpoint")
	}
	z := &Reader{sum: c.Sum, size: c.Size}
	d := &z.d
	d.reset(r)
	d.start, d.total = c.In/8, c.Out
	d.have = copy(d.out[window-len(c.Window):window], c.Window)
	if err := d.need(8); err != nil {
		return nil, err
	}
	d.take(uint(c.In % 8))
	return z, nil
}

// position returns where the decoder is: in bits of the stream, and in unpacked
// bytes.
func (d *decoder) position() (in, out int64) {
	return 8*(d.start+d.base+int64(d.at)) - int64(d.nb), d.total + int64(d.to-d.from)
}

// expectMark sets where the next mark shall be.
func (d *decoder) expectMark() {
	in, out := d.position()
	d.markIn, d.markOut = in+8*max(d.every.In, 1), out+max(d.every.Out, 1)
}

// mark notes where a block begins, if it is far enough from the last mark.
func (d *decoder) mark() {
	m := d.marking
	in, out := d.position()
	if m.at >= 0 || in < m.markIn && out < m.markOut {
		return
	}
	m.in, m.at, m.fresh = in, d.to, true
	clear(m.noted[:])
	d.expectMark()
}

// lowest returns the index in out of the first byte that a match at to may refer to
// and that is of no further interest.
func (d *decoder) lowest(to int) int {
	low := to - min(window, d.have+to-d.from)
	if d.marking != nil {
		low = max(low, d.marking.at)
	}
	return low
}

// refer notes a match at to that reaches below lowest. It reports false if there is
// nothing there.
func (d *decoder) refer(to, dist, length int) bool {
	if dist > min(window, d.have+to-d.from) {
		return false
	}
	back := d.marking.at - (to - dist) // from the mark; window at most, as dist is
	for i := range min(length, back) {
		d.noted[window-back+i] = true
	}
	return true
}

// moved notes that what is in out has been moved down.
func (m *marking) moved(by int) { m.at = max(-1, m.at-by) }

// handMark adds got, which has just been decoded, to the member's sum and size; and
// hands over the checkpoint once it is complete, at the latest if the stream has
// ended.
func (z *Reader) handMark(got []byte, ended bool) {
	d, m, k := &z.d, z.d.marking, z.keeping
	if m.fresh {
		m.fresh = false
		before := m.at - d.from
		z.count(got[:before])
		got = got[before:]
		reach := min(window, d.have+before)
		copy(k.window[:], d.out[m.at-reach:m.at])
		k.next = Checkpoint{In: m.in, Out: d.total + int64(before), Window: k.window[:reach], Sum: z.sum, Size: z.size}
	}
	z.count(got)
	if m.at < 0 || !ended && d.to-m.at < window {
		return
	}
	for i, noted := range m.noted[window-len(k.next.Window):] {
		if !noted {
			k.next.Window[i] = 0
		}
	}
	m.at = -1
	m.every = k.keep(k.next)
}

// count adds to the member's sum and size.
func (z *Reader) count(b []byte) {
	z.sum = crc32.Update(z.sum, crc32.IEEETable, b)
	z.size += uint32(len(b))
}
