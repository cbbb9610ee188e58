package layer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// Limits on the memory for one layer. Linux rejects paths of 4096 bytes and more; no real image
// comes near the other limits.
const (
	maxName    = math.MaxUint16
	maxEntries = 1 << 24
	maxText    = maxRuns * runSize
)

// maxOwners is the maximum number of known owners that are searched.
const maxOwners = 1 << 12

// The memory of an entry and of an extended attribute without text, and the step in which the
// budget is charged, in bytes.
const (
	entryCost  = 32
	xattrCost  = 64
	chargeStep = 64 << 10
)

// ErrBudget says that a budget is used up.
var ErrBudget = errors.New("more")

// A Budget limits the memory for the entries of all layers of an image. Safe for concurrent use;
// nil means no limit.
type Budget struct {
	limit int64
	left  atomic.Int64

	checkpoints atomic.Int64 // bytes left for checkpoints, see maxImageCheckpoints
}

// NewBudget returns a budget of this many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{limit: bytes}
	b.left.Store(bytes)
	b.checkpoints.Store(maxImageCheckpoints)
	return b
}

func (b *Budget) take(bytes int64) error {
	if b != nil && b.left.Add(-bytes) < 0 {
		return fmt.Errorf("the names and attributes of the image's files take %w than %d MiB of memory", ErrBudget, b.limit>>20)
	}
	return nil
}

// part returns a budget with b's remaining bytes, for work that may be discarded; takePart
// charges b with what was used.
func (b *Budget) part() *Budget {
	if b == nil {
		return nil
	}
	return NewBudget(max(b.left.Load(), 0))
}

func (b *Budget) takePart(part *Budget) error {
	if b == nil {
		return nil
	}
	return b.take(part.limit - part.left.Load())
}

// adding is data needed only while adding entries.
type adding struct {
	owners map[owner]uint32

	// The directory of the last entry and those of its parents that were seen. Each is a prefix
	// of the next, because a tar lists directories in this order.
	path []uint32
}

// Add appends an entry.
func (e *Entries) Add(h *Record) error {
	offset := h.Offset
	if len(h.Name) > maxName || len(h.Link) > maxName {
		return fmt.Errorf("a path of %d bytes", max(len(h.Name), len(h.Link)))
	}
	if e.count >= maxEntries {
		return fmt.Errorf("more than %d entries", maxEntries)
	}
	dir, base, slash := cutName(h.Name)
	r := record{
		block: uint32(offset / blockSize),
		size:  uint32(h.Size),
		sec:   uint32(h.Sec),
		bits:  uint32(h.Type) | e.owner(owner{h.UID, h.GID, uint16(h.Mode & 0o7777)})<<bitsOwner,
	}
	if slash {
		r.bits |= bitSlash
	}
	var ok1, ok2 bool
	r.dir, ok1 = e.directory(dir)
	if h.Type == Symlink || h.Type == Hardlink {
		r.text, ok2 = e.text.add(base, h.Link)
	} else {
		r.text, ok2 = e.text.add(base)
	}
	if !ok1 || !ok2 {
		return fmt.Errorf("more than %d bytes of names", int64(maxText))
	}
	wide := int64(r.block)*blockSize != offset || int64(r.size) != h.Size || int64(r.sec) != h.Sec
	if wide || h.Sparse || len(h.Xattrs) > 0 || h.Major != 0 || h.Minor != 0 {
		r.bits |= bitRare
		e.addRare(&rareAttrs{
			entry: uint32(e.count), sparse: h.Sparse, wide: wide,
			xattrs: h.Xattrs, major: h.Major, minor: h.Minor, stored: h.Stored,
			offset: offset, size: h.Size, sec: h.Sec,
		})
	}
	e.push(r)
	if h.Nsec != 0 {
		e.setNsec(e.count-1, h.Nsec)
	}
	return e.charge(int64(len(base) + len(h.Link)))
}

