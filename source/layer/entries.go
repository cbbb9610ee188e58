package layer

import (
	"encoding/binary"
	"maps"
	"sort"
	"time"

	"github.com/zeebo/xxh3"
)

// Entries are the tar members of one layer in stored order. They must be small,
// because a layer may have millions: a record takes 24 bytes, in blocks, so
// that growing copies nothing; names are in large byte slices, with the
// directory stored once for consecutive entries; owner and mode are an index
// into a list; and rare data (extended attributes, device numbers, holes, large
// numbers) is stored separately.
//
// Entries are immutable after Reader.Scan returns, except that Sum adds
// checksums. Several goroutines may read them, even meanwhile.
type Entries struct {
	blocks    []recordBlock // all except the last are full
	count     int
	text      texts
	dirs      []uint32 // places of directory names in text; the first is ""
	owners    []owner
	rare      []rareAttrs // by entry
	flaws     []Flaw      // found during the scan
	moreFlaws int         // flaws that are only counted, while adding
	late      lateSums

	adding *adding // nil when complete
	budget *Budget // nil: no limit
	owed   int64   // bytes of memory not yet charged to the budget
}

// A record is an entry's common part.
type record struct {
	block uint32 // start of the content in the uncompressed layer, in blocks of 512 bytes; for a sparse file, its first header
	size  uint32
	sec   uint32 // modification time, seconds since 1970
	text  uint32 // place in Entries.text of the name's last part; the link follows it
	dir   uint32 // index in Entries.dirs
	bits  uint32 // Type, flags, and the index in Entries.owners
}

// The meaning of record.bits above the type.
const (
	bitSummed = 1 << (3 + iota)
	bitCRC        // the checksum is an engine's CRC-64, not XXH3
	bitRare       // a rareAttrs exists
	bitSlash      // the name ends with a slash
	bitSHA        // the checksum is the start of a SHA-256, not XXH3
	bitsOwner = 8 // from here on: index of the owner
)

// recordBlock is up to recordsPerBlock consecutive entries.
type recordBlock struct {
	records []record
	sums    []uint64 // checksums, up to the last record with one
	nsecs   []uint32 // of modification times, up to the last nonzero one

	wides []xxh3.Uint128 // checksums of 128 bits, up to the last record that has one
}

const recordsPerBlock = 1 << 10

// An owner is the data that most entries of a layer share.
type owner struct {
	uid, gid int64
	mode     uint16
}

// rareAttrs are attributes that few entries have.
type rareAttrs struct {
	entry        uint32
	sparse, wide bool
	xattrs       map[string]string
	major, minor int64
	stored       int64 // bytes in the tar, for a sparse file

	offset, size, sec int64 // if wide: values that do not fit the record
}

// Len returns the number of entries.
func (e *Entries) Len() int {
	if e == nil {
		return 0
	}
	return e.count
}

// At returns entry i, 0-based in stored order.
func (e *Entries) At(i int) Entry {
	out := e.Attributes(i)
	out.Name, out.Link = string(e.AppendName(nil, i)), string(e.LinkBytes(i))
	return out
}

// Attributes is At without Name and Link, which may be long.
func (e *Entries) Attributes(i int) Entry {
	r := e.record(i)
	o := &e.owners[r.bits>>bitsOwner]
	out := Entry{
		Type: r.typ(),
		Mode: uint32(o.mode),
		UID:  o.uid,
		GID:  o.gid,
		Size: int64(r.size),
	}
	sec := int64(r.sec)
	if r.bits&bitRare != 0 {
		x := e.rareOf(i)
		out.Xattrs, out.Major, out.Minor = x.xattrs, x.major, x.minor
		if x.wide {
			out.Size, sec = x.size, x.sec
		}
	}
	out.Stored = e.Stored(i)
	out.Time = time.Unix(sec, int64(e.nsec(i))).UTC()
	out.Sum, out.Kind, out.Summed = e.Checksum(i)
	return out
}

// AppendName appends the stored name of entry i to b: its directory, its last part, and an
// optional trailing slash.
func (e *Entries) AppendName(b []byte, i int) []byte {
	r := e.record(i)
	b = append(append(b, e.text.at(e.dirs[r.dir])...), e.text.at(r.text)...)
	if r.bits&bitSlash != 0 {
		b = append(b, '/')
	}
	return b
}

// Dir returns a number for the directory in entry i's name, for DirBytes. Equal
// numbers mean equal directories. Consecutive entries in one directory usually
// have the same number.
func (e *Entries) Dir(i int) int { return int(e.record(i).dir) }

