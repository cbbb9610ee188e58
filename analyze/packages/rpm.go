package packages

import (
	"errors"
	"io"
	"path"
	"slices"
	"strings"
)

// RPM's packages: one database with a header per package, in one of three formats, in
// /var/lib/rpm or a newer path. The headers are parsed here and not by a library: go-rpmdb, which
// the tests compare with, crashes and hangs on hostile databases, in goroutines of its own, and
// needs a named file. Sources: rpm's lib/backend, lib/header.c; include/rpm/rpmtag.h.
var (
	rpmDatabase = &kind{
		name: "rpm", typ: "rpm", names: []string{"rpmdb.sqlite", "Packages", "Packages.db"}, most: maxFile,
		fits:   inRpmDir,
		drawAt: drawRpm,
	}
	rpmLog = &kind{
		name: "rpm-wal", typ: "rpm", names: []string{"rpmdb.sqlite-wal"}, most: maxFile,
		fits:   inRpmDir,
		drawAt: drawRpmLog,
	}
)

// rpmDirs are the folders of the database.
var rpmDirs = []string{"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"}

func inRpmDir(p string) bool { return slices.Contains(rpmDirs, path.Dir(p)) }

// The relevant tags of a header.
const (
	rpmName       = 1000
	rpmVersion    = 1001
	rpmRelease    = 1002
	rpmEpoch      = 1003
	rpmArch       = 1022
	rpmOldNames   = 1027
	rpmDirIndexes = 1116
	rpmBaseNames  = 1117
	rpmDirNames   = 1118
)

// Limits on a header.
const (
	maxRpmHeader = 64 << 20
	maxRpmTags   = 1 << 16
	maxRpmFiles  = 1 << 20
)

// errRpm says that data is malformed.
var errRpm = errors.New("a damaged database of rpm")

func drawRpm(f *Facts, _ string, content io.ReaderAt, size int64) error {
	var head [20]byte
	if _, err := content.ReadAt(head[:], 0); err != nil {
		return errRpm
	}
	each := eachBerkeley
	switch {
	case string(head[:15]) == "SQLite format 3":
		each = eachSQLite
	case string(head[:4]) == "RpmP":
		each = eachNDB
	}
	bad := 0
	err := each(content, size, func(blob []byte) {
		if f.full() {
			return
		}
		if err := f.rpmHeader(blob); err != nil {
			bad++
		}
	})
	switch {
	case err != nil:
		return err
	case f.full():
		return errors.New("more packages than are read")
	case bad > 0:
		return errors.New("damaged package headers were skipped")
	case !f.any:
		return errors.New("no package in it")
	}
	return nil
}

// drawRpmLog records that SQLite's log next to the database is not empty: the latest packages may
// only be there.
func drawRpmLog(_ *Facts, _ string, _ io.ReaderAt, size int64) error {
	if size <= walHeader {
		return nil
	}
	return errors.New("recent changes are not in rpmdb.sqlite yet, so packages may be missing or outdated")
}

const walHeader = 32

// header is an index of tags and their data.
type header struct {
	index, data []byte
}

// rpmHeader converts one header to facts.
func (f *Facts) rpmHeader(b []byte) error {
	if len(b) < 8 {
		return errRpm
	}
	tags, size := int64(be32(b)), int64(be32(b[4:]))
	if tags > maxRpmTags || 8+tags*16+size > int64(len(b)) {
		return errRpm
	}
	h := &header{index: b[8 : 8+tags*16], data: b[8+tags*16 : 8+tags*16+size]}
	name := h.text(rpmName)
	if name == "" {
		return errRpm
	}
	version := h.text(rpmVersion)
	if release := h.text(rpmRelease); release != "" {
		version += "-" + release
	}
	if epoch := h.numbers(rpmEpoch); len(epoch) > 0 {
		version = decimal(epoch[0]) + ":" + version
	}
	f.pkg(name, version, h.text(rpmArch), "")
	bases, dirs, at := h.texts(rpmBaseNames), h.texts(rpmDirNames), h.numbers(rpmDirIndexes)
	for i, base := range bases {
		if i < len(at) && int64(at[i]) < int64(len(dirs)) {
			f.file(dirs[at[i]] + base)
		}
	}
	if len(bases) == 0 {
		for _, p := range h.texts(rpmOldNames) {
			f.file(p)
		}
	}
	return nil
}

// tag returns the data of a tag and its number of values. The last one counts, because changed
// data is appended.
func (h *header) tag(tag uint32) (data []byte, kind, count uint32) {
	for i := 0; i+16 <= len(h.index); i += 16 {
		e := h.index[i:]
		if be32(e) != tag {
			continue
		}
		if off := int64(be32(e[8:])); off < int64(len(h.data)) {
			data, kind, count = h.data[off:], be32(e[4:]), be32(e[12:])
		}
	}
	return data, kind, min(count, maxRpmFiles)
}

// The types of tag values.
const (
	rpmInt32       = 4
	rpmString      = 6
	rpmStringArray = 8
	rpmI18nString  = 9
)

func (h *header) text(tag uint32) string {
	data, kind, _ := h.tag(tag)
	if kind != rpmString && kind != rpmI18nString && kind != rpmStringArray {
		return ""
	}
	text, _, _ := strings.Cut(string(data[:min(len(data), maxName)]), "\x00")
	return text
}

func (h *header) texts(tag uint32) []string {
	data, kind, count := h.tag(tag)
	if kind != rpmStringArray && kind != rpmString {
		return nil
	}
	var out []string
	for rest := string(data); count > 0 && rest != ""; count-- {
		text, more, ok := strings.Cut(rest, "\x00")
		if !ok {
			break
		}
		out, rest = append(out, text), more
	}
	return out
}

func (h *header) numbers(tag uint32) []uint32 {
	data, kind, count := h.tag(tag)
	if kind != rpmInt32 {
		return nil
	}
	var out []uint32
	for ; count > 0 && len(data) >= 4; count-- {
		out, data = append(out, be32(data)), data[4:]
	}
	return out
}
