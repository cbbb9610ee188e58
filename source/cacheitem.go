package source

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// What an entry's first byte says, above the three bits of its type.
const (
	flagSummed = 1 << (3 + iota)
	flagAttrs  // owner and mode follow
	flagTime   // the time follows
	flagRare   // rare attributes follow
	flagLink   // a link's target follows
)

// rareSparse is set in the first byte of the rare attributes of a sparse file.
const rareSparse = 1

// An item is an entry as it is written.
type item struct {
	header
	offset int64
	sum    uint64
	summed bool
}

// item fills m with entry i; the name is written over that in m.
func (e *Entries) item(i int, m *item) {
	r := e.record(i)
	o := &e.owners[r.bits>>bitsOwner]
	*m = item{
		header: header{
			name: e.AppendName(m.name[:0], i), link: e.LinkBytes(i), typ: r.typ(),
			mode: int64(o.mode), uid: o.uid, gid: o.gid,
			size: e.Size(i), stored: e.Stored(i), sec: int64(r.sec), nsec: e.nsec(i),
		},
		offset: e.offset(i),
	}
	if r.bits&bitSummed != 0 {
		m.sum, m.summed = e.sum(i), true
	}
	if r.bits&bitRare == 0 {
		return
	}
	x := e.rareOf(i)
	m.xattrs, m.major, m.minor, m.sparse = x.xattrs, x.major, x.minor, x.sparse
	if x.wide {
		m.sec = x.sec
	}
}

// nameLen returns the length of entry i's name as it is stored.
func (e *Entries) nameLen(i int) int {
	n := len(e.DirBytes(e.Dir(i))) + len(e.Base(i))
	if e.record(i).bits&bitSlash != 0 {
		n++
	}
	return n
}

// plausible reports whether m is what the scan of a tar can give.
func (m *item) plausible() bool {
	if int(m.typ) >= len(typeNames) || m.offset < 0 || m.size < 0 || m.mode > 0o7777 || m.nsec >= 1e9 {
		return false
	}
	if m.typ != File && (m.size != 0 || m.summed || m.sparse) || !m.summed && m.sum != 0 {
		return false
	}
	if m.typ != Symlink && m.typ != Hardlink && len(m.link) > 0 {
		return false
	}
	return !m.sparse || m.stored >= 0 && m.stored <= m.size
}

// expected is where the content of the entry behind m begins, if that has one
// plain header.
func (m *item) expected() int64 {
	if m.size > math.MaxInt64-m.offset-2*blockSize {
		return 0
	}
	return m.offset + (m.size+blockSize-1)&^(blockSize-1) + blockSize
}

// append appends m, given the entry before it.
func (m *item) append(b []byte, last *item) []byte {
	flags := byte(m.typ)
	if m.summed {
		flags |= flagSummed
	}
	if m.mode != last.mode || m.uid != last.uid || m.gid != last.gid {
		flags |= flagAttrs
	}
	if m.sec != last.sec || m.nsec != last.nsec {
		flags |= flagTime
	}
	rare := m.sparse || len(m.xattrs) > 0 || m.major != 0 || m.minor != 0
	if rare {
		flags |= flagRare
	}
	if len(m.link) > 0 {
		flags |= flagLink
	}
	b = append(b, flags)
	shared := commonPrefix(m.name, last.name)
	b = binary.AppendUvarint(b, uint64(shared))
	b = appendBytes(b, m.name[shared:])
	b = binary.AppendVarint(b, m.offset-last.expected())
	if m.typ == File {
		b = binary.AppendUvarint(b, uint64(m.size))
	}
	if m.summed {
		b = binary.LittleEndian.AppendUint64(b, m.sum)
	}
	if flags&flagAttrs != 0 {
		b = binary.AppendUvarint(b, uint64(m.mode))
		b = binary.AppendUvarint(b, uint64(m.uid)) // a negative one takes the room of the largest
		b = binary.AppendUvarint(b, uint64(m.gid))
	}
	if flags&flagTime != 0 {
		b = binary.AppendVarint(b, m.sec-last.sec) // may wrap around, and wraps back
		b = binary.AppendUvarint(b, uint64(m.nsec))
	}
	if rare {
		b = m.appendRare(b)
	}
	if flags&flagLink != 0 {
		b = appendBytes(b, m.link)
	}
	return b
}

func (m *item) appendRare(b []byte) []byte {
	if m.sparse {
		b = binary.AppendUvarint(append(b, rareSparse), uint64(m.stored))
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, m.major)
	b = binary.AppendVarint(b, m.minor)
	b = binary.AppendUvarint(b, uint64(len(m.xattrs)))
	for _, key := range slices.Sorted(maps.Keys(m.xattrs)) {
		b = appendText(appendText(b, key), m.xattrs[key])
	}
	return b
}

// item reads an entry into m, given the one before it; the name is written over
// that in m.
func (r *cacheReader) item(m, last *item) {
	flags := r.byte()
	shared := int(r.number(uint64(len(last.name))))
	name := append(append(m.name[:0], last.name[:shared]...), r.bytes()...)
	*m = item{header: header{
		name: name, typ: Type(flags & 7),
		mode: last.mode, uid: last.uid, gid: last.gid, sec: last.sec, nsec: last.nsec,
	}}
	m.offset = last.expected() + r.varint()
	if m.typ == File {
		m.size = int64(r.number(math.MaxInt64))
		m.stored = m.size
	}
	if flags&flagSummed != 0 {
		if b := r.take(8); len(b) == 8 {
			m.sum, m.summed = binary.LittleEndian.Uint64(b), true
		}
	}
	if flags&flagAttrs != 0 {
		m.mode = int64(r.number(0o7777))
		m.uid = int64(r.uvarint())
		m.gid = int64(r.uvarint())
	}
	if flags&flagTime != 0 {
		m.sec = last.sec + r.varint()
		m.nsec = uint32(r.number(1e9))
	}
	if flags&flagRare != 0 {
		r.rare(m)
	}
	if flags&flagLink != 0 {
		m.link = r.bytes()
	}
}

func (r *cacheReader) rare(m *item) {
	if r.byte()&rareSparse != 0 {
		m.sparse, m.stored = true, int64(r.number(math.MaxInt64))
	}
	m.major, m.minor = r.varint(), r.varint()
	if n := r.count(2); n > 0 {
		m.xattrs = make(map[string]string)
		for range n {
			key := r.text()
			m.xattrs[key] = r.text()
		}
	}
}