// charge charges the budget in steps, with the text of an entry and the cost of its directory and
// attributes.
func (e *Entries) charge(text int64) error {
	e.owed += entryCost + text
	if e.owed < chargeStep {
		return nil
	}
	err := e.budget.take(e.owed)
	e.owed = 0
	return err
}

// cutName splits a stored name: the directory with its slash, the rest, and whether one more
// slash ends it.
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
		x.xattrs = e.rare[n-1].xattrs // a label that every file has is stored once
	} else {
		for key, value := range x.xattrs {
			e.owed += xattrCost + int64(len(key)) + int64(len(value))
		}
	}
	e.rare = append(e.rare, *x)
}

// owner returns the index of o among the owners.
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

// directory returns the number of that directory; false if there is no room for it.
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
	e.owed += int64(len(name))
	place, ok := e.text.add(name)
	dir = uint32(len(e.dirs))
	e.dirs = append(e.dirs, place)
	above.path = append(above.path, dir)
	return dir, ok
}

func (e *Entries) push(r record) {
	if e.count == len(e.blocks)*recordsPerBlock {
		e.blocks = append(e.blocks, recordBlock{})
		if e.count > 0 { // a layer with few entries does not need a whole one
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
	switch kind {
	case CRC64:
		*bits |= bitCRC
	case SHA256:
		*bits |= bitSHA
	}
}

// setWide records the checksum of 128 bits of entry i.
func (e *Entries) setWide(i int, sum xxh3.Uint128) {
	b := &e.blocks[i/recordsPerBlock]
	b.wides = parallel(b.wides, b.records)
	b.wides[i%recordsPerBlock] = sum
	e.owed += 16
}

func (e *Entries) setNsec(i int, nsec uint32) {
	b := &e.blocks[i/recordsPerBlock]
	b.nsecs = parallel(b.nsecs, b.records)
	b.nsecs[i%recordsPerBlock] = nsec
}

// parallel returns s with an element for each record that has room.
func parallel[T any](s []T, records []record) []T {
	if len(s) >= len(records) {
		return s
	}
	out := make([]T, cap(records))
	copy(out, s)
	return out
}

// drop removes entries.
func (e *Entries) drop(gone func(i int) bool) {
	rest := &Entries{text: e.text, dirs: e.dirs, owners: e.owners, flaws: e.flaws}
	for i := range e.count {
		if gone(i) {
			continue
		}
		r := *e.record(i)
		if r.bits&bitRare != 0 {
			x := *e.rareOf(i)
			x.entry = uint32(rest.count)
			rest.rare = append(rest.rare, x)
		}
		rest.push(r)
		if r.bits&bitSummed != 0 {
			b := &rest.blocks[len(rest.blocks)-1]
			b.sums = parallel(b.sums, b.records)
			b.sums[(rest.count-1)%recordsPerBlock] = e.sum(i)
		}
		if nsec := e.nsec(i); nsec != 0 {
			rest.setNsec(rest.count-1, nsec)
		}
		if sum, ok := e.Wide(i); ok {
			rest.setWide(rest.count-1, wideOf(sum))
		}
	}
	e.blocks, e.count, e.rare = rest.blocks, rest.count, rest.rare
}

// maxFlaws is the maximum number of flaws kept for one layer; more are only counted.
const maxFlaws = 100

// flaw adds a flaw.
func (e *Entries) flaw(f Flaw) {
	if e.moreFlaws > 0 || len(e.flaws) >= maxFlaws {
		e.moreFlaws++
		return
	}
	e.owed += int64(len(f.Path) + len(f.Problem))
	e.flaws = append(e.flaws, f)
}

// done releases data that only adding needs.
func (e *Entries) done() {
	e.adding = nil
	if e.moreFlaws > 0 {
		e.flaws = append(e.flaws, Flaw{Problem: fmt.Sprintf("%d more", e.moreFlaws)})
	}
	e.moreFlaws = 0
}
