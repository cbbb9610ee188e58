package fleet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Limits on an object with rows, in bytes. The library trusts the sizes in the file, so they are
// checked here first.
const (
	maxTable      = 2 << 30  // the object
	maxFooter     = 8 << 20  // its footer
	maxPage       = 64 << 20 // a page, unpacked
	maxPageHeader = 1 << 20
	maxNesting    = 16      // of structures in a footer
	maxListed     = 1 << 17 // elements of a list in a footer
	maxRows       = 1 << 28 // rows
	maxGroupRows  = 1 << 20 // rows of a row group
)

// errTable says why an object can't be read.
var errTable = errors.New("not a table that peel wrote, or a damaged one")

// openParquet opens a Parquet file after checkFooter has checked its footer. checkGroup checks
// pages before they are read.
func openParquet(r io.ReaderAt, size int64) (*parquet.File, error) {
	if size > maxTable {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a table may have", size, int64(maxTable))
	}
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	var f *parquet.File
	err := guarded(func() (err error) {
		f, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTable, err)
	}
	var rows int64
	for i := range f.Metadata().RowGroups {
		n := f.Metadata().RowGroups[i].NumRows
		if rows += n; n < 0 || n > maxGroupRows || rows > maxRows {
			return nil, errTable
		}
	}
	if rows != f.NumRows() {
		return nil, errTable
	}
	return f, nil
}

// sameColumns returns an error unless a file has the columns of a schema, in the same order and
// with the same types. It may have more columns after them, from a later version of peel.
func sameColumns(f *parquet.File, want *parquet.Schema) error {
	have := f.Schema()
	for _, path := range want.Columns() {
		leaf, ok := have.Lookup(path...)
		wanted, _ := want.Lookup(path...)
		if !ok || leaf.Node.Type().Kind() != wanted.Node.Type().Kind() || leaf.Node.Type().Length() != wanted.Node.Type().Length() ||
			leaf.MaxDefinitionLevel != wanted.MaxDefinitionLevel || leaf.MaxRepetitionLevel != wanted.MaxRepetitionLevel {
			return fmt.Errorf("%w: its column %s is missing, or of another type", errTable, strings.Join(path, "."))
		}
	}
	return nil
}

// checkFooter checks that the footer of a Parquet file claims no more data than it has.
func checkFooter(r io.ReaderAt, size int64) error {
	const magic = "PAR1"
	var end [8]byte
	if size < 12 {
		return errTable
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(end[:4]))
	if string(end[4:]) != magic || n > min(maxFooter, size-12) {
		return errTable
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	c := compact{b: footer}
	if c.structure(0, nil); c.bad {
		return errTable
	}
	return nil
}

// checkGroup checks the headers of all pages of a row group, so that no page takes too much memory.
func checkGroup(r io.ReaderAt, size int64, g *format.RowGroup) error {
	for i := range g.Columns {
		if err := checkChunk(r, size, &g.Columns[i].MetaData); err != nil {
			return err
		}
	}
	return nil
}

// checkChunk checks the headers of a column's pages in one row group.
func checkChunk(r io.ReaderAt, size int64, m *format.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		at = min(at, m.DictionaryPageOffset)
	}
	if at < 4 || m.TotalCompressedSize < 0 || m.TotalCompressedSize > size-8-at || m.NumValues < 0 {
		return errTable
	}
	if m.Codec != format.Zstd {
		return fmt.Errorf("%w: packed in a way that peel does not write", errTable)
	}
	end := at + m.TotalCompressedSize
	var values int64
	for at < end {
		h, err := readPageHeader(r, at, end)
		switch {
		case err != nil:
			return err
		case h.packed < 0 || h.unpacked < 0 || h.unpacked > maxPage || h.values < 0:
			return fmt.Errorf("%w: a page of %d bytes", errTable, h.unpacked)
		case !slices.Contains([]int64{int64(format.Plain), int64(format.RLE), int64(format.RLEDictionary)}, h.encoding):
			return fmt.Errorf("%w: an encoding that peel does not write", errTable)
		case h.kind == int64(format.DataPage):
			values += h.values
		case h.kind != int64(format.DictionaryPage) || h.values > m.NumValues:
			return fmt.Errorf("%w: a page of another kind", errTable)
		}
		if h.packed > end-at-h.size {
			return errTable
		}
		page := make([]byte, h.packed)
		if _, err := r.ReadAt(page, at+h.size); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !holds(page, h.unpacked) {
			return fmt.Errorf("%w: a page that unpacks to another size than it says", errTable)
		}
		at += h.size + h.packed
	}
	if at != end || values != m.NumValues {
		return errTable
	}
	return nil
}

