package layer

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// A Cache stores small files by name and kind, where the kind defines the format. It only returns
// a complete file that a program with the same ScanRules wrote under that name and kind. Its
// methods do not fail: what can't be stored is computed again. Safe for concurrent use.
type Cache interface {
	Read(name, kind string) (body []byte, ok bool)
	Write(name, kind string, body []byte)
}

// ScanRules must be raised whenever the scan of a layer gives another result for the same bytes.
const ScanRules = 2

// The kinds of cache files, with the versions of their formats.
const (
	indexKind    = "peelLay3"
	plainKind    = "peelPln1"
	locationKind = "peelPla1"
)

var errIndex = errors.New("not an index of a layer, or a damaged one")

// The result of scanning a layer's blob is stored under the blob's SHA-256, which a scan
// computes. The digest that an image states is only a claim, so a cached index is used only if
//
//   - the blob is in a file that has not changed since its digest was computed, as
//     far as the system can tell (fileState), and a sample of its bytes at
//     unpredictable offsets is unchanged (a place); or
//   - its digest is computed again, which is much cheaper than unpacking it.
//
// A plain layer in a seekable file is scanned by its headers alone, so its SHA-256 is unknown. If
// it has many entries, its index is stored under its place.

// PlainFrom is the minimum number of entries of a plain layer for its index to be cached:
// scanning fewer entries is as fast as reading the cache. A variable for tests.
var PlainFrom = 1000

// SettleTime is the minimum age of a file's last change for a later change to
// get a different time: twice the resolution of the coarsest file systems. A
// variable for tests.
var SettleTime = 4 * time.Second

// A sample covers the beginning, the end, and blocks between. Sizes are in bytes.
const (
	sampleEdge   = 16 << 10
	sampleBlock  = 4 << 10
	sampleBlocks = 8
)

// A location is the place of a blob: which part of which file, in which state.
type location struct {
	blob *blob
	name string // name of its file in the cache; "" if the location is not known well enough
}

// locationOf returns the current location of b.
func locationOf(b *blob) location {
	p := location{blob: b}
	file := b.r
	var offset int64
	if section, ok := file.(*io.SectionReader); ok {
		file, offset, _ = section.Outer()
	}
	f, ok := file.(*os.File)
	if !ok {
		return p
	}
	state, ok := FileState(f)
	if !ok {
		return p
	}
	p.name = CacheName(fmt.Sprintln("place", state, offset, b.size)) + ".place"
	return p
}

// FileState returns the state of a regular file if every later state is certain to differ.
func FileState(f *os.File) (state [5]int64, ok bool) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return state, false
	}
	state, changed, ok := fileState(info)
	return state, ok && time.Since(changed) >= SettleTime
}

