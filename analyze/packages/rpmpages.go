package packages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
)

// The three formats of rpm's headers. Each function calls fn with every header, which is valid
// until fn returns. All of them read at most as many bytes as the file has, whatever it claims.

func be32(b []byte) uint32    { return binary.BigEndian.Uint32(b) }
func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
func readAt(r io.ReaderAt, b []byte, off int64) error {
	if n, err := r.ReadAt(b, off); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			return errRpm
		}
		return err
	}
	return nil
}

// eachNDB reads rpm's own format: pages of slots, each of which locates a header in blocks of 16
// bytes. Source: rpm, lib/backend/ndb/rpmpkg.c.
func eachNDB(r io.ReaderAt, size int64, fn func([]byte)) error {
	const (
		page, slot, block = 4096, 16, 16
		mostPages         = 4096
	)
	var head [32]byte
	if err := readAt(r, head[:], 0); err != nil {
		return err
	}
	pages := int64(binary.LittleEndian.Uint32(head[12:]))
	if binary.LittleEndian.Uint32(head[4:]) != 0 || pages == 0 || pages > mostPages || pages*page > size {
		return errRpm
	}
	slots := make([]byte, pages*page-32)
	if err := readAt(r, slots, 32); err != nil {
		return err
	}
	left := size
	for ; len(slots) >= slot; slots = slots[slot:] {
		if string(slots[:4]) != "Slot" {
			return errRpm
		}
		index := binary.LittleEndian.Uint32(slots[4:])
		if index == 0 {
			continue
		}
		at := int64(binary.LittleEndian.Uint32(slots[8:])) * block
		var blob [16]byte
		if err := readAt(r, blob[:], at); err != nil {
			return err
		}
		n := int64(binary.LittleEndian.Uint32(blob[12:]))
		if string(blob[:4]) != "BlbS" || binary.LittleEndian.Uint32(blob[4:]) != index || n > maxRpmHeader || n > left {
			return errRpm
		}
		left -= n
		b := make([]byte, n)
		if err := readAt(r, b, at+16); err != nil {
			return err
		}
		fn(b)
	}
	return nil
}

