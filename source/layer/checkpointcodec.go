package layer

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/opencontainers/go-digest"
)

// checkpointKind is the kind of files with checkpoints, including the format's version.
const checkpointKind = "peelChk1"

// minPoint is the minimum encoded size of a checkpoint in bytes: its two offsets, sum and size,
// and the length of its window.
const minPoint = 2 + 8 + 1

func checkpointName(digest string, size int64) string {
	return CacheName(fmt.Sprintln("layer", digest, size)) + ".points"
}

// CachedCheckpoints returns the checkpoints of a gzip blob by digest, nil if not cached.
func CachedCheckpoints(digest string, size int64, o ScanOptions) *Checkpoints {
	if o.Cache == nil {
		return nil
	}
	b, ok := o.Cache.Read(checkpointName(digest, size), checkpointKind)
	if !ok {
		return nil
	}
	r := NewDecoder(b, nil)
	c := r.Checkpoints()
	if !r.End() || c.size != size || c.digest.String() != digest {
		o.debug("a file of the cache cannot be used", "layer", digest, "error", "not the checkpoints of a layer, or damaged ones")
		return nil
	}
	return c
}

// keepCheckpoints caches the checkpoints of a gzip blob.
func keepCheckpoints(c *Checkpoints, o *ScanOptions) {
	o.Cache.Write(checkpointName(c.digest.String(), c.size), checkpointKind, c.Append(nil))
}

// Append encodes checkpoints for Decoder.Checkpoints.
func (c *Checkpoints) Append(b []byte) []byte {
	b = AppendText(b, c.digest.String())
	b = binary.AppendUvarint(b, uint64(c.size))
	b = binary.AppendUvarint(b, uint64(c.granule))
	for _, s := range c.states {
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(c.points)))
	var last checkpoint
	for _, p := range c.points {
		b = binary.AppendUvarint(b, uint64(p.in-last.in))
		b = binary.AppendUvarint(b, uint64(p.out-last.out))
		b = binary.LittleEndian.AppendUint32(b, p.sum)
		b = binary.LittleEndian.AppendUint32(b, p.size)
		b = AppendBytes(b, p.window)
		last = p
	}
	return b
}

// Checkpoints decodes the output of Checkpoints.Append. The result is consistent for any input,
// and refers to the input's bytes.
func (r *Decoder) Checkpoints() *Checkpoints {
	c := &Checkpoints{digest: digest.Digest(r.Text())}
	c.size, c.granule = int64(r.Number(math.MaxInt64/8)), int64(r.Number(maxGranule))
	if r.bad || c.digest.Validate() != nil || c.size == 0 || c.granule < blockSize || c.granule%blockSize != 0 {
		r.Fail()
		return c
	}
	each := stateSize(c.digest.Algorithm().Hash())
	whole := c.size / c.granule
	if whole > int64(len(r.b)/each) || whole > maxStates {
		r.Fail()
		return c
	}
	for range whole {
		c.states = append(c.states, r.take(each))
	}
	n := r.Count(minPoint)
	if n > maxCheckpoints {
		r.Fail()
	}
	var last checkpoint
	for range n {
		p := checkpoint{in: last.in + int64(r.Number(uint64(8*c.size-last.in))), out: last.out + int64(r.Number(uint64(math.MaxInt64-last.out)))}
		if b := r.take(8); len(b) == 8 {
			p.sum, p.size = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		}
		p.window = r.Bytes()
		if r.bad || p.in <= last.in || p.in >= 8*c.size {
			r.Fail()
			return c
		}
		c.points = append(c.points, p)
		last = p
	}
	return c
}
