package source

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"
)

// How a file of the cache is written: a kind (8 bytes, with the version of the
// form), the rules (8 bytes, see cacheRules), what it holds, and 16 bytes of
// XXH3 over all of that, which are up to the file's name too. Numbers are varints
// (encoding/binary), those that are likely to be negative zigzag ones; a string is
// its length and its bytes.
//
// The entries of a layer are written one after the other, each as what differs
// from what is to be expected behind the one before: a name as how many bytes
// it shares with the previous name, and the rest; an offset as the distance
// from where the next content begins when a plain header stands between; the
// owner, the mode and the time only where they change.

// The kinds of files, with the versions of their forms.
const (
	layerKind = "peelLay2"
	placeKind = "peelPla1"
	imageKind = "peelIma2"
)

// frameSize is how many bytes stand around what a file holds.
const frameSize = 8 + 8 + 16

// textRatio bounds how many bytes of names one byte of a file may stand for, so
// that a small file cannot fill memory. Real layers have less than 20.
const textRatio = 64

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
	b = binary.AppendUvarint(b, uint64(e.count))
	var text int
	for i := range e.count {
		text += e.nameLen(i) + len(e.LinkBytes(i))
	}
	b = binary.AppendUvarint(b, uint64(text))
	b = binary.AppendUvarint(b, uint64(len(e.rare)))
	var m, last item
	for i := range e.count {
		e.item(i, &m)
		if _, crc := e.crc(i); crc || !m.plausible() {
			return nil, false
		}
		b = m.append(b, &last)
		m, last = last, m
	}
	b = binary.AppendUvarint(b, uint64(len(e.flaws)))
	for _, f := range e.flaws {
		b = appendText(appendText(b, f.Path), f.Problem)
	}
	return b, text <= textRatio*(len(b)-from)
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
	text := int(r.number(uint64(min(textRatio*given, maxText))))
	rares := r.count(minEntry)
	if n > maxEntries || rares > n || r.bad {
		r.fail()
		return nil
	}
	e := &Entries{}
	var m, last item
	for range n {
		r.item(&m, &last)
		text -= len(m.name) + len(m.link)
		if r.bad || text < 0 || !m.plausible() || e.add(&m.header, m.offset) != nil {
			r.fail()
			return nil
		}
		if m.summed {
			e.setSum(e.count-1, m.sum, XXH3)
		}
		m, last = last, m
	}
	e.done()
	flaws := r.count(2)
	for range flaws {
		e.flaws = append(e.flaws, Flaw{Path: r.text(), Problem: r.text()})
	}
	if r.bad || text != 0 || len(e.rare) != rares {
		r.fail()
		return nil
	}
	return e
}