// DirBytes returns a directory's stored name: "", or a name that ends with a slash. The bytes
// belong to e and must not be modified.
func (e *Entries) DirBytes(dir int) []byte { return e.text.at(e.dirs[dir]) }

// Base returns the rest of entry i's stored name without an optional trailing
// slash. It is the last component of the path, unless the name has an unusual
// form: it can be empty, "." or "..", or end in more slashes. The bytes belong
// to e and must not be modified.
func (e *Entries) Base(i int) []byte { return e.text.at(e.record(i).text) }

// LinkBytes returns the stored link target of entry i without copying it. The bytes belong to e
// and must not be modified.
func (e *Entries) LinkBytes(i int) []byte {
	r := e.record(i)
	if t := r.typ(); t != Symlink && t != Hardlink {
		return nil
	}
	return e.text.behind(r.text)
}

// Type returns the type of entry i.
func (e *Entries) Type(i int) Type { return e.record(i).typ() }

// Stored returns the number of content bytes of entry i in the tar.
func (e *Entries) Stored(i int) int64 {
	r := e.record(i)
	if r.bits&bitRare != 0 {
		if x := e.rareOf(i); x.sparse {
			return x.stored
		}
	}
	return e.Size(i)
}

// Size returns the number of content bytes of entry i for a reader.
func (e *Entries) Size(i int) int64 {
	r := e.record(i)
	if r.bits&bitRare != 0 {
		if x := e.rareOf(i); x.wide {
			return x.size
		}
	}
	return int64(r.size)
}

// SameAttributes reports whether entry i and entry j of other have the same mode, owner,
// modification time and extended attributes.
func (e *Entries) SameAttributes(i int, other *Entries, j int) bool {
	a, b := e.record(i), other.record(j)
	if e.owners[a.bits>>bitsOwner] != other.owners[b.bits>>bitsOwner] || e.nsec(i) != other.nsec(j) {
		return false
	}
	aSec, bSec := int64(a.sec), int64(b.sec)
	var aXattrs, bXattrs map[string]string
	if a.bits&bitRare != 0 {
		x := e.rareOf(i)
		aXattrs = x.xattrs
		if x.wide {
			aSec = x.sec
		}
	}
	if b.bits&bitRare != 0 {
		x := other.rareOf(j)
		bXattrs = x.xattrs
		if x.wide {
			bSec = x.sec
		}
	}
	return aSec == bSec && maps.Equal(aXattrs, bXattrs)
}

// SameStamp reports whether entries i and j have the same mode, owner and modification time.
func (e *Entries) SameStamp(i, j int) bool {
	a, b := e.record(i), e.record(j)
	if a.bits>>bitsOwner != b.bits>>bitsOwner || e.nsec(i) != e.nsec(j) {
		return false
	}
	if (a.bits|b.bits)&bitRare != 0 {
		return e.Attributes(i).Time.Equal(e.Attributes(j).Time)
	}
	return a.sec == b.sec
}

// Xattr returns an extended attribute of entry i, "" if it does not exist.
func (e *Entries) Xattr(i int, name string) string {
	if e.record(i).bits&bitRare == 0 {
		return ""
	}
	return e.rareOf(i).xattrs[name]
}

// Device returns the device numbers of entry i, 0 and 0 if it is not a device.
func (e *Entries) Device(i int) (major, minor int64) {
	if e.record(i).bits&bitRare == 0 {
		return 0, 0
	}
	x := e.rareOf(i)
	return x.major, x.minor
}

// A SumKind is a checksum algorithm.
type SumKind uint8

// The kinds of checksums.
const (
	XXH3      SumKind = iota // 64 bits
	CRC64                    // ISO 3309's polynomial, from an engine's own index
	SparseSum                // XXH3 of a sparse file's map and data, without its many holes
	SHA256                   // the first 64 bits, from a table of contents
)

// Checksum returns the checksum of entry i's content and its kind, if known.
// Checksums of different kinds can't be compared; Sum computes XXH3.
func (e *Entries) Checksum(i int) (sum uint64, kind SumKind, known bool) {
	r := e.record(i)
	if r.bits&(bitSummed|bitCRC|bitSHA) == bitSummed {
		if r.bits&bitRare != 0 && e.holey(i) {
			return e.sum(i), SparseSum, true
		}
		return e.sum(i), XXH3, true
	}
	if r.typ() == File {
		if sum, ok := e.late.of(i); ok {
			if e.holey(i) {
				return sum, SparseSum, true
			}
			return sum, XXH3, true
		}
	}
	switch {
	case r.bits&bitSHA != 0:
		return e.sum(i), SHA256, true
	case r.bits&bitSummed != 0:
		return e.sum(i), CRC64, true
	}
	return 0, XXH3, false
}

