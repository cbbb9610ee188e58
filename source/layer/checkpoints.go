package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sort"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/inflate"
)

// A gzip layer can normally be unpacked only from its beginning. On the first pass over such a
// layer, a checkpoint is stored every few MiB: the start of a deflate block, and those parts of
// the preceding 32 KiB that later blocks refer to (Mark Adler's zran.c describes the idea). That
// usually takes 1 to 2 KiB, so the checkpoints of a layer take a thousandth of its size. Later, a
// file is read from the last checkpoint before it.
//
// Data read in this way is verified. When the checkpoints are made, the digest of the whole blob
// is computed, and the intermediate hash states are stored, one for each granule of the blob. To
// verify a granule, hashing is resumed from the state before it and must arrive at the state
// after it:
//
//	blob       |---------|---------|---------|------|
//	state      0         s1        s2        s3     the digest
//	                         ^ checkpoint: granules from the second on are read
//
// Finding other bytes that lead from one state to the next is as hard as finding a collision for
// the digest itself.

// CheckpointSpacing is the distance between checkpoints, in bytes of the blob and of its tar.
// Large blocks of the blob (64 KiB and more) and a granule at each end of a read come on top. A
// variable for tests.
var CheckpointSpacing = inflate.Spacing{In: 2 << 20, Out: 4 << 20}

// CheckpointGranule is the number of bytes of a blob that are verified at once. A variable for
// tests.
var CheckpointGranule int64 = 512 << 10

// Limits for one layer. When one is exceeded, every second checkpoint or state is dropped and the
// distance is doubled.
const (
	maxCheckpoints     = 2048
	maxCheckpointBytes = 16 << 20 // windows as stored
	maxStates          = 16 << 10
	maxGranule         = 64 << 20 // in bytes: a blob larger than a TiB has no checkpoints
)

// maxImageCheckpoints is the maximum size of the checkpoints of one image's layers, in bytes, so
// that no image fills the cache.
const maxImageCheckpoints = 64 << 20

// Checkpoints are the places from which one gzip blob can be unpacked, with the
// data that verifies its bytes. They are immutable. The windows may refer to a
// cache file.
type Checkpoints struct {
	size   int64         // of the blob, in bytes
	digest digest.Digest // of the blob

	granule int64    // in bytes
	states  [][]byte // hash state after each whole granule
	points  []checkpoint
}

// A checkpoint is an inflate.Checkpoint with a packed window.
type checkpoint struct {
	in, out   int64
	sum, size uint32
	window    []byte // from packWindow
}

// before returns the index of the last checkpoint at or before an offset in the tar, or -1.
func (c *Checkpoints) before(off int64) int {
	if c == nil {
		return -1
	}
	return sort.Search(len(c.points), func(i int) bool { return c.points[i].out > off }) - 1
}

// start returns the checkpoint's offset in the tar; 0 for index -1.
func (c *Checkpoints) start(i int) int64 {
	if i < 0 {
		return 0
	}
	return c.points[i].out
}

// decodeAhead is how many bytes of a blob may be read beyond the wanted place: input comes in
// chunks, and output in buffers of that size.
const decodeAhead = 2 * inflate.ChunkSize

// reach returns the end of the blob's range to read for the bytes of the tar before off.
func (c *Checkpoints) reach(off int64) int64 {
	i := sort.Search(len(c.points), func(i int) bool { return c.points[i].out >= off })
	if i == len(c.points) {
		return c.size
	}
	return min(c.size, c.points[i].in/8+decodeAhead)
}

// open returns the checkpoint with its window.
func (p *checkpoint) open() (inflate.Checkpoint, error) {
	window, err := unpackWindow(p.window)
	return inflate.Checkpoint{In: p.in, Out: p.out, Sum: p.sum, Size: p.size, Window: window}, err
}

// minZeros is the minimum number of zeros that end a run.
const minZeros = 4

// packWindow encodes a window, which is mostly zero: its length, then runs, each as the number of
// preceding zeros, its length and its bytes. Everything after the last run is zero.
func packWindow(b, window []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(window)))
	last := 0 // end of the last run
	for at := 0; at < len(window); {
		if at+8 <= len(window) && binary.LittleEndian.Uint64(window[at:]) == 0 {
			at += 8
			continue
		}
		if window[at] == 0 {
			at++
			continue
		}
		to := at + 1
		for i, zeros := to, 0; i < len(window) && zeros < minZeros; i++ {
			if zeros++; window[i] != 0 {
				to, zeros = i+1, 0
			}
		}
		b = AppendBytes(binary.AppendUvarint(b, uint64(at-last)), window[at:to])
		at, last = to, to
	}
	return b
}

// unpackWindow decodes the output of packWindow.
func unpackWindow(b []byte) ([]byte, error) {
	r := NewDecoder(b, nil)
	window := make([]byte, r.Number(inflate.WindowSize))
	for rest := window; len(r.b) > 0; {
		rest = rest[r.Number(uint64(len(rest))):]
		run := r.Bytes()
		if len(run) > len(rest) {
			r.Fail()
		}
		rest = rest[copy(rest, run):]
	}
	if r.Failed() {
		return nil, errors.New("a damaged window")
	}
	return window, nil
}

// A recorder collects checkpoints within limits. It is for one goroutine.
type recorder struct {
	every  inflate.Spacing
	points []checkpoint
	bytes  int64
	packed []byte // buffer for a window
}

func newRecorder() *recorder { return &recorder{every: CheckpointSpacing} }

// keep stores a checkpoint and returns the distance to the next one.
func (r *recorder) keep(c inflate.Checkpoint) inflate.Spacing {
	r.packed = packWindow(r.packed[:0], c.Window)
	p := checkpoint{in: c.In, out: c.Out, sum: c.Sum, size: c.Size, window: bytes.Clone(r.packed)}
	r.points = append(r.points, p)
	r.bytes += int64(len(p.window))
	for len(r.points) > maxCheckpoints || r.bytes > maxCheckpointBytes {
		r.thin()
	}
	return r.every
}

// thin drops every second checkpoint.
func (r *recorder) thin() {
	r.every.In, r.every.Out = 2*r.every.In, 2*r.every.Out
	r.points, r.bytes = everySecond(r.points), 0
	for _, p := range r.points {
		r.bytes += int64(len(p.window))
	}
}

// everySecond returns the second, fourth, ... element of s, in place.
func everySecond[T any](s []T) []T {
	n := 0
	for i := 1; i < len(s); i += 2 {
		s[n] = s[i]
		n++
	}
	clear(s[n:])
	return s[:n]
}

// checkpoints returns the checkpoints for the blob whose digest t has computed, or nil. It
// charges them to b, which may be nil.
func (r *recorder) checkpoints(t *Trail, b *Budget) *Checkpoints {
	if t.broken {
		return nil
	}
	for b != nil && len(r.points) > 0 && b.checkpoints.Add(-r.bytes) < 0 {
		b.checkpoints.Add(r.bytes)
		r.thin()
	}
	if len(r.points) == 0 {
		return nil
	}
	return &Checkpoints{
		size: t.at, digest: digest.NewDigest(t.algorithm, t.Hash),
		granule: t.granule, states: t.states, points: r.points,
	}
}
