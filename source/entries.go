package source

import (
	"fmt"
	"math"
	"time"
)

// Entries are the tar members of one layer, in stored order. They are kept
// flat: one record an entry, names and links in one run of bytes, and what few
// entries have (extended attributes, device numbers, holes) on the side, so
// that a million entries are a handful of allocations.
//
// Entries are immutable once Image.Scan has returned, but for checksums, which
// Layer.Sum adds. They may be read from several goroutines, also meanwhile.
type Entries struct {
	records []record
	text    []byte // names and links, one after the other
	rare    []rareAttrs
	flaws   []Flaw // met while scanning, with the layer left open
	late    lateSums
}

// A record is an entry's common part.
type record struct {
	offset int64 // of the content in the uncompressed layer; of the first header block for a sparse file
	size   int64
	sec    int64 // modification time, seconds since 1970
	sum    uint64
	text   uint32 // where the name begins in Entries.text; the link follows it
	nsec   uint32
	uid    uint32
	gid    uint32
	rare   uint32 // 1 + index in Entries.rare; 0: none
	name   uint16 // length
	link   uint16 // length
	mode   uint16
	typ    Type
	summed bool
	crc    bool // sum is the CRC-64 that an engine keeps, not XXH3
}

// rareAttrs are what few entries have.
type rareAttrs struct {
	xattrs       map[string]string
	major, minor int64
	uid, gid     int64 // when one of them does not fit the record
	wideOwner    bool
	stored       int64 // bytes in the tar, of a sparse file
	sparse       bool
}

// Bounds on what one layer may bring into memory. Linux refuses paths of 4096
// bytes and more; no real image comes near the others.
const (
	maxName    = math.MaxUint16
	maxEntries = 1 << 24
	maxText    = math.MaxUint32
)

// Len returns the number of entries.
func (e *Entries) Len() int {
	if e == nil {
		return 0
	}
	return len(e.records)
}

// At returns entry i, 0-based in stored order.
func (e *Entries) At(i int) Entry {
	r := &e.records[i]
	out := Entry{
		Name:   string(e.name(r)),
		Link:   string(e.link(r)),
		Type:   r.typ,
		Mode:   uint32(r.mode),
		UID:    int64(r.uid),
		GID:    int64(r.gid),
		Time:   time.Unix(r.sec, int64(r.nsec)).UTC(),
		Size:   r.size,
		Stored: r.size,
	}
	out.Sum, out.Kind, out.Summed = e.Checksum(i)
	if r.rare != 0 {
		x := &e.rare[r.rare-1]
		out.Xattrs, out.Major, out.Minor = x.xattrs, x.major, x.minor
		if x.wideOwner {
			out.UID, out.GID = x.uid, x.gid
		}
		if x.sparse {
			out.Stored = x.stored
		}
	}
	return out
}

// NameBytes returns the stored name of entry i without copying it. The bytes
// belong to e and must not be changed.
func (e *Entries) NameBytes(i int) []byte { return e.name(&e.records[i]) }

// Type returns the type of entry i.
func (e *Entries) Type(i int) Type { return e.records[i].typ }

// Stored returns the content bytes that entry i has in the tar.
func (e *Entries) Stored(i int) int64 {
	r := &e.records[i]
	if r.rare != 0 && e.rare[r.rare-1].sparse {
		return e.rare[r.rare-1].stored
	}
	return r.size
}

// Size returns the content bytes that a reader of entry i sees.
func (e *Entries) Size(i int) int64 { return e.records[i].size }

// A SumKind is a way to compute a checksum.
type SumKind uint8

// The kinds of checksums.
const (
	XXH3  SumKind = iota // of 64 bits
	CRC64                // ISO 3309's polynomial, of an engine's own index
)

// Checksum returns the checksum of entry i's content and its kind, and whether it
// is known. Checksums of different kinds say nothing of each other; those that
// Layer.Sum was asked for are XXH3.
func (e *Entries) Checksum(i int) (sum uint64, kind SumKind, known bool) {
	r := &e.records[i]
	if r.summed && !r.crc {
		return r.sum, XXH3, true
	}
	if r.typ == File {
		if sum, ok := e.late.of(i); ok {
			return sum, XXH3, true
		}
	}
	if r.crc {
		return r.sum, CRC64, true
	}
	return 0, XXH3, false
}

func (e *Entries) name(r *record) []byte {
	return e.text[r.text : r.text+uint32(r.name)]
}

func (e *Entries) link(r *record) []byte {
	from := r.text + uint32(r.name)
	return e.text[from : from+uint32(r.link)]
}

// add appends what a tar header says. offset is where content (a sparse file:
// its first header block) begins in the uncompressed layer.
func (e *Entries) add(h *header, offset int64) error {
	if len(h.name) > maxName || len(h.link) > maxName {
		return fmt.Errorf("a path of %d bytes", max(len(h.name), len(h.link)))
	}
	if len(e.records) >= maxEntries {
		return fmt.Errorf("more than %d entries", maxEntries)
	}
	if len(e.text)+len(h.name)+len(h.link) > maxText {
		return fmt.Errorf("more than %d bytes of names", int64(maxText))
	}
	r := record{
		offset: offset,
		size:   h.size,
		sec:    h.sec,
		nsec:   h.nsec,
		text:   uint32(len(e.text)),
		uid:    uint32(h.uid),
		gid:    uint32(h.gid),
		name:   uint16(len(h.name)),
		link:   uint16(len(h.link)),
		mode:   uint16(h.mode & 0o7777),
		typ:    h.typ,
	}
	wide := int64(r.uid) != h.uid || int64(r.gid) != h.gid
	if wide || h.sparse || len(h.xattrs) > 0 || h.major != 0 || h.minor != 0 {
		e.rare = append(e.rare, rareAttrs{
			xattrs: h.xattrs, major: h.major, minor: h.minor,
			uid: h.uid, gid: h.gid, wideOwner: wide,
			stored: h.stored, sparse: h.sparse,
		})
		r.rare = uint32(len(e.rare))
	}
	e.text = append(e.text, h.name...)
	e.text = append(e.text, h.link...)
	e.records = append(e.records, r)
	return nil
}

// LinkBytes returns the stored link target of entry i without copying it. The
// bytes belong to e and must not be changed.
func (e *Entries) LinkBytes(i int) []byte { return e.link(&e.records[i]) }

// makeRoom makes room for the entries to come of a tar that has been read up to
// pos of size bytes, if there is none: as much as the ones so far make likely,
// for growing step by step holds everything twice, several times over.
func (e *Entries) makeRoom(pos, size int64) {
	const enough = 1024 // entries that tell what the others will be like
	n := len(e.records)
	if n < enough || pos <= 0 || n < cap(e.records) && len(e.text)+maxPathHere < cap(e.text) {
		return
	}
	// A little more than that, and never more than four times what there is:
	// the rest of the tar may be one large file.
	more := min(1.05*float64(size)/float64(pos), 4)
	e.records = grown(e.records, max(more, 1.25))
	e.text = grown(e.text, max(more, 1.25))
}

// maxPathHere is the length of a path for which makeRoom keeps room.
const maxPathHere = 1 << 10

// grown returns s with room for more times its length, or what it has.
func grown[T any](s []T, more float64) []T {
	if want := int(float64(len(s)) * more); want > cap(s) {
		return append(make([]T, 0, want), s...)
	}
	return s
}
