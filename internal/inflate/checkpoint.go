package inflate

import (
	"errors"
	"hash/crc32"
	"io"
)

// WindowSize is how far back a match may reach, in bytes. To decompress from some place on,
// this many uncompressed bytes before it must be known.
const WindowSize = window

// A Checkpoint is a place between two blocks of a gzip stream. A Reader can start there, and
// returns the same bytes as one that started at the beginning. For that it needs the bytes that
// the next blocks may refer to; at the beginning of a member, there are none.
type Checkpoint struct {
	In     int64  // where the next block begins, in bits of the stream
	Out    int64  // number of uncompressed bytes before it
	Window []byte // the last of those, from the same member: at most WindowSize; bytes that nothing refers to are zero
	Sum    uint32 // CRC-32 of the member so far
	Size   uint32 // size of the member so far, modulo 1<<32
}

// A Spacing is the distance between checkpoints, in bytes: the next one comes at the end of the
// block in which either distance is reached. Within a member they are at least WindowSize
// uncompressed bytes apart, and up to four times that if a smaller spacing was requested.
type Spacing struct {
	In  int64 // in the stream
	Out int64 // in the uncompressed data
}

// marking is how a decoder records the positions of checkpoints, one at a time. It also records
// which bytes of the window before the position are referred to, until nothing can refer to it
// any more. Most bytes never are, and needn't be stored.
type marking struct {
	every           Spacing
	markIn, markOut int64 // where the next mark is due, in the units of position

	in    int64        // position of the mark, in bits of the stream
	at    int          // and its index in out; negative if there is none
	fresh bool         // set during the current call
	noted [window]bool // which bytes of the window are referred to; aligned at the end if the window is shorter
}

// keeping is a Reader's state for checkpoints.
type keeping struct {
	keep   func(Checkpoint) Spacing
	next   Checkpoint   // checkpoint for the mark
	window [window]byte // window of next
}

// Checkpoints sets a function that is called with each checkpoint, in order, as reading passes
// it. The function returns the distance to the next one. The window is valid until the function
// returns. Call Checkpoints before reading; Reset cancels it.
func (z *Reader) Checkpoints(every Spacing, keep func(Checkpoint) Spacing) {
	z.keeping = &keeping{keep: keep}
	z.d.marking = &marking{every: every, at: -1}
	z.d.expectMark()
}

// Resume returns a Reader that starts at a checkpoint. r must return the stream from byte
// c.In/8 on. Errors count positions from there.
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

// position returns the decoder's position in bits of the stream and in uncompressed bytes.
func (d *decoder) position() (in, out int64) {
	return 8*(d.start+d.base+int64(d.at)) - int64(d.nb), d.total + int64(d.to-d.from)
}

// expectMark computes where the next mark is due.
func (d *decoder) expectMark() {
	in, out := d.position()
	d.markIn, d.markOut = in+8*max(d.every.In, 1), out+max(d.every.Out, 1)
}

// mark records the beginning of a block, if it is far enough from the last mark.
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

// lowest returns the index in out of the first byte that a match at to may refer to without
// being recorded.
func (d *decoder) lowest(to int) int {
	low := to - min(window, d.have+to-d.from)
	if d.marking != nil {
		low = max(low, d.marking.at)
	}
	return low
}

// refer records a match at to that reaches below lowest. It returns false if the match reaches
// before the stream.
func (d *decoder) refer(to, dist, length int) bool {
	if dist > min(window, d.have+to-d.from) {
		return false
	}
	back := d.marking.at - (to - dist) // from the mark; at most window, like dist
	for i := range min(length, back) {
		d.noted[window-back+i] = true
	}
	return true
}

// moved adjusts the mark after the content of out has moved down.
func (m *marking) moved(by int) { m.at = max(-1, m.at-by) }

// handMark adds the newly decoded bytes to the member's checksum and size. It passes on the
// checkpoint once it is complete, or when the stream has ended.
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

// count adds bytes to the member's checksum and size.
func (z *Reader) count(b []byte) {
	z.sum = crc32.Update(z.sum, crc32.IEEETable, b)
	z.size += uint32(len(b))
}
