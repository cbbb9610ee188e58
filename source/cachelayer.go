package source

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// What a layer's blob holds is kept under the blob's own SHA-256, which a scan
// computes. An image only says which digest a blob has, so that is not believed:
// an index of the cache is used if
//
//   - the blob lies in a file that has not changed since its digest was computed,
//     as far as the system can tell (fileState), and a sample of its bytes, taken
//     where nobody can know, is what it was (a place); or else
//   - its digest is computed again: much cheaper than to unpack it.
//
// Plain layers of seekable files are scanned by their headers alone, about as
// fast as their index could be read: they are not kept.

// settleTime is how old a file's last change must be for a later one to be sure
// to get another time: twice what the coarsest file systems tell apart. A
// variable for tests.
var settleTime = 4 * time.Second

// A sample is of the beginning, the end, and blocks between, in bytes.
const (
	sampleEdge   = 16 << 10
	sampleBlock  = 4 << 10
	sampleBlocks = 8
)

// A place is where a blob lies: which part of which file, in which state.
type place struct {
	blob *blob
	name string // of the file that the cache has for it; "" if the place is not known well enough
}

// placeOf returns where b lies now.
func placeOf(b *blob) place {
	p := place{blob: b}
	file := b.at
	var offset int64
	if section, ok := file.(*io.SectionReader); ok {
		file, offset, _ = section.Outer()
	}
	f, ok := file.(*os.File)
	if !ok {
		return p
	}
	state, ok := stateOf(f)
	if !ok {
		return p
	}
	p.name = hashName(fmt.Sprintln("place", state, offset, b.size)) + ".place"
	return p
}

// stateOf returns the state that a regular file is in, if a later one could not
// look the same.
func stateOf(f *os.File) (state [5]int64, ok bool) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return state, false
	}
	state, changed, ok := fileState(info)
	return state, ok && time.Since(changed) >= settleTime
}

func hashName(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sample sums up some of the blob's bytes; which is up to seed.
func (p place) sample(seed uint64) (sum [16]byte, err error) {
	x := xxh3.NewSeed128(seed)
	buf := make([]byte, sampleEdge)
	add := func(at, n int64) error {
		at = max(0, min(at, p.blob.size-n))
		n = min(n, p.blob.size-at)
		if err := p.blob.readAt(buf[:n], at); err != nil {
			return err
		}
		_, err := x.Write(buf[:n])
		return err
	}
	err = add(0, sampleEdge)
	r := rand.NewPCG(seed, seed)
	for range sampleBlocks {
		if err == nil {
			err = add(int64(r.Uint64()>>1)%max(1, p.blob.size), sampleBlock)
		}
	}
	if err == nil {
		err = add(p.blob.size, sampleEdge)
	}
	return x.Sum128().Bytes(), err
}

// digestAt returns the digest of the blob that lies at a place, if it is known.
func (c *cache) digestAt(p place) (digest string, ok bool) {
	if p.name == "" {
		return "", false
	}
	b, ok := c.read(p.name, placeKind)
	if !ok || len(b) != 8+16+sha256.Size {
		return "", false
	}
	sum, err := p.sample(binary.LittleEndian.Uint64(b))
	if err != nil || !bytes.Equal(sum[:], b[8:24]) {
		c.log.Debug("a layer is not what it was", "file", p.blob.name, "error", err)
		return "", false
	}
	return "sha256:" + hex.EncodeToString(b[24:]), true
}

// keepPlace records that the blob at before has that digest, if it lies there
// still, unchanged.
func (c *cache) keepPlace(before place, digest string) {
	raw, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil || before.name == "" || placeOf(before.blob) != before {
		return
	}
	var seed [8]byte
	_, _ = crand.Read(seed[:]) // never fails
	sum, err := before.sample(binary.LittleEndian.Uint64(seed[:]))
	if err != nil {
		return
	}
	c.write(before.name, placeKind, bytes.Join([][]byte{seed[:], sum[:], raw}, nil))
}

func layerName(digest string, size int64) string {
	return hashName(fmt.Sprintln("layer", digest, size)) + ".layer"
}

// layer returns what the scan of a blob has given, by the blob's digest.
func (c *cache) layer(digest string, size int64) (*scanned, bool) {
	b, ok := c.read(layerName(digest, size), layerKind)
	if !ok {
		return nil, false
	}
	r := &cacheReader{b: b}
	s := &scanned{digest: digest, form: compression(r.byte()), entries: r.entries()}
	if r.bad || len(r.b) > 0 || s.form != gzipped && s.form != zstandard {
		c.log.Debug("a file of the cache cannot be used", "layer", digest, "error", errCacheFile)
		return nil, false
	}
	return s, true
}

// keepLayer records what the scan of a blob has given.
func (c *cache) keepLayer(size int64, s *scanned) {
	if b, ok := appendEntries([]byte{byte(s.form)}, s.entries); ok {
		c.write(layerName(s.digest, size), layerKind, b)
	}
}

// scan is blob.scan, or as much of it as the cache does not know. claimed is the
// digest that the image says the blob has, "" if it does not say.
func (c *cache) scan(ctx context.Context, b *blob, claimed string, m *meter) *scanned {
	if c == nil || b.seen != nil || !b.packed() {
		return b.scan(ctx, m)
	}
	at := placeOf(b)
	if digest, ok := c.digestAt(at); ok {
		if s, ok := c.layer(digest, b.size); ok {
			m.add(b.size)
			return s
		}
	}
	if claimed != "" {
		if s, ok := c.layer(claimed, b.size); ok {
			read, digest := b.digest(ctx, m)
			if digest == claimed {
				c.keepPlace(at, digest)
				return s
			}
			m.add(-read) // from the beginning again: the scan says what is wrong
		}
	}
	s := b.scan(ctx, m)
	if s.err == nil && s.digest != "" {
		c.keepLayer(b.size, s)
		c.keepPlace(at, s.digest)
	}
	return s
}

// packed reports whether the blob is a compressed layer that can be read.
func (b *blob) packed() bool {
	head, err := b.head()
	if err != nil {
		return false
	}
	form, _ := sniff(head)
	return form == gzipped || form == zstandard
}

// digest reads the blob for its digest, "" if it cannot be read. It returns how
// many bytes it has read, too.
func (b *blob) digest(ctx context.Context, m *meter) (read int64, digest string) {
	sum := sha256.New()
	read, err := io.Copy(sum, meteredReader{ctx, io.NewSectionReader(b.at, 0, b.size), m})
	if err != nil || read != b.size {
		return read, ""
	}
	return read, digestOf(sum)
}
