package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/zeebo/xxh3"
)

// How a file of the cache is written: a kind (8 bytes, with the version of the
// form), the rules (8 bytes, see cacheRules), what it holds, and 16 bytes of
// XXH3 over all of that, which are up to the file's name too. Numbers are varints (encoding/binary), those that may
// be negative zigzag ones; a string is its length and its bytes.
//
// The entries of a layer are written one after the other, each as what differs
// from what is to be expected behind the one before: a name as how many bytes
// it shares with the previous name, and the rest; an offset as the distance
// from where the next content begins when a plain header stands between; the
// owner, the mode and the time only where they change.

// The kinds of files, with the versions of their forms.
const (
	layerKind = "peelLay1"
	placeKind = "peelPla1"
	imageKind = "peelIma1"
)

// frameSize is how many bytes stand around what a file holds.
const frameSize = 8 + 8 + 16

// textRatio bounds how many bytes of names one byte of a file may stand for, so
// that a small file cannot fill memory. Real layers have less than 20.
const textRatio = 64

// What an entry's first byte says, above the three bits of its type.
const (
	flagSummed = 1 << (3 + iota)
	flagAttrs  // owner and mode follow
	flagTime   // the time follows
	flagRare   // rare attributes follow
	flagLink   // a link's target follows
)

// What the first byte of rare attributes says.
const (
	rareSparse = 1 << iota
	rareWideOwner
)

// minEntry is the least number of bytes of an entry: its flags, the length of
// the name that is shared and of the rest, and the offset.
const minEntry = 4

var errCacheFile = errors.New("not a file of the cache, or a damaged one")

// seal puts the frame around what the file of that name holds.
func seal(name, kind string, body []byte) []byte {
	out := make([]byte, 0, frameSize+len(body))
	out = append(out, kind...)
	out = binary.LittleEndian.AppendUint64(out, cacheRules())
	out = append(out, body...)
	sum := xxh3.Hash128Seed(out, xxh3.HashString(name)).Bytes()
	return append(out, sum[:]...)
}

// unseal returns what the file of that name holds, if it is whole, of that kind,
// and was written under that name and by the same rules.
func unseal(name, kind string, file []byte) ([]byte, error) {
	if len(file) < frameSize || string(file[:8]) != kind || binary.LittleEndian.Uint64(file[8:]) != cacheRules() {
		return nil, errCacheFile
	}
	end := len(file) - 16
	if sum := xxh3.Hash128Seed(file[:end], xxh3.HashString(name)).Bytes(); !bytes.Equal(sum[:], file[end:]) {
		return nil, errCacheFile
	}
	return file[16:end], nil
}

// appendEntries appends the entries of a layer. It reports false for what it has
// no form for: nothing that a scan gives but in a layer that is made to be odd.
func appendEntries(b []byte, e *Entries) ([]byte, bool) {
	from := len(b)
	b = binary.AppendUvarint(b, uint64(len(e.records)))
	var text int
	rares := 0
	for i := range e.records {
		r := &e.records[i]
		text += int(r.name) + int(r.link)
		if r.rare != 0 {
			rares++
		}
	}
	b = binary.AppendUvarint(b, uint64(text))
	b = binary.AppendUvarint(b, uint64(rares))
	var last record
	var name []byte
	for i := range e.records {
		r := &e.records[i]
		if !plausible(e, r) {
			return nil, false
		}
		b = appendEntry(b, e, r, &last, name)
		last, name = *r, e.name(r)
	}
	b = binary.AppendUvarint(b, uint64(len(e.flaws)))
	for _, f := range e.flaws {
		b = appendText(appendText(b, f.Path), f.Problem)
	}
	return b, text <= textRatio*(len(b)-from)
}