// eachBerkeley reads a Berkeley DB hash: its values, the headers, are in chains of separate
// pages. Source: libdb, src/dbinc/db_page.h.
func eachBerkeley(r io.ReaderAt, size int64, fn func([]byte)) error {
	const (
		magic             = 0x061561
		pageHeader        = 26
		unsorted, hash    = 2, 13
		overflow, offPage = 7, 3
	)
	var meta [72]byte
	if err := readAt(r, meta[:], 0); err != nil {
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(meta[12:]) != magic {
		order = binary.BigEndian
	}
	pageSize := int64(order.Uint32(meta[20:]))
	if order.Uint32(meta[12:]) != magic || pageSize < 512 || pageSize > 64<<10 || pageSize&(pageSize-1) != 0 {
		return errors.New("not a known kind of rpm database")
	}
	pages := size / pageSize
	left := pages // left for chains
	page, chained := make([]byte, pageSize), make([]byte, pageSize)
	var value []byte
	for n := int64(1); n < pages; n++ {
		if err := readAt(r, page, n*pageSize); err != nil {
			return err
		}
		if page[25] != hash && page[25] != unsorted {
			continue
		}
		entries := int64(order.Uint16(page[20:]))
		if pageHeader+2*entries > pageSize {
			return errRpm
		}
		for i := int64(1); i < entries; i += 2 { // keys and values alternate
			at := int64(order.Uint16(page[pageHeader+2*i:]))
			if at+12 > pageSize || page[at] != offPage {
				continue
			}
			next, length := int64(order.Uint32(page[at+4:])), int64(order.Uint32(page[at+8:]))
			if length > maxRpmHeader {
				return errRpm
			}
			value = value[:0]
			for next != 0 && int64(len(value)) < length {
				if left--; left < 0 || next >= pages {
					return errRpm
				}
				if err := readAt(r, chained, next*pageSize); err != nil {
					return err
				}
				if chained[25] != overflow {
					return errRpm
				}
				value = append(value, chained[pageHeader:]...)
				next = int64(order.Uint32(chained[16:]))
			}
			if int64(len(value)) < length {
				return errRpm
			}
			fn(value[:length])
		}
	}
	return nil
}

// sqlite reads the tables of an SQLite database in order. Source:
// https://www.sqlite.org/fileformat2.html.
type sqlite struct {
	r      io.ReaderAt
	page   int64 // bytes
	usable int64 // usable bytes of a page
	pages  int64
	left   int64 // pages left to read
}

// eachSQLite reads the last column of the table Packages.
func eachSQLite(r io.ReaderAt, size int64, fn func([]byte)) error {
	var head [100]byte
	if err := readAt(r, head[:], 0); err != nil {
		return err
	}
	s := &sqlite{r: r, page: int64(binary.BigEndian.Uint16(head[16:]))}
	if s.page == 1 {
		s.page = 64 << 10
	}
	s.usable = s.page - int64(head[20])
	if s.page < 512 || s.page&(s.page-1) != 0 || s.usable < 480 {
		return errRpm
	}
	s.pages = size / s.page
	s.left = 2*s.pages + 2
	root := int64(0)
	err := s.walk(1, 0, func(row []byte) {
		columns := sqliteColumns(row)
		if len(columns) >= 4 && string(columns[0]) == "table" && string(columns[1]) == "Packages" && len(columns[3]) <= 8 {
			root = 0
			for _, b := range columns[3] {
				root = root<<8 | int64(b)
			}
		}
	})
	if err != nil {
		return err
	}
	if root == 0 {
		return errors.New("not a database of rpm: it has no table Packages")
	}
	return s.walk(root, 0, func(row []byte) {
		if columns := sqliteColumns(row); len(columns) > 0 {
			fn(columns[len(columns)-1])
		}
	})
}

const maxSQLiteDepth = 20

// walk calls fn with the rows of the table with this root page.
func (s *sqlite) walk(page int64, depth int, fn func(row []byte)) error {
	if s.left--; s.left < 0 || page < 1 || page > s.pages || depth > maxSQLiteDepth {
		return errRpm
	}
	b := make([]byte, s.page)
	if err := readAt(s.r, b, (page-1)*s.page); err != nil {
		return err
	}
	at := int64(0)
	if page == 1 {
		at = 100
	}
	const interior, leaf = 5, 13
	kind, cells := b[at], int64(binary.BigEndian.Uint16(b[at+3:]))
	pointers := at + 8
	if kind == interior {
		pointers += 4
	} else if kind != leaf {
		return errRpm
	}
	if pointers+2*cells > s.page {
		return errRpm
	}
	for i := range cells {
		cell := int64(binary.BigEndian.Uint16(b[pointers+2*i:]))
		if cell+4 > s.page {
			return errRpm
		}
		if kind == interior {
			if err := s.walk(int64(be32(b[cell:])), depth+1, fn); err != nil {
				return err
			}
			continue
		}
		row, err := s.row(b[cell:s.usable])
		if err != nil {
			return err
		}
		fn(row)
	}
	if kind == interior {
		return s.walk(int64(be32(b[at+8:])), depth+1, fn)
	}
	return nil
}

// row returns the bytes of a row, which starts in its cell and may continue on overflow pages.
func (s *sqlite) row(cell []byte) ([]byte, error) {
	size, n := sqliteVarint(cell)
	_, m := sqliteVarint(cell[min(n, len(cell)):])
	if n == 0 || m == 0 || size > maxRpmHeader {
		return nil, errRpm
	}
	cell = cell[n+m:]
	here := int64(size)
	if most := s.usable - 35; here > most {
		least := (s.usable-12)*32/255 - 23
		if here = least + (int64(size)-least)%(s.usable-4); here > most {
			here = least
		}
	}
	if here > int64(len(cell)) {
		return nil, errRpm
	}
	if here == int64(size) {
		return cell[:here], nil
	}
	if here+4 > int64(len(cell)) {
		return nil, errRpm
	}
	row := bytes.Clone(cell[:here])
	next := int64(be32(cell[here:]))
	b := make([]byte, s.usable)
	for int64(len(row)) < int64(size) {
		if s.left--; s.left < 0 || next < 1 || next > s.pages {
			return nil, errRpm
		}
		if err := readAt(s.r, b, (next-1)*s.page); err != nil {
			return nil, err
		}
		next = int64(be32(b))
		row = append(row, b[4:min(s.usable, 4+int64(size)-int64(len(row)))]...)
	}
	return row, nil
}

// sqliteColumns returns the bytes of each column; numbers are big-endian, and those that are 0 or
// 1 by their type are empty.
func sqliteColumns(row []byte) (out [][]byte) {
	length, n := sqliteVarint(row)
	if n == 0 || length > uint64(len(row)) || uint64(n) > length {
		return nil
	}
	head, data := row[n:length], row[length:]
	sizes := [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}
	for len(head) > 0 {
		kind, n := sqliteVarint(head)
		if n == 0 {
			return nil
		}
		head = head[n:]
		size := (kind - 12) / 2
		if kind < 12 {
			size = sizes[kind]
		}
		if size > uint64(len(data)) {
			return nil
		}
		out = append(out, data[:size])
		data = data[size:]
	}
	return out
}

// sqliteVarint parses a varint of up to nine bytes; n is 0 if there is none.
func sqliteVarint(b []byte) (v uint64, n int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
