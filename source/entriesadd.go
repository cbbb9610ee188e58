package source

import (
	"bytes"
	"fmt"
	"maps"
	"math"
)

// Bounds on what one layer may bring into memory. Linux refuses paths of 4096
// bytes and more; no real image comes near the others.
const (
	maxName    = math.MaxUint16
	maxEntries = 1 << 24
	maxText    = maxRuns * runSize
)

// maxOwners bounds the owners that are looked for among those that a layer has
// already.
const maxOwners = 1 << 12

// adding is what only the adding of entries needs.
type adding struct {
	owners map[owner]uint32

	// The directory of the last entry and those above it that have been met,
	// each beginning the name of the next: a tar goes through them in this order.
	path []uint32
}

// add appends what a tar header says. offset is where content (a sparse file:
// its first header block) begins in the uncompressed layer.
func (e *Entries) add(h *header, offset int64) error {
	if len(h.name) > maxName || len(h.link) > maxName {
		return fmt.Errorf("a path of %d bytes", max(len(h.name), len(h.link)))
	}
	if e.count >= maxEntries {
		return fmt.Errorf("more than %d entries", maxEntries)
	}
	dir, base, slash := cutName(h.name)
	r := record{
		block: uint32(offset / blockSize),
		size:  uint32(h.size),
		sec:   uint32(h.sec),
		bits:  uint32(h.typ) | e.owner(owner{h.uid, h.gid, uint16(h.mode & 0o7777)})<<bitsOwner,
	}
	if slash {
		r.bits |= bitSlash
	}
	var ok1, ok2 bool
	r.dir, ok1 = e.directory(dir)
	if h.typ == Symlink || h.typ == Hardlink {
		r.text, ok2 = e.text.add(base, h.link)
	} else {
		r.text, ok2 = e.text.add(base)
	}
	if !ok1 || !ok2 {
		return fmt.Errorf("more than %d bytes of names", int64(maxText))
	}
	wide := int64(r.block)*blockSize != offset || int64(r.size) != h.size || int64(r.sec) != h.sec
	if wide || h.sparse || len(h.xattrs) > 0 || h.major != 0 || h.minor != 0 {
		r.bits |= bitRare
		e.addRare(&rareAttrs{
			entry: uint32(e.count), sparse: h.sparse, wide: wide,
			xattrs: h.xattrs, major: h.major, minor: h.minor, stored: h.stored,
			offset: offset, size: h.size, sec: h.sec,
		})
	}
	e.push(r)
	if h.nsec != 0 {
		e.setNsec(e.count-1, h.nsec)
	}
	return nil
}

// cutName takes a stored name apart: the directory with its slash, the rest,
// and whether a slash that is in neither ends it.
func cutName(name []byte) (dir, base []byte, slash bool) {
	end := len(name)
	if end > 0 && name[end-1] == '/' {
		slash, end = true, end-1
	}
	from := 1 + bytes.LastIndexByte(bytes.TrimRight(name[:end], "/"), '/')
	return name[:from], name[from:end], slash
}

func (e *Entries) addRare(x *rareAttrs) {
	if n := len(e.rare); n > 0 && len(x.xattrs) > 0 && maps.Equal(e.rare[n-1].xattrs, x.xattrs) {
		x.xattrs = e.rare[n-1].xattrs // a label that every file has is kept once
	}
	e.rare = append(e.rare, *x)
}

// owner returns the place of o among the owners.
func (e *Entries) owner(o owner) uint32 {
	if e.adding == nil {
		e.adding = &adding{owners: map[owner]uint32{}}
	}
	if e.count > 0 {
		if last := e.record(e.count-1).bits >> bitsOwner; e.owners[last] == o {
			return last
		}
	}
	if i, ok := e.adding.owners[o]; ok {
		return i
	}
	i := uint32(len(e.owners))
	e.owners = append(e.owners, o)
	if i < maxOwners {
		e.adding.owners[o] = i
	}
	return i
}

// directory returns the number of the directory of that name; false if there is
// no room for it.
func (e *Entries) directory(name []byte) (dir uint32, ok bool) {
	above := e.adding
	for len(above.path) > 0 {
		dir := above.path[len(above.path)-1]
		last := e.text.at(e.dirs[dir])
		if len(last) <= len(name) && string(last) == string(name[:len(last)]) {
			if len(last) == len(name) {
				return dir, true
			}
			break
		}
		above.path = above.path[:len(above.path)-1]
	}
	place, ok := e.text.add(name)
	dir = uint32(len(e.dirs))
	e.dirs = append(e.dirs, place)
	above.path = append(above.path, dir)
	return dir, ok
}

func (e *Entries) push(r record) {
	if e.count == len(e.blocks)*recordsPerBlock {
		e.blocks = append(e.blocks, recordBlock{})
		if e.count > 0 { // a layer of few entries has no use for a whole one
			e.blocks[len(e.blocks)-1].records = make([]record, 0, recordsPerBlock)
		}
	}
	b := &e.blocks[len(e.blocks)-1]
	b.records = append(b.records, r)
	e.count++
}

// setSum records the checksum of entry i, by kind.
func (e *Entries) setSum(i int, sum uint64, kind SumKind) {
	b := &e.blocks[i/recordsPerBlock]
	b.sums = parallel(b.sums, b.records)
	b.sums[i%recordsPerBlock] = sum
	bits := &b.records[i%recordsPerBlock].bits
	*bits |= bitSummed
	if kind == CRC64 {
		*bits |= bitCRC
	}
}

func (e *Entries) setNsec(i int, nsec uint32) {
	b := &e.blocks[i/recordsPerBlock]
	b.nsecs = parallel(b.nsecs, b.records)
	b.nsecs[i%recordsPerBlock] = nsec
}

// parallel returns s with an element for each record that there is room for.
func parallel[T any](s []T, records []record) []T {
	if len(s) >= len(records) {
		return s
	}
	out := make([]T, cap(records))
	copy(out, s)
	return out
}

// drop takes entries out.
func (e *Entries) drop(gone func(i int) bool) {
	kept := &Entries{text: e.text, dirs: e.dirs, owners: e.owners, flaws: e.flaws}
	for i := range e.count {
		if gone(i) {
			continue
		}
		r := *e.record(i)
		if r.bits&bitRare != 0 {
			x := *e.rareOf(i)
			x.entry = uint32(kept.count)
			kept.rare = append(kept.rare, x)
		}
		kept.push(r)
		if r.bits&bitSummed != 0 {
			b := &kept.blocks[len(kept.blocks)-1]
			b.sums = parallel(b.sums, b.records)
			b.sums[(kept.count-1)%recordsPerBlock] = e.sum(i)
		}
		if nsec := e.nsec(i); nsec != 0 {
			kept.setNsec(kept.count-1, nsec)
		}
	}
	e.blocks, e.count, e.rare = kept.blocks, kept.count, kept.rare
}

// done lets go of what only adding needs.
func (e *Entries) done() { e.adding = nil }