// plausible reports whether a record holds what the scan of a tar can give.
func plausible(e *Entries, r *record) bool {
	if int(r.typ) >= len(typeNames) || r.offset < 0 || r.size < 0 || r.mode > 0o7777 || r.nsec >= 1e9 || r.crc {
		return false
	}
	if r.typ != File && (r.size != 0 || r.summed) || !r.summed && r.sum != 0 {
		return false
	}
	if r.rare == 0 {
		return true
	}
	x := &e.rare[r.rare-1]
	if x.sparse && (r.typ != File || x.stored < 0 || x.stored > r.size) {
		return false
	}
	return x.wideOwner || int64(r.uid) == x.uid && int64(r.gid) == x.gid
}

// expectedOffset is where the content of the entry behind last begins, if that
// has one plain header.
func expectedOffset(last *record) int64 {
	if last.size > math.MaxInt64-last.offset-2*blockSize {
		return 0
	}
	return last.offset + (last.size+blockSize-1)&^(blockSize-1) + blockSize
}

func appendEntry(b []byte, e *Entries, r, last *record, lastName []byte) []byte {
	flags := byte(r.typ)
	if r.summed {
		flags |= flagSummed
	}
	if r.mode != last.mode || r.uid != last.uid || r.gid != last.gid {
		flags |= flagAttrs
	}
	if r.sec != last.sec || r.nsec != last.nsec {
		flags |= flagTime
	}
	if r.rare != 0 {
		flags |= flagRare
	}
	if r.link != 0 {
		flags |= flagLink
	}
	b = append(b, flags)
	name := e.name(r)
	shared := commonPrefix(name, lastName)
	b = binary.AppendUvarint(b, uint64(shared))
	b = binary.AppendUvarint(b, uint64(len(name)-shared))
	b = append(b, name[shared:]...)
	b = binary.AppendVarint(b, r.offset-expectedOffset(last))
	if r.typ == File {
		b = binary.AppendUvarint(b, uint64(r.size))
	}
	if flags&flagSummed != 0 {
		b = binary.LittleEndian.AppendUint64(b, r.sum)
	}
	if flags&flagAttrs != 0 {
		b = binary.AppendUvarint(b, uint64(r.mode))
		b = binary.AppendUvarint(b, uint64(r.uid))
		b = binary.AppendUvarint(b, uint64(r.gid))
	}
	if flags&flagTime != 0 {
		b = binary.AppendVarint(b, r.sec-last.sec) // may wrap around, and wraps back
		b = binary.AppendUvarint(b, uint64(r.nsec))
	}
	if flags&flagRare != 0 {
		b = appendRare(b, &e.rare[r.rare-1])
	}
	if flags&flagLink != 0 {
		b = appendBytes(b, e.link(r))
	}
	return b
}

