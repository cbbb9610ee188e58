package testkit

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

const blockSize = 512

// Tar returns the layer as an uncompressed tar. It is written by hand, block by block, since
// archive/tar refuses to write most of what the tests need.
func (l *Layer) Tar() []byte {
	if l.End == "zero" {
		return nil
	}
	var w tarWriter
	for i := range l.Entries {
		w.entry(&l.Entries[i])
	}
	switch l.End {
	case "none":
	case "one":
		w.zeros(blockSize)
	case "padded":
		w.zeros(2*blockSize + 10240 - w.Len()%10240)
	default:
		w.zeros(2 * blockSize)
	}
	return w.Bytes()
}

type tarWriter struct{ bytes.Buffer }

func (w *tarWriter) zeros(n int) { w.Write(make([]byte, n)) }

// body writes b and pads it to a whole block.
func (w *tarWriter) body(b []byte) {
	w.Write(b)
	w.zeros((blockSize - len(b)%blockSize) % blockSize)
}

// entry writes all blocks of e: the dialect's extensions, the header, and the content.
func (w *tarWriter) entry(e *Entry) {
	switch e.Type {
	case 'R':
		w.body(e.Raw)
		return
	case 'g':
		w.special('g', "GlobalHead.0.0/pax_global_header", paxRecords(e.PAX))
		return
	}
	h := header{
		name: e.Name, link: e.Link, flag: e.Type, mode: e.Mode, uid: e.UID, gid: e.GID,
		size: e.Size, mtime: e.Time.Unix(), uname: e.Uname, gname: e.Gname,
		major: e.Major, minor: e.Minor, dialect: e.Dialect, base256: e.Base256, badSum: e.BadSum,
	}
	if e.Claims != 0 {
		h.size = e.Claims
	}
	body := e.Content()
	records := map[string]string{}
	for name, value := range e.Xattrs {
		records["SCHILY.xattr."+name] = value
	}
	maps.Copy(records, e.PAX)
	if e.Sparse != "" {
		body = w.sparse(e, &h, records)
	}
	if e.Flag != 0 {
		h.flag = e.Flag
	}
	w.long(e, &h, records)
	if len(records) > 0 {
		w.special('x', "PaxHeaders.0/"+strings.ToValidUTF8(cut(h.name, 80), "_"), paxRecords(records))
		h.dialect = "ustar"
	}
	w.Write(h.block())
	if h.gnuSparse != nil {
		w.Write(h.gnuSparse.extensions())
	}
	w.body(body)
}

// long puts values that don't fit into the header into the dialect's extension.
func (w *tarWriter) long(e *Entry, h *header, records map[string]string) {
	if e.Dialect == "gnu" {
		if len(h.link) > 100 {
			w.special('K', "././@LongLink", []byte(h.link+"\x00"))
			h.link = cut(h.link, 100)
		}
		if len(h.name) > 100 {
			w.special('L', "././@LongLink", []byte(h.name+"\x00"))
			h.name = cut(h.name, 100)
		}
		return
	}
	if e.Dialect != "" && e.Dialect != "pax" {
		return
	}
	put := func(name, value string, wanted bool) {
		if _, given := records[name]; wanted && !given {
			records[name] = value
		}
	}
	put("path", h.name, len(h.name) > 100)
	put("linkpath", h.link, len(h.link) > 100)
	h.name, h.link = cut(h.name, 100), cut(h.link, 100)
	if e.Base256 {
		return
	}
	for name, n := range map[string]*int64{"uid": &h.uid, "gid": &h.gid} {
		if *n >= 1<<21 {
			put(name, strconv.FormatInt(*n, 10), true)
			*n = 0
		}
	}
	if nsec := e.Time.Nanosecond(); nsec != 0 {
		put("mtime", fmt.Sprintf("%d.%09d", h.mtime, nsec), true)
	}
	if h.mtime < 0 || h.mtime >= 1<<33 {
		put("mtime", strconv.FormatInt(h.mtime, 10), true)
		h.mtime = 0
	}
}

// special writes a member that describes the ones after it.
func (w *tarWriter) special(flag byte, name string, body []byte) {
	h := header{name: name, flag: flag, mode: 0o644, size: int64(len(body))}
	w.Write(h.block())
	w.body(body)
}

// paxRecords formats the records as "LENGTH KEY=VALUE\n", sorted by key.
func paxRecords(records map[string]string) []byte {
	var b bytes.Buffer
	for _, key := range sortedKeys(records) {
		rest := len(key) + len(records[key]) + 3
		n := rest + len(strconv.Itoa(rest))
		if len(strconv.Itoa(n)) != len(strconv.Itoa(rest)) {
			n = rest + len(strconv.Itoa(n))
		}
		fmt.Fprintf(&b, "%d %s=%s\n", n, key, records[key])
	}
	return b.Bytes()
}

// header is the content of one header block.
type header struct {
	name, link      string
	flag            byte
	mode, uid, gid  int64
	size, mtime     int64
	uname, gname    string
	major, minor    int64
	dialect         string
	base256, badSum bool
	gnuSparse       *gnuSparse
}

// block returns the header as 512 bytes, and cuts off what doesn't fit.
func (h *header) block() []byte {
	b := make([]byte, blockSize)
	copy(b[0:100], h.name)
	h.number(b[100:108], h.mode, false)
	h.number(b[108:116], h.uid, h.base256)
	h.number(b[116:124], h.gid, h.base256)
	h.number(b[124:136], h.size, h.base256)
	h.number(b[136:148], h.mtime, h.base256)
	b[156] = h.flag
	copy(b[157:257], h.link)
	switch h.dialect {
	case "v7":
		if h.flag == '0' || h.flag == '5' {
			b[156] = 0 // the slash at the end of the name marks a directory
		}
	case "gnu":
		copy(b[257:], "ustar  \x00")
	default:
		copy(b[257:], "ustar\x0000")
	}
	if h.dialect != "v7" {
		copy(b[265:297], h.uname)
		copy(b[297:329], h.gname)
		h.number(b[329:337], h.major, h.base256)
		h.number(b[337:345], h.minor, h.base256)
	}
	if h.dialect == "ustar" && len(h.name) > 100 {
		if i := strings.LastIndexByte(h.name[:len(h.name)-1], '/'); i >= 0 {
			clear(b[0:100])
			copy(b[0:100], h.name[i+1:])
			copy(b[345:500], h.name[:i])
		}
	}
	if h.gnuSparse != nil {
		h.gnuSparse.fill(b)
	}
	copy(b[148:156], "        ")
	var sum int64
	for _, c := range b {
		sum += int64(c)
	}
	if h.badSum {
		sum++
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// number writes n in octal, or in base 256 if requested or needed.
func (h *header) number(field []byte, n int64, binary bool) {
	digits := len(field) - 1
	if !binary && n >= 0 && n < 1<<(3*digits) {
		copy(field, fmt.Sprintf("%0*o\x00", digits, n))
		return
	}
	for i := len(field) - 1; i >= 0; i-- {
		field[i] = byte(n)
		n >>= 8
	}
	field[0] |= 0x80
}

func cut(s string, n int) string { return s[:min(n, len(s))] }