// CacheName returns the prefix of the cache name for the key s.
func CacheName(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sample hashes some of the blob's bytes, selected by seed.
func (p location) sample(seed uint64) (sum [16]byte, err error) {
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

// sampledSize is the length of sampled's result in bytes.
const sampledSize = 8 + 16

// sampled returns a new seed and the sample for it; false if the blob is no longer at p, or has
// changed.
func (p location) sampled() (b []byte, ok bool) {
	if p.name == "" || locationOf(p.blob) != p {
		return nil, false
	}
	var seed [8]byte
	_, _ = crand.Read(seed[:]) // never fails
	sum, err := p.sample(binary.LittleEndian.Uint64(seed[:]))
	return append(seed[:], sum[:]...), err == nil
}

// unchanged returns an error unless the blob has the sample that b starts with.
func (p location) unchanged(b []byte) error {
	sum, err := p.sample(binary.LittleEndian.Uint64(b))
	if err == nil && !bytes.Equal(sum[:], b[8:sampledSize]) {
		err = errors.New("its bytes have changed")
	}
	return err
}

// digestAt returns the digest of the blob at a location, if known.
func (o *ScanOptions) digestAt(p location) (digest string, ok bool) {
	if p.name == "" {
		return "", false
	}
	b, ok := o.Cache.Read(p.name, locationKind)
	if !ok || len(b) != sampledSize+sha256.Size {
		return "", false
	}
	if err := p.unchanged(b); err != nil {
		o.debug("a layer is not what it was", "file", p.blob.name, "error", err)
		return "", false
	}
	return "sha256:" + hex.EncodeToString(b[sampledSize:]), true
}

// keepLocation records that the blob at before has that digest, if it is still there and
// unchanged.
func (o *ScanOptions) keepLocation(before location, digest string) {
	raw, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		return
	}
	if b, ok := before.sampled(); ok {
		o.Cache.Write(before.name, locationKind, append(b, raw...))
	}
}

func indexName(digest string, size int64) string {
	return CacheName(fmt.Sprintln("layer", digest, size)) + ".layer"
}

// CachedIndex returns the cached result of scanning the blob with that digest, if o.Cache has it
// with everything that o's collectors need.
func CachedIndex(digest string, size int64, o ScanOptions) (*Scanned, bool) {
	b, ok := o.Cache.Read(indexName(digest, size), indexKind)
	if !ok {
		return nil, false
	}
	r := NewDecoder(b, o.Budget)
	s, drawn := r.Scanned()
	if !r.End() || s.Digest != digest {
		o.debug("a file of the cache cannot be used", "layer", digest, "error", errIndex)
		return nil, false
	}
	return s, s.wanted(drawn, o.Collect)
}

// wanted keeps only the facts of these collectors; false if s lacks one of them.
func (s *Scanned) wanted(drawn []string, collectors []Collector) bool {
	for _, c := range collectors {
		if !slices.Contains(drawn, c.Name) {
			return false
		}
	}
	s.Facts = slices.DeleteFunc(s.Facts, func(f Fact) bool {
		return !slices.ContainsFunc(collectors, func(c Collector) bool { return c.Name == f.Collector })
	})
	return true
}

// KeepIndex stores the result of scanning a blob, and its checkpoints, in o.Cache.
func KeepIndex(size int64, s *Scanned, o ScanOptions) {
	if b, ok := AppendScanned(nil, s, o.Collect); ok {
		o.Cache.Write(indexName(s.Digest, size), indexKind, b)
	}
	if c := s.checkpoints; c != nil && c.size == size {
		keepCheckpoints(c, &o)
		s.checkpoints = nil // they are read from the cache on demand
	}
}

// Known returns the result of r.Scan from the cache without reading the layer; false if that is
// not possible.
func Known(r Reader, o ScanOptions) (*Scanned, bool) {
	k, ok := r.(KnownReader)
	if !ok || o.Cache == nil || o.Verify {
		return nil, false
	}
	return k.Known(&o)
}

// A KnownReader is a Reader that supports Known. o.Cache is set when Known is called.
type KnownReader interface {
	Known(o *ScanOptions) (*Scanned, bool)
}

// Known uses the location of the blob.
func (p *packedTar) Known(o *ScanOptions) (*Scanned, bool) { return p.knownAt(locationOf(p.blob), o) }

func (p *packedTar) knownAt(at location, o *ScanOptions) (*Scanned, bool) {
	digest, ok := o.digestAt(at)
	// A location's digest is a SHA-256, so it can't confirm a claim by another algorithm.
	if !ok || !strings.HasPrefix(digest, string(o.algorithm())+":") {
		return nil, false
	}
	s, ok := CachedIndex(digest, p.size, *o)
	if ok {
		p.expect(digest, o)
		o.progress(p.size)
	}
	return s, ok
}

// cachedScan scans the blob unless the cache has the result.
func (p *packedTar) cachedScan(ctx context.Context, o *ScanOptions) (*Scanned, error) {
	at := locationOf(p.blob)
	if s, ok := p.knownAt(at, o); ok && !o.Verify {
		return s, nil
	}
	if o.Digest != "" {
		if s, ok := CachedIndex(o.Digest, p.size, *o); ok {
			read, digest := p.digest(ctx, o)
			if digest == o.Digest {
				o.keepLocation(at, digest)
				return s, nil
			}
			o.progress(-read) // start again: the scan reports the fault
		}
	}
	s, err := p.scan(ctx, o)
	if err == nil && s.Digest != "" {
		KeepIndex(p.size, s, *o)
		o.keepLocation(at, s.Digest)
	}
	return s, err
}

// Known uses the location of the layer.
func (p plainTar) Known(o *ScanOptions) (*Scanned, bool) {
	if o.Verify {
		return nil, false
	}
	s, ok := o.cachedPlain(locationOf(p.blob))
	if ok {
		o.progress(p.size)
	}
	return s, ok
}

// cachedPlain returns the cached scan of the plain layer at p, if the layer is unchanged.
func (o *ScanOptions) cachedPlain(p location) (*Scanned, bool) {
	if p.name == "" {
		return nil, false
	}
	b, ok := o.Cache.Read(p.name, plainKind)
	if !ok || len(b) < sampledSize {
		return nil, false
	}
	if err := p.unchanged(b); err != nil {
		o.debug("a layer is not what it was", "file", p.blob.name, "error", err)
		return nil, false
	}
	r := NewDecoder(b[sampledSize:], o.Budget)
	s, drawn := r.Scanned()
	if !r.End() || s.Packed || s.Digest != "" {
		o.debug("a file of the cache cannot be used", "file", p.blob.name, "error", errIndex)
		return nil, false
	}
	return s, s.wanted(drawn, o.Collect)
}

// keepPlain caches the scan of the plain layer at before, if it is still there and unchanged.
func (o *ScanOptions) keepPlain(before location, s *Scanned) {
	if s.Entries.Len() < PlainFrom {
		return
	}
	b, ok := before.sampled()
	if !ok {
		return
	}
	if b, ok = AppendScanned(b, s, o.Collect); ok {
		o.Cache.Write(before.name, plainKind, b)
	}
}