func appendRare(b []byte, x *rareAttrs) []byte {
	var flags byte
	if x.sparse {
		flags |= rareSparse
	}
	if x.wideOwner {
		flags |= rareWideOwner
	}
	b = append(b, flags)
	if x.sparse {
		b = binary.AppendUvarint(b, uint64(x.stored))
	}
	if x.wideOwner {
		b = binary.AppendVarint(b, x.uid)
		b = binary.AppendVarint(b, x.gid)
	}
	b = binary.AppendVarint(b, x.major)
	b = binary.AppendVarint(b, x.minor)
	b = binary.AppendUvarint(b, uint64(len(x.xattrs)))
	for _, key := range slices.Sorted(maps.Keys(x.xattrs)) {
		b = appendText(appendText(b, key), x.xattrs[key])
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// A cacheReader goes through what a file of the cache holds. After something
// that cannot be, bad is set and all that is read is zero or empty.
type cacheReader struct {
	b   []byte
	bad bool
}

func (r *cacheReader) fail() { r.b, r.bad = nil, true }

func (r *cacheReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *cacheReader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *cacheReader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// number reads a number of at most limit.
func (r *cacheReader) number(limit uint64) uint64 {
	v := r.uvarint()
	if v > limit {
		r.fail()
		return 0
	}
	return v
}

// count reads how many things follow, of which each takes size bytes at least.
func (r *cacheReader) count(size int) int {
	return int(r.number(uint64(len(r.b) / size)))
}

func (r *cacheReader) bytes() []byte { return r.take(r.count(1)) }

func (r *cacheReader) take(n int) []byte {
	if n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *cacheReader) text() string { return string(r.bytes()) }

// entries reads the entries of a layer. Whatever the bytes are, what comes out
// is such as a scan could have given.
func (r *cacheReader) entries() *Entries {
	given := len(r.b)
	n := r.count(minEntry)
	text := r.number(uint64(min(textRatio*given, maxText)))
	rares := r.count(minEntry)
	if n > maxEntries || rares > n || r.bad {
		r.fail()
		return nil
	}
	e := &Entries{text: make([]byte, 0, text)}
	if n > 0 {
		e.records = make([]record, 0, n)
	}
	if rares > 0 {
		e.rare = make([]rareAttrs, 0, rares)
	}
	var last record
	var name []byte
	for range n {
		rec := r.entry(e, &last, name)
		if r.bad || !plausible(e, &rec) || len(e.text) > cap(e.text) {
			r.fail()
			return nil
		}
		e.records = append(e.records, rec)
		last, name = rec, e.name(&rec)
	}
	flaws := r.count(2)
	for range flaws {
		e.flaws = append(e.flaws, Flaw{Path: r.text(), Problem: r.text()})
	}
	if r.bad || uint64(len(e.text)) != text || len(e.rare) != rares {
		r.fail()
		return nil
	}
	return e
}

func (r *cacheReader) entry(e *Entries, last *record, lastName []byte) record {
	flags := r.byte()
	shared := int(r.number(uint64(len(lastName))))
	rest := r.take(r.count(1))
	if shared+len(rest) > maxName || len(e.text)+shared+len(rest) > cap(e.text) {
		r.fail()
		return record{}
	}
	rec := record{
		typ: Type(flags & 7), summed: flags&flagSummed != 0,
		text: uint32(len(e.text)), name: uint16(shared + len(rest)),
		mode: last.mode, uid: last.uid, gid: last.gid, sec: last.sec, nsec: last.nsec,
	}
	e.text = append(append(e.text, lastName[:shared]...), rest...)
	rec.offset = expectedOffset(last) + r.varint()
	if rec.typ == File {
		rec.size = int64(r.number(math.MaxInt64))
	}
	if rec.summed {
		if b := r.take(8); len(b) == 8 {
			rec.sum = binary.LittleEndian.Uint64(b)
		}
	}
	if flags&flagAttrs != 0 {
		rec.mode = uint16(r.number(0o7777))
		rec.uid = uint32(r.number(math.MaxUint32))
		rec.gid = uint32(r.number(math.MaxUint32))
	}
	if flags&flagTime != 0 {
		rec.sec = last.sec + r.varint()
		rec.nsec = uint32(r.number(1e9))
	}
	if flags&flagRare != 0 {
		r.rare(e, &rec)
	}
	if flags&flagLink != 0 {
		link := r.bytes()
		if len(link) > maxName || len(e.text)+len(link) > cap(e.text) {
			r.fail()
			return record{}
		}
		rec.link = uint16(len(link))
		e.text = append(e.text, link...)
	}
	return rec
}

func (r *cacheReader) rare(e *Entries, rec *record) {
	flags := r.byte()
	x := rareAttrs{
		sparse: flags&rareSparse != 0, wideOwner: flags&rareWideOwner != 0,
		uid: int64(rec.uid), gid: int64(rec.gid), stored: rec.size,
	}
	if x.sparse {
		x.stored = int64(r.number(math.MaxInt64))
	}
	if x.wideOwner {
		x.uid, x.gid = r.varint(), r.varint()
	}
	x.major, x.minor = r.varint(), r.varint()
	if n := r.count(2); n > 0 {
		x.xattrs = make(map[string]string)
		for range n {
			key := r.text()
			x.xattrs[key] = r.text()
		}
	}
	if len(e.rare) == cap(e.rare) {
		r.fail()
		return
	}
	e.rare = append(e.rare, x)
	rec.rare = uint32(len(e.rare))
}
