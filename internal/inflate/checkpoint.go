package inflate

import (
	"errors"
	"hash/crc32"
	"io"
	"math"
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
	Window []byte // the last of them, those of the same member: WindowSize at most
	Sum    uint32 // the CRC-32 of the member so far
	Size   uint32 // the bytes of the member so far, modulo 1<<32
}

// A Spacing is how far apart checkpoints are, in bytes: the next one comes as soon
// as one of the distances is reached, and a block ends.
type Spacing struct {
	In  int64 // in the stream
	Out int64 // in what is unpacked
}

// a mark is where a checkpoint is in the decoder's buffer.
type mark struct {
	in int64 // in bits of the stream
	to int   // index in decoder.out
}

// Checkpoints has keep be called with checkpoints, in order, as they are passed. It
// returns how far away the next one shall be. The window is valid until keep
// returns. Call it before reading; Reset ends it.
func (z *Reader) Checkpoints(every Spacing, keep func(Checkpoint) Spacing) {
	z.keep = keep
	z.d.every = every
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

// noMarks ends the setting of marks.
func (d *decoder) noMarks() {
	d.marks, d.markIn, d.markOut = d.marks[:0], math.MaxInt64, math.MaxInt64
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
	in, out := d.position()
	if in < d.markIn && out < d.markOut {
		return
	}
	d.marks = append(d.marks, mark{in, d.to})
	d.expectMark()
}

// handMarks hands over the checkpoints that the last decoding has passed, and adds
// to the member's sum and size what stands before the last of them. It returns what
// has been decoded behind that.
func (z *Reader) handMarks() []byte {
	d := &z.d
	from := d.from
	for _, m := range d.marks {
		z.count(d.out[from:m.to])
		from = m.to
		reach := min(window, d.have+m.to-d.from)
		d.every = z.keep(Checkpoint{
			In: m.in, Out: d.total + int64(m.to-d.from),
			Window: d.out[m.to-reach : m.to], Sum: z.sum, Size: z.size,
		})
	}
	d.marks = d.marks[:0]
	return d.out[from:d.to]
}

// count adds to the member's sum and size.
func (z *Reader) count(b []byte) {
	z.sum = crc32.Update(z.sum, crc32.IEEETable, b)
	z.size += uint32(len(b))
}
