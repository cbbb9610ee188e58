package packages

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// Go programs record the modules that they were built from. debug/buildinfo needs random access;
// this code reads a stream, so that large programs need not be copied. The headers at the start
// say where to look: in a writable segment, usually the first one. Source: debug/buildinfo,
// cmd/link/internal/ld/data.go (buildinfo).
var goProgram = &kind{name: "go", typ: "go", programs: true, most: maxProgram, draw: drawGo}

const (
	buildInfoMagic = "\xff Go buildinf:"
	buildInfoAlign = 16
	buildInfoSize  = 32
	maxBuildInfo   = 4 << 20
	maxSegment     = 64 << 20 // bytes of it that are searched
	maxSegments    = 8
	maxElfHeaders  = 64 << 10
)

func drawGo(f *Facts, p string, content io.Reader) error {
	segments, at := writableSegments(content)
	var version, mod string
	var old, ok bool
	for _, s := range segments {
		// A file that is shorter than its headers say is not a program.
		if ok || s.start < at || skip(content, s.start-at) != nil {
			break
		}
		passing := &counted{r: io.LimitReader(content, min(s.size, maxSegment))}
		version, mod, old, ok = findBuildInfo(passing)
		at = s.start + passing.n
	}
	if !ok {
		return nil
	}
	if old {
		f.any = true
		return errors.New("built by Go before 1.18: its build information was not read")
	}
	info, err := debug.ParseBuildInfo(mod)
	if err != nil {
		f.any = true
		return errors.New("its build information cannot be read")
	}
	name, release := info.Main.Path, info.Main.Version
	switch {
	case name == "" && strings.HasPrefix(info.Path, "cmd/"): // Go's own tools
		name, release = info.Path, version
	case name == "":
		name = info.Path
	}
	if name == "" || name == "command-line-arguments" {
		name = path.Base(p)
	}
	if release == "(devel)" {
		release = ""
	}
	f.pkg(name, release, "", "")
	f.self()
	return nil
}

// skip skips n bytes.
func skip(content io.Reader, n int64) error {
	if s, ok := content.(interface{ Skip(n int64) error }); ok {
		return s.Skip(n)
	}
	_, err := io.CopyN(io.Discard, content, n)
	return err
}

// A segment is a byte range of a program file.
type segment struct{ start, size int64 }

// counted counts bytes read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// writableSegments parses the headers of an ELF file. It returns the segments that are writable
// but not executable, in the order of the file, and the number of bytes read.
func writableSegments(content io.Reader) (out []segment, read int64) {
	var head [elfHeader]byte
	n, err := io.ReadFull(content, head[:])
	if err != nil || string(head[:4]) != elf.ELFMAG {
		return nil, 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	wide := elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS64
	var off, each, count int64
	if wide {
		off, each, count = int64(order.Uint64(head[32:])), int64(order.Uint16(head[54:])), int64(order.Uint16(head[56:]))
	} else {
		off, each, count = int64(order.Uint32(head[28:])), int64(order.Uint16(head[42:])), int64(order.Uint16(head[44:]))
	}
	if off < int64(n) && !(off == 52 && !wide) || off > maxElfHeaders || each < 32 || each*count > maxElfHeaders {
		return nil, 0
	}
	b := append(make([]byte, 0, off+each*count), head[:]...)
	rest := make([]byte, max(0, off+each*count-int64(n)))
	if _, err := io.ReadFull(content, rest); err != nil {
		return nil, 0
	}
	b = append(b, rest...)
	for i := range count {
		p := b[off+i*each:]
		var kind, flags uint32
		var start, size int64
		if wide {
			if each < 56 {
				break
			}
			kind, flags = order.Uint32(p), order.Uint32(p[4:])
			start, size = int64(order.Uint64(p[8:])), int64(order.Uint64(p[32:]))
		} else {
			kind, flags = order.Uint32(p), order.Uint32(p[24:])
			start, size = int64(order.Uint32(p[4:])), int64(order.Uint32(p[16:]))
		}
		if elf.ProgType(kind) == elf.PT_LOAD && elf.ProgFlag(flags)&(elf.PF_X|elf.PF_W) == elf.PF_W && start > 0 && size > 0 {
			out = append(out, segment{start, size})
		}
	}
	slices.SortFunc(out, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	return out[:min(len(out), maxSegments)], int64(len(b))
}

// elfHeader is the length of the header of a 64-bit file.
const elfHeader = 64

// findBuildInfo searches for the linker's header at multiples of 16 bytes.
func findBuildInfo(r io.Reader) (version, mod string, old, ok bool) {
	const chunk = 64 << 10
	room, _ := segmentBuffers.Get().(*[2 * chunk]byte) // the pool has only these
	defer segmentBuffers.Put(room)
	buf := room[:0]
	base := int64(0) // offset of buf in the segment
	for {
		n, err := io.ReadFull(r, buf[len(buf):min(len(buf)+chunk, cap(buf))])
		buf = buf[:len(buf)+n]
		for from := 0; ; {
			i := bytes.Index(buf[from:], []byte(buildInfoMagic))
			if i < 0 || from+i+buildInfoSize > len(buf) {
				break
			}
			at := from + i
			from = at + 1
			if (base+int64(at))%buildInfoAlign != 0 || buf[at+14] != 0 && buf[at+15]&2 == 0 && buf[at+14] != 4 && buf[at+14] != 8 {
				continue
			}
			if buf[at+15]&2 == 0 {
				return "", "", true, true
			}
			if version, mod, ok = readBuildInfo(buf[at+buildInfoSize:], r); ok {
				return version, mod, false, true
			}
			return "", "", false, false
		}
		if err != nil || n == 0 {
			return "", "", false, false
		}
		keep := min(len(buf), 2*buildInfoSize)
		drop := (len(buf) - keep) &^ (buildInfoAlign - 1)
		base += int64(drop)
		buf = append(buf[:0], buf[drop:]...)
	}
}

var segmentBuffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// readBuildInfo reads the two strings after the header; buf has the start, and the rest follows.
func readBuildInfo(here []byte, more io.Reader) (version, mod string, ok bool) {
	r := io.LimitReader(io.MultiReader(bytes.NewReader(here), more), maxBuildInfo)
	all := &byteReader{r: r}
	for _, s := range []*string{&version, &mod} {
		n, err := binary.ReadUvarint(all)
		if err != nil || n > maxBuildInfo {
			return "", "", false
		}
		b, err := io.ReadAll(io.LimitReader(r, int64(n)))
		if err != nil || uint64(len(b)) != n {
			return "", "", false
		}
		*s = string(b)
	}
	if len(mod) >= 33 && mod[len(mod)-17] == '\n' { // surrounded by markers of 16 bytes
		mod = mod[16 : len(mod)-16]
	} else {
		mod = ""
	}
	return version, mod, true
}

type byteReader struct{ r io.Reader }

func (b *byteReader) ReadByte() (byte, error) {
	var one [1]byte
	_, err := io.ReadFull(b.r, one[:])
	return one[0], err
}