func (r *record) typ() Type { return Type(r.bits & 7) }

func (e *Entries) record(i int) *record {
	return &e.blocks[i/recordsPerBlock].records[i%recordsPerBlock]
}

// sum returns the checksum from the scan for entry i.
func (e *Entries) sum(i int) uint64 { return e.blocks[i/recordsPerBlock].sums[i%recordsPerBlock] }

// Wide returns the checksum of 128 bits (XXH3) of entry i's content, if that is known;
// of a file with too many holes it is that of its map and data. It is known if the scan
// was asked for it.
func (e *Entries) Wide(i int) (sum [16]byte, known bool) {
	wides := e.blocks[i/recordsPerBlock].wides
	if at := i % recordsPerBlock; at < len(wides) {
		sum = wides[at].Bytes()
		return sum, wides[at] != xxh3.Uint128{}
	}
	return sum, false
}

// CRC returns the engine's checksum for entry i, if known.
func (e *Entries) CRC(i int) (sum uint64, ok bool) {
	if e.record(i).bits&bitCRC == 0 {
		return 0, false
	}
	return e.sum(i), true
}

func (e *Entries) nsec(i int) uint32 {
	nsecs := e.blocks[i/recordsPerBlock].nsecs
	if at := i % recordsPerBlock; at < len(nsecs) {
		return nsecs[at]
	}
	return 0
}

// rareOf returns the rare attributes of entry i, which must have some.
func (e *Entries) rareOf(i int) *rareAttrs {
	at := sort.Search(len(e.rare), func(k int) bool { return int(e.rare[k].entry) >= i })
	return &e.rare[at]
}

// sparse reports whether entry i is a sparse file.
func (e *Entries) sparse(i int) bool { return e.record(i).bits&bitRare != 0 && e.rareOf(i).sparse }

// holey reports whether entry i is a sparse file with too many holes to compute a sum.
func (e *Entries) holey(i int) bool { return e.sparse(i) && holey(e.Size(i), e.Stored(i)) }

// Flaws returns the survivable faults in the layer's tar. The slice belongs to e.
func (e *Entries) Flaws() []Flaw { return e.flaws }

// offset returns where the content of entry i starts in the uncompressed layer; for a sparse
// file, where its first header starts.
func (e *Entries) offset(i int) int64 {
	r := e.record(i)
	if r.bits&bitRare != 0 {
		if x := e.rareOf(i); x.wide {
			return x.offset
		}
	}
	return int64(r.block) * blockSize
}

// texts are length-prefixed strings in large chunks, so that growing copies nothing.
type texts struct{ runs [][]byte }

// A place in texts is the number of the chunk and, in the low bits, the offset in it.
const (
	runBits = 14
	runSize = 1 << runBits
	maxRuns = 1 << (32 - runBits)
)

// at returns the string at a place.
func (t *texts) at(place uint32) []byte {
	b := t.runs[place>>runBits][place&(runSize-1):]
	if n := int(b[0]); n < 0x80 {
		return b[1 : 1+n : 1+n]
	}
	s, _ := t.cut(place)
	return s
}

// behind returns the string that follows the one at a place.
func (t *texts) behind(place uint32) []byte {
	_, rest := t.cut(place)
	n, size := binary.Uvarint(rest)
	return rest[size : size+int(n)]
}

func (t *texts) cut(place uint32) (s, rest []byte) {
	b := t.runs[place>>runBits][place&(runSize-1):]
	n, size := binary.Uvarint(b)
	end := size + int(n)
	return b[size:end:end], b[end:]
}

// add appends consecutive strings and returns the place of the first; false if there is no room.
func (t *texts) add(strings ...[]byte) (place uint32, ok bool) {
	need := 0
	for _, s := range strings {
		need += binary.MaxVarintLen32 + len(s)
	}
	last := len(t.runs) - 1
	if last < 0 || len(t.runs[last]) > 0 && len(t.runs[last])+need > runSize {
		if last++; last == maxRuns {
			return 0, false
		}
		var run []byte
		if last > 0 { // a layer with few entries does not need a whole one
			run = make([]byte, 0, max(runSize, need))
		}
		t.runs = append(t.runs, run)
	}
	run := t.runs[last]
	place = uint32(last<<runBits | len(run))
	for _, s := range strings {
		run = append(binary.AppendUvarint(run, uint64(len(s))), s...)
	}
	t.runs[last] = run
	return place, true
}
