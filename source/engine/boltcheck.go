package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt maps a database into memory and follows its pointers: damage leads to invalid addresses
// and crashes the program. So every reachable page is checked first: that it has the right kind,
// is within the file and is reached once, and that its elements are within it.
//
// A copy of a database that is written meanwhile is consistent if its newest transaction is still
// the newest at the end: pages of that transaction are not overwritten before another one has
// been committed. Source of the format: bbolt, internal/common/{page,meta,bucket}.go.

// Sizes in a page, in bytes, and the kinds of pages.
const (
	boltHeader  = 16
	boltElement = 16
	boltBucket  = 16
	boltMeta    = 64

	boltBranch = 0x01
	boltLeaf   = 0x02

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	boltBucketLeaf = 0x01 // a leaf element that is a bucket

	leastBoltPage = 1 << 10
	mostBoltPage  = 64 << 10
	maxBoltDepth  = 64 // nested pages and buckets; real ones are less than 20 deep
)

// A boltRoot is the content of a meta page.
type boltRoot struct {
	pageSize int64
	root     uint64 // page of the root bucket
	pages    uint64 // number of pages
	tx       uint64
}

// errBoltPages says that a meta page that bbolt would use is wrong.
var errBoltPages = errors.New("a damaged database")

// parseBoltMeta parses a meta page at the start of text.
func parseBoltMeta(text []byte) (boltRoot, error) {
	if len(text) < boltHeader+boltMeta {
		return boltRoot{}, io.ErrUnexpectedEOF
	}
	m := text[boltHeader : boltHeader+boltMeta]
	order := binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(m[:boltMeta-8])
	switch {
	case order.Uint32(m) != boltMagic:
		return boltRoot{}, errors.New("not a database of bbolt")
	case order.Uint32(m[4:]) != boltVersion:
		return boltRoot{}, fmt.Errorf("a database of version %d, not %d", order.Uint32(m[4:]), boltVersion)
	case order.Uint64(m[56:]) != sum.Sum64():
		return boltRoot{}, errors.New("a damaged database: the checksum of its first page is wrong")
	}
	r := boltRoot{
		pageSize: int64(order.Uint32(m[8:])), root: order.Uint64(m[16:]),
		pages: order.Uint64(m[40:]), tx: order.Uint64(m[48:]),
	}
	if r.pageSize < leastBoltPage || r.pageSize > mostBoltPage || r.pageSize&(r.pageSize-1) != 0 {
		return boltRoot{}, fmt.Errorf("%w: pages of %d bytes", errBoltPages, r.pageSize)
	}
	return r, nil
}

// readBoltRoot reads the newer meta page, as bbolt selects it.
func readBoltRoot(r io.ReaderAt) (boltRoot, error) {
	at := func(off int64) (boltRoot, error) {
		text := make([]byte, boltHeader+boltMeta)
		if _, err := r.ReadAt(text, off); err != nil {
			return boltRoot{}, noEOF(err)
		}
		return parseBoltMeta(text)
	}
	first, err := at(0)
	switch {
	case errors.Is(err, errBoltPages):
		return boltRoot{}, err
	case err != nil:
		for size := int64(leastBoltPage); size <= mostBoltPage; size *= 2 {
			if second, err := at(size); err == nil && second.pageSize == size {
				return second, nil
			}
		}
		return boltRoot{}, err
	}
	second, err := at(first.pageSize)
	switch {
	case errors.Is(err, errBoltPages):
		return boltRoot{}, err
	case err != nil:
		return first, nil //nolint:nilerr // one of them may be half written
	case second.pageSize != first.pageSize:
		return boltRoot{}, errors.New("a damaged database: its two first pages disagree")
	case second.tx > first.tx:
		return second, nil
	}
	return first, nil
}

// noEOF turns an early end into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A boltCheck checks every page of a database.
type boltCheck struct {
	ctx   context.Context //nolint:containedctx // of the one check
	r     io.ReaderAt
	root  boltRoot
	pages uint64
	seen  []uint64 // a bit for each page
}

// checkBolt returns the fault of a database of size bytes in r; nil if bbolt can read it.
func checkBolt(ctx context.Context, r io.ReaderAt, size int64) error {
	root, err := readBoltRoot(r)
	if err != nil {
		return err
	}
	c := boltCheck{ctx: ctx, r: r, root: root, pages: min(root.pages, uint64(size/root.pageSize))}
	c.seen = make([]uint64, c.pages/64+1)
	return c.tree(root.root, maxBoltDepth)
}

