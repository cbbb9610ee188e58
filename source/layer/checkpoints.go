package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sort"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/inflate"
)

// A gzip layer can be unpacked from its beginning only, unless something is known
// of its middle. While such a layer passes for the first time, a checkpoint is kept
// every few MiB: where a block begins, and of the 32 KiB before it what the next ones
// refer to (Mark Adler's zran.c describes the idea). That is 1 to 2 KiB as a rule, so
// that the checkpoints of a layer take a thousandth of its size. Later, one file
// is read from the last checkpoint before it.
//
// What is read so is verified. The digest of the whole blob was computed when the
// checkpoints were made; the states that the computation went through, every
// granule of the blob, are kept with them. To verify a granule, the computation is
// carried on from the state before it, and must arrive at the state behind it:
//
//	blob       |---------|---------|---------|------|
//	state      0         s1        s2        s3     the digest
//	                         ^ checkpoint: granules from the second on are read
//
// To find other bytes that lead from one state to the next is as hard as to find
// others for the digest itself.

// CheckpointSpacing is how far apart checkpoints are, in bytes of the blob and of
// its tar. Blocks of 64 KiB and more of the blob come on top, and a granule at each
// end of what is read. A variable for tests.
var CheckpointSpacing = inflate.Spacing{In: 2 << 20, Out: 4 << 20}

// CheckpointGranule is how many bytes of a blob are verified at once. A variable for
// tests.
var CheckpointGranule int64 = 512 << 10

// Bounds on what is kept for one layer: beyond any of them every second checkpoint,
// or state, is given up, and the distances are doubled.
const (
	maxCheckpoints     = 2048
	maxCheckpointBytes = 16 << 20 // of windows, as they are kept
	maxStates          = 16 << 10
	maxGranule         = 64 << 20 // in bytes: a blob of more than a TiB has no checkpoints
)

// maxImageCheckpoints bounds what is kept for the layers of one image together, in
// bytes, so that no image fills the cache.
const maxImageCheckpoints = 64 << 20

// Checkpoints are the places from which one gzip blob can be unpacked, and what
// verifies its bytes. They do not change. The windows may belong to a file of the
// cache.
type Checkpoints struct {
	size   int64         // of the blob, in bytes
	digest digest.Digest // of the blob

	granule int64    // in bytes
	states  [][]byte // of the digest's computation, behind each whole granule
	points  []checkpoint
}

// A checkpoint is an inflate.Checkpoint with its window packed.
type checkpoint struct {
	in, out   int64
	sum, size uint32
	window    []byte // as packWindow has packed it
}

// before returns the index of the last checkpoint at or before a byte of the tar,
// -1 if there is none.
func (c *Checkpoints) before(off int64) int {
	if c == nil {
		return -1
	}
	return sort.Search(len(c.points), func(i int) bool { return c.points[i].out > off }) - 1
}

// start returns where the checkpoint of that index is in the tar; 0 for -1.
func (c *Checkpoints) start(i int) int64 {
	if i < 0 {
		return 0
	}
	return c.points[i].out
}

// decodeAhead is how many bytes of a blob may be taken beyond the place that is
// wanted: input comes in chunks, and output in buffers of that order.
const decodeAhead = 2 * inflate.ChunkSize

// reach returns up to where the blob has to be read, in bytes, for the bytes of the
// tar before off.
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

// minZeros is how many zeros are worth the end of a run.
const minZeros = 4

// packWindow appends a window, most of which is zero as a rule: its length, and then
// runs, each as how many zeros stand before it, its length, and its bytes. What
// follows the last run is zero.
func packWindow(b, window []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(window)))
	last := 0 // behind the last run
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

// unpackWindow returns what packWindow has packed.
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

// A recorder keeps checkpoints as they are passed, in bounds. It is for one
// goroutine.
type recorder struct {
	every  inflate.Spacing
	points []checkpoint
	bytes  int64
	packed []byte // room for a window
}

func newRecorder() *recorder { return &recorder{every: CheckpointSpacing} }

// keep takes a checkpoint, and returns how far away the next one shall be.
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

// thin gives up every second checkpoint.
func (r *recorder) thin() {
	r.every.In, r.every.Out = 2*r.every.In, 2*r.every.Out
	r.points, r.bytes = everySecond(r.points), 0
	for _, p := range r.points {
		r.bytes += int64(len(p.window))
	}
}

// everySecond returns the second, the fourth and so on of s, in place.
func everySecond[T any](s []T) []T {
	n := 0
	for i := 1; i < len(s); i += 2 {
		s[n] = s[i]
		n++
	}
	clear(s[n:])
	return s[:n]
}

// checkpoints returns what to keep for the blob whose digest t has computed, nil if
// that is nothing. They are charged to b, nil for no bound.
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
