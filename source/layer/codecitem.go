package layer

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// Flags in an entry's first byte, above the three bits of its type.
const (
	flagSummed = 1 << (3 + iota)
	flagAttrs  // owner and mode follow
	flagTime   // the time follows
	flagRare   // rare attributes follow
	flagLink   // a link's target follows
)

// rareSparse is set in the first byte of a sparse file's rare attributes.
const rareSparse = 1

// maxXattrs is the maximum number of extended attributes of an entry: no tar header and no file
// system has room for more.
const maxXattrs = 1 << 16

// An item is an entry in encoded form.
type item struct {
	Record
	sum    uint64
	summed bool
}

// item fills m with entry i, overwriting the name in m.
func (e *Entries) item(i int, m *item) {
	r := e.record(i)
	o := &e.owners[r.bits>>bitsOwner]
	*m = item{Record: Record{
		Name: e.AppendName(m.Name[:0], i), Link: e.LinkBytes(i), Type: r.typ(),
		Mode: int64(o.mode), UID: o.uid, GID: o.gid,
		Size: e.Size(i), Stored: e.Stored(i), Sec: int64(r.sec), Nsec: e.nsec(i),
		Offset: e.offset(i),
	}}
	if sum, kind, known := e.Checksum(i); known && (kind == XXH3 || kind == SparseSum) {
		m.sum, m.summed = sum, true
	}
	if r.bits&bitRare == 0 {
		return
	}
	x := e.rareOf(i)
	m.Xattrs, m.Major, m.Minor, m.Sparse = x.xattrs, x.major, x.minor, x.sparse
	if x.wide {
		m.Sec = x.sec
	}
}

// nameLen returns the length of entry i's stored name.
func (e *Entries) nameLen(i int) int {
	n := len(e.DirBytes(e.Dir(i))) + len(e.Base(i))
	if e.record(i).bits&bitSlash != 0 {
		n++
	}
	return n
}

// plausible reports whether m could come from the scan of a tar.
func (m *item) plausible() bool {
	if int(m.Type) >= len(typeNames) || m.Offset < 0 || m.Size < 0 || m.Mode > 0o7777 || m.Nsec >= 1e9 {
		return false
	}
	if m.Type != File && (m.Size != 0 || m.summed || m.Sparse) || !m.summed && m.sum != 0 {
		return false
	}
	if m.Type != Symlink && m.Type != Hardlink && len(m.Link) > 0 {
		return false
	}
	return !m.Sparse || m.Stored >= 0 && m.Stored <= m.Size
}

// expected returns where the content of the next entry starts if that has one plain header.
func (m *item) expected() int64 {
	if m.Size > math.MaxInt64-m.Offset-2*blockSize {
		return 0
	}
	return m.Offset + (m.Size+blockSize-1)&^(blockSize-1) + blockSize
}

// append encodes m, given the previous entry.
func (m *item) append(b []byte, last *item) []byte {
	flags := byte(m.Type)
	if m.summed {
		flags |= flagSummed
	}
	if m.Mode != last.Mode || m.UID != last.UID || m.GID != last.GID {
		flags |= flagAttrs
	}
	if m.Sec != last.Sec || m.Nsec != last.Nsec {
		flags |= flagTime
	}
	rare := m.Sparse || len(m.Xattrs) > 0 || m.Major != 0 || m.Minor != 0
	if rare {
		flags |= flagRare
	}
	if len(m.Link) > 0 {
		flags |= flagLink
	}
	b = append(b, flags)
	shared := commonPrefix(m.Name, last.Name)
	b = binary.AppendUvarint(b, uint64(shared))
	b = AppendBytes(b, m.Name[shared:])
	b = binary.AppendVarint(b, m.Offset-last.expected())
	if m.Type == File {
		b = binary.AppendUvarint(b, uint64(m.Size))
	}
	if m.summed {
		b = binary.LittleEndian.AppendUint64(b, m.sum)
	}
	if flags&flagAttrs != 0 {
		b = binary.AppendUvarint(b, uint64(m.Mode))
		b = binary.AppendUvarint(b, uint64(m.UID)) // a negative one takes as much room as the largest
		b = binary.AppendUvarint(b, uint64(m.GID))
	}
	if flags&flagTime != 0 {
		b = binary.AppendVarint(b, m.Sec-last.Sec) // may wrap around, and wraps back
		b = binary.AppendUvarint(b, uint64(m.Nsec))
	}
	if rare {
		b = m.appendRare(b)
	}
	if flags&flagLink != 0 {
		b = AppendBytes(b, m.Link)
	}
	return b
}

func (m *item) appendRare(b []byte) []byte {
	if m.Sparse {
		b = binary.AppendUvarint(append(b, rareSparse), uint64(m.Stored))
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, m.Major)
	b = binary.AppendVarint(b, m.Minor)
	b = binary.AppendUvarint(b, uint64(len(m.Xattrs)))
	for _, key := range slices.Sorted(maps.Keys(m.Xattrs)) {
		b = AppendText(AppendText(b, key), m.Xattrs[key])
	}
	return b
}

// item decodes an entry into m, given the previous one, overwriting the name in m.
func (r *Decoder) item(m, last *item) {
	flags := r.Byte()
	shared := int(r.Number(uint64(len(last.Name))))
	name := append(append(m.Name[:0], last.Name[:shared]...), r.Bytes()...)
	*m = item{Record: Record{
		Name: name, Type: Type(flags & 7),
		Mode: last.Mode, UID: last.UID, GID: last.GID, Sec: last.Sec, Nsec: last.Nsec,
	}}
	m.Offset = last.expected() + r.varint()
	if m.Type == File {
		m.Size = int64(r.Number(math.MaxInt64))
		m.Stored = m.Size
	}
	if flags&flagSummed != 0 {
		if b := r.take(8); len(b) == 8 {
			m.sum, m.summed = binary.LittleEndian.Uint64(b), true
		}
	}
	if flags&flagAttrs != 0 {
		m.Mode = int64(r.Number(0o7777))
		m.UID = int64(r.uvarint())
		m.GID = int64(r.uvarint())
	}
	if flags&flagTime != 0 {
		m.Sec = last.Sec + r.varint()
		m.Nsec = uint32(r.Number(1e9))
	}
	if flags&flagRare != 0 {
		r.rare(m)
	}
	if flags&flagLink != 0 {
		m.Link = r.Bytes()
	}
}

func (r *Decoder) rare(m *item) {
	if r.Byte()&rareSparse != 0 {
		m.Sparse, m.Stored = true, int64(r.Number(math.MaxInt64))
	}
	m.Major, m.Minor = r.varint(), r.varint()
	if n := r.Count(2); n > maxXattrs {
		r.Fail()
	} else if n > 0 {
		m.Xattrs = make(map[string]string)
		for range n {
			key := r.Text()
			m.Xattrs[key] = r.Text()
		}
	}
}