// damaged is an error about a page.
func damaged(id uint64, format string, args ...any) error {
	return fmt.Errorf("a damaged database: page %d: %s", id, fmt.Sprintf(format, args...))
}

// tree checks a page and everything below it.
func (c *boltCheck) tree(id uint64, depth int) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if depth == 0 {
		return damaged(id, "more than %d below another", maxBoltDepth)
	}
	text, err := c.page(id)
	if err != nil {
		return err
	}
	switch flags := binary.NativeEndian.Uint16(text[8:]); flags {
	case boltBranch:
		return c.branch(id, text, depth)
	case boltLeaf:
		return c.leaf(id, text, depth)
	default:
		return damaged(id, "of kind %#x, where data should be", flags)
	}
}

// page reads a page with its overflow pages.
func (c *boltCheck) page(id uint64) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, damaged(id, "there are %d pages", c.pages)
	}
	head := make([]byte, boltHeader)
	if _, err := c.r.ReadAt(head, int64(id)*c.root.pageSize); err != nil {
		return nil, noEOF(err)
	}
	n := uint64(binary.NativeEndian.Uint32(head[12:])) + 1
	switch {
	case binary.NativeEndian.Uint64(head) != id:
		return nil, damaged(id, "it says that it is another")
	case n > c.pages-id:
		return nil, damaged(id, "it goes on for %d pages, of %d that there are", n, c.pages)
	}
	for i := id; i < id+n; i++ {
		if c.seen[i/64]&(1<<(i%64)) != 0 {
			return nil, damaged(i, "it is used twice")
		}
		c.seen[i/64] |= 1 << (i % 64)
	}
	text := make([]byte, int64(n)*c.root.pageSize)
	_, err := c.r.ReadAt(text, int64(id)*c.root.pageSize)
	return text, noEOF(err)
}

// branch checks a branch page.
func (c *boltCheck) branch(id uint64, text []byte, depth int) error {
	order := binary.NativeEndian
	count := int(order.Uint16(text[10:]))
	if count == 0 {
		return damaged(id, "it leads nowhere")
	}
	for i := range count {
		at := boltHeader + i*boltElement
		if at+boltElement > len(text) {
			return damaged(id, "%d elements do not fit into it", count)
		}
		e := text[at:]
		if !fitsIn(text, at, order.Uint32(e), order.Uint32(e[4:]), 0) {
			return damaged(id, "element %d lies outside of it", i)
		}
		if err := c.tree(order.Uint64(e[8:]), depth-1); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks a leaf page and its buckets.
func (c *boltCheck) leaf(id uint64, text []byte, depth int) error {
	if depth == 0 {
		return damaged(id, "more than %d below another", maxBoltDepth)
	}
	order := binary.NativeEndian
	count := int(order.Uint16(text[10:]))
	for i := range count {
		at := boltHeader + i*boltElement
		if at+boltElement > len(text) {
			return damaged(id, "%d elements do not fit into it", count)
		}
		e := text[at:]
		flags, pos, key, value := order.Uint32(e), order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
		if !fitsIn(text, at, pos, key, value) {
			return damaged(id, "element %d lies outside of it", i)
		}
		if flags&boltBucketLeaf == 0 {
			continue
		}
		from := at + int(pos) + int(key)
		if err := c.bucket(id, text[from:from+int(value)], depth); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket: with its own pages, or inline in its value.
func (c *boltCheck) bucket(id uint64, value []byte, depth int) error {
	if len(value) < boltBucket {
		return damaged(id, "a bucket of %d bytes", len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.tree(root, depth-1)
	}
	inline := value[boltBucket:]
	if len(inline) < boltHeader || binary.NativeEndian.Uint16(inline[8:]) != boltLeaf {
		return damaged(id, "a small bucket that holds no values")
	}
	return c.leaf(id, inline, depth-1)
}

// fitsIn reports whether a key and a value are inside a page: they start pos bytes after their
// element.
func fitsIn(page []byte, at int, pos, key, value uint32) bool {
	end := uint64(at) + uint64(pos) + uint64(key) + uint64(value)
	return pos >= boltElement && end <= uint64(len(page))
}
