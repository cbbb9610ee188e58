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

// A Cache keeps small files, each under a name and with a kind, which says how it
// is written. What it returns was written under that name, as that kind, by a
// program with the same ScanRules, and is whole. Neither method fails: what cannot
// be kept is read again. Safe for concurrent use.
type Cache interface {
	Read(name, kind string) (body []byte, ok bool)
	Write(name, kind string, body []byte)
}

// ScanRules is raised whenever the scan of a layer gives something else than it
// did, for the same bytes.
const ScanRules = 2

// The kinds of files in the cache, with the versions of their forms.
const (
	indexKind    = "peelLay3"
	plainKind    = "peelPln1"
	locationKind = "peelPla1"
)

var errIndex = errors.New("not an index of a layer, or a damaged one")

// What a layer's blob holds is kept under the blob's own SHA-256, which a scan
// computes. An image only says which digest a blob has, so that is not believed:
// an index of the cache is used if
//
//   - the blob lies in a file that has not changed since its digest was computed,
//     as far as the system can tell (fileState), and a sample of its bytes, taken
//     where nobody can know, is what it was (a place); or else
//   - its digest is computed again: much cheaper than to unpack it.
//
// A plain layer of a seekable file is scanned by its headers alone, so that its
// SHA-256 is not known. If it has many entries, its index is kept under its place.

// PlainFrom is how many entries a plain layer must have for its index to be kept:
// fewer are scanned as fast as it could be read. A variable for tests.
var PlainFrom = 1000

// SettleTime is how old a file's last change must be for a later one to be sure
// to get another time: twice what the coarsest file systems tell apart. A
// variable for tests.
var SettleTime = 4 * time.Second

// A sample is of the beginning, the end, and blocks between, in bytes.
const (
	sampleEdge   = 16 << 10
	sampleBlock  = 4 << 10
	sampleBlocks = 8
)

// A location is where a blob lies: which part of which file, in which state.
type location struct {
	blob *blob
	name string // of the file that the cache has for it; "" if the location is not known well enough
}

// locationOf returns where b lies now.
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

// FileState returns the state that a regular file is in, if a later one could not
// look the same.
func FileState(f *os.File) (state [5]int64, ok bool) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return state, false
	}
	state, changed, ok := fileState(info)
	return state, ok && time.Since(changed) >= SettleTime
}

// CacheName returns the beginning of the name under which a Cache keeps what s
// tells apart.
func CacheName(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sample sums up some of the blob's bytes; which is up to seed.
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

// sampledSize is how many bytes sampled returns.
const sampledSize = 8 + 16

// sampled returns a new seed and the sample by it; false if the blob does not lie
// at p any more, or has changed.
func (p location) sampled() (b []byte, ok bool) {
	if p.name == "" || locationOf(p.blob) != p {
		return nil, false
	}
	var seed [8]byte
	_, _ = crand.Read(seed[:]) // never fails
	sum, err := p.sample(binary.LittleEndian.Uint64(seed[:]))
	return append(seed[:], sum[:]...), err == nil
}

// unchanged returns an error unless the blob has the sample that b begins with.
func (p location) unchanged(b []byte) error {
	sum, err := p.sample(binary.LittleEndian.Uint64(b))
	if err == nil && !bytes.Equal(sum[:], b[8:sampledSize]) {
		err = errors.New("its bytes have changed")
	}
	return err
}

// digestAt returns the digest of the blob that lies at a location, if it is known.
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

// keepLocation records that the blob at before has that digest, if it lies there
// still, unchanged.
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

// CachedIndex returns what the scan of a blob has given, by the blob's digest, if it
// is in o.Cache with all that o's collectors want.
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

// wanted leaves the facts that these collectors draw; false if s was not given to
// all of them.
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

// KeepIndex records what the scan of a blob has given, in o.Cache, and its
// checkpoints.
func KeepIndex(size int64, s *Scanned, o ScanOptions) {
	if b, ok := AppendScanned(nil, s, o.Collect); ok {
		o.Cache.Write(indexName(s.Digest, size), indexKind, b)
	}
	if c := s.checkpoints; c != nil && c.size == size {
		keepCheckpoints(c, &o)
		s.checkpoints = nil // who wants them reads them there
	}
}

// Known returns what r.Scan would return without reading the layer, as the cache
// knows it: false if there is more to do than that.
func Known(r Reader, o ScanOptions) (*Scanned, bool) {
	k, ok := r.(KnownReader)
	if !ok || o.Cache == nil || o.Verify {
		return nil, false
	}
	return k.Known(&o)
}

// A KnownReader is a Reader of what the cache may know. Known is called with
// o.Cache set.
type KnownReader interface {
	Known(o *ScanOptions) (*Scanned, bool)
}

// Known goes by where the blob lies.
func (p *packedTar) Known(o *ScanOptions) (*Scanned, bool) { return p.knownAt(locationOf(p.blob), o) }

func (p *packedTar) knownAt(at location, o *ScanOptions) (*Scanned, bool) {
	digest, ok := o.digestAt(at)
	// A location's digest is a SHA-256: it is no answer where another is claimed.
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

// cachedScan scans as much of the blob as the cache does not know.
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
			o.progress(-read) // from the beginning again: the scan says what is wrong
		}
	}
	s, err := p.scan(ctx, o)
	if err == nil && s.Digest != "" {
		KeepIndex(p.size, s, *o)
		o.keepLocation(at, s.Digest)
	}
	return s, err
}

// Known goes by where the layer lies.
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

// cachedPlain returns what the scan of the plain layer at p has given, if that is
// known, and the layer is what it was then.
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

// keepPlain records what the scan of the plain layer at before has given, if it
// lies there still, unchanged.
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