// holds reports whether a page is one zstd frame that states this uncompressed size, which the
// library enforces. A frame of one or two blocks needn't state it, because a block has at most 128
// KiB. Source: RFC 8878, section 3.1.1.
func holds(page []byte, unpacked int64) bool {
	var h zstd.Header
	if err := h.Decode(page); err != nil || h.Skippable || h.HasFCS && h.FrameContentSize != uint64(unpacked) || h.DictionaryID != 0 {
		return false
	}
	blocks := 0
	for rest := page[h.HeaderSize:]; len(rest) >= 3; {
		if blocks++; blocks > 2 && !h.HasFCS {
			return false
		}
		block := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		last, kind, size := block&1 == 1, block>>1&3, block>>3
		if kind == 1 { // one byte, repeated
			size = 1
		}
		if rest = rest[3:]; size > len(rest) {
			return false
		}
		if rest = rest[size:]; last {
			end := 0
			if h.HasCheckSum {
				end = 4
			}
			return len(rest) == end
		}
	}
	return false
}

// A pageHeader is what the header of a page claims.
type pageHeader struct {
	size             int64 // of the header itself
	kind             int64
	packed, unpacked int64 // bytes of the page
	values, encoding int64
}

// readPageHeader reads the header of the page at a position; the column ends at end. Source:
// parquet-format, parquet.thrift, PageHeader.
func readPageHeader(r io.ReaderAt, at, end int64) (h pageHeader, err error) {
	for _, most := range []int64{512, maxPageHeader} { // statistics of long text need more
		b := make([]byte, min(most, end-at))
		if _, err := r.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return h, err
		}
		c := compact{b: b}
		h = pageHeader{unpacked: -1, packed: -1, values: -1}
		c.structure(0, func(path [2]int64, v int64) {
			switch path {
			case [2]int64{1}:
				h.kind = v
			case [2]int64{2}:
				h.unpacked = v
			case [2]int64{3}:
				h.packed = v
			case [2]int64{5, 1}, [2]int64{7, 1}:
				h.values = v
			case [2]int64{5, 2}, [2]int64{7, 2}:
				h.encoding = v
			}
		})
		if !c.bad {
			h.size = int64(len(b) - len(c.b))
			return h, nil
		}
	}
	return h, errTable
}

// compact parses Thrift's compact protocol without allocating memory. Source: Thrift,
// thrift-compact-protocol.md.
type compact struct {
	b    []byte
	bad  bool
	path [2]int64 // numbers of the enclosing fields, the outer one first
}

// The types of the protocol.
const (
	compactTrue = 1 + iota
	compactFalse
	compactByte
	compactI16
	compactI32
	compactI64
	compactDouble
	compactBinary
	compactList
	compactSet
	compactMap
	compactStruct
)

// structure parses a structure, nested to this depth. It calls number, if not nil, with the
// integers in the structure and in structures that are its fields.
func (c *compact) structure(depth int, number func(path [2]int64, v int64)) {
	if depth > maxNesting {
		c.fail()
		return
	}
	var id int64
	for !c.bad {
		head := c.byte()
		if head == 0 {
			break
		}
		if delta := int64(head >> 4); delta > 0 {
			id += delta
		} else {
			id = c.varint()
		}
		if depth < len(c.path) {
			c.path[depth] = id
		}
		inner := number
		if depth >= len(c.path) {
			inner = nil
		}
		c.value(head&15, depth, inner)
	}
	if depth < len(c.path) {
		c.path[depth] = 0
	}
}

// value parses a value of a type.
func (c *compact) value(kind byte, depth int, number func(path [2]int64, v int64)) {
	switch kind {
	case compactTrue, compactFalse:
	case compactByte:
		c.byte()
	case compactI16, compactI32, compactI64:
		v := c.varint()
		if number != nil && !c.bad {
			number(c.path, v)
		}
	case compactDouble:
		c.skip(8)
	case compactBinary:
		c.skip(c.uvarint())
	case compactList, compactSet:
		head := c.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = c.uvarint()
		}
		if n > maxListed || n > uint64(len(c.b)) {
			c.fail()
			return
		}
		for range n {
			if kind := head & 15; kind == compactTrue || kind == compactFalse {
				c.byte() // in a list, they take a byte
			} else {
				c.value(kind, depth+1, nil)
			}
		}
	case compactStruct:
		c.structure(depth+1, number)
	default: // files have no maps
		c.fail()
	}
}

func (c *compact) fail() { c.b, c.bad = nil, true }

func (c *compact) byte() byte {
	if len(c.b) == 0 {
		c.fail()
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *compact) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *compact) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (c *compact) skip(n uint64) {
	if n > uint64(len(c.b)) {
		c.fail()
		return
	}
	c.b = c.b[n:]
}
