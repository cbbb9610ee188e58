package packages

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/peelhq/peel/source"
)

// CollectorName is the name of the package collector. Change it whenever the facts of a file
// change.
const CollectorName = "packages/1"

// Limits on inspected files, in bytes.
const (
	maxText    = 32 << 20  // a text database
	maxFile    = 512 << 20 // a database with random access
	maxProgram = 16 << 30  // a program, which is mostly skipped
	leastGo    = 512 << 10 // minimum size of a Go program: an empty main, stripped, has 900 KiB
)

// A kind is one format of a database: a row of kinds.
type kind struct {
	name string // in the facts
	typ  string // of its packages: "dpkg"

	// A file has this kind if its base name is one of names or has one of suffixes, and if fits
	// accepts its clean path, which has no leading slash. programs selects files by mode instead.
	names, suffixes []string
	programs        bool
	fits            func(p string) bool

	most int64 // maximum size of an inspected file, in bytes

	// Exactly one is set: draw reads the content once, drawAt needs random access.
	draw   func(f *Facts, p string, content io.Reader) error
	drawAt func(f *Facts, p string, content io.ReaderAt, size int64) error
}

// kinds are all formats of databases. The first kind that fits a file counts.
var kinds = []*kind{
	dpkgStatus, dpkgStatusPart, dpkgList, dpkgPartList, dpkgDiversions,
	apkInstalled,
	rpmDatabase, rpmLog,
	pythonMetadata, pythonRecord, pythonEgg, pythonEggFiles, condaMeta,
	npmPackage, yarnZip,
	gemSpec,
	jarFile,
	goProgram,
}

// mayBe tells by the last two bytes of a name whether any kind accepts such names.
var mayBe = func() (table [1 << 16]bool) {
	for _, k := range kinds {
		for _, name := range append(append([]string{}, k.names...), k.suffixes...) {
			table[ending([]byte(name))] = true
		}
	}
	return table
}()

// ending returns the last two bytes of a name as a number.
func ending(name []byte) int {
	n := len(name)
	return int(name[n-2])<<8 | int(name[n-1])
}

// kindOf returns the kind of the file with that record, or nil.
func kindOf(r *source.Record) *kind {
	if len(r.Name) < 3 || r.Size == 0 {
		return nil
	}
	at := bytes.LastIndexByte(r.Name, '/') + 1
	if mayBe[ending(r.Name)] {
		base := r.Name[at:]
		clean := ""
		for _, k := range kinds {
			if !k.takes(base) {
				continue
			}
			if clean == "" {
				clean = cleanPath(string(r.Name))
			}
			if k.fits == nil || k.fits(clean) {
				return k
			}
		}
	}
	if bytes.HasSuffix(r.Name[:at], []byte("/status.d/")) && dpkgStatusPart.fits(cleanPath(string(r.Name))) {
		return dpkgStatusPart // its files are named after packages
	}
	if r.Mode&0o111 != 0 && r.Size >= leastGo && !r.Sparse {
		return goProgram
	}
	return nil
}

// takes reports whether the kind may accept a file with that base name.
func (k *kind) takes(base []byte) bool {
	for _, name := range k.names { //nolint:modernize // slices.Contains would copy the name
		if string(base) == name {
			return true
		}
	}
	for _, suffix := range k.suffixes {
		if len(base) > len(suffix) && string(base[len(base)-len(suffix):]) == suffix {
			return true
		}
	}
	return false
}

// cleanPath returns a stored name without a leading slash, "." for the root.
func cleanPath(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// Collector collects the facts of all databases.
func Collector() source.Collector {
	return source.Collector{
		Name:    CollectorName,
		Largest: maxProgram,
		Wants:   func(r *source.Record) bool { return kindOf(r) != nil },
		Placed: func(r *source.Record) bool {
			k := kindOf(r)
			return k != nil && k.drawAt != nil && r.Size <= k.most
		},
		DrawFile: drawFile,
	}
}

// drawFile collects the facts of one file. Problems are part of the facts instead of errors, so
// that a layer has the same flaws in every program.
func drawFile(r *source.Record, content io.Reader, at io.ReaderAt) ([]byte, error) {
	k := kindOf(r)
	if k == nil {
		return nil, nil
	}
	buf, _ := factBuffers.Get().(*[]byte) // the pool has only these
	f := &Facts{b: (*buf)[:0]}
	defer func() {
		if cap(f.b) <= maxFactBuffer {
			*buf = f.b
		}
		factBuffers.Put(buf)
	}()
	f.begin(k.name)
	err := k.drawAny(f, cleanPath(string(r.Name)), r.Size, content, at)
	if err != nil {
		f.problem(err.Error())
	}
	if k == goProgram && err == nil && !f.any {
		return nil, nil // it is not a Go program
	}
	return bytes.Clone(f.b), nil
}

// factBuffers are buffers for the facts of one file, of maxFactBuffer bytes at most.
var factBuffers = sync.Pool{New: func() any { return new([]byte) }}

const maxFactBuffer = 256 << 10

// drawAny collects facts in the way of the kind. A panic in a library that reads hostile bytes
// becomes a problem of the file.
func (k *kind) drawAny(f *Facts, p string, size int64, content io.Reader, at io.ReaderAt) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be read: %v", r)
		}
	}()
	switch {
	case size > k.most:
		return fmt.Errorf("not inspected: it has more than %d MiB", k.most>>20)
	case k.drawAt != nil && at != nil:
		return k.drawAt(f, p, at, size)
	case k.drawAt != nil:
		return errors.New("not inspected: it cannot be read from any place")
	}
	return k.draw(f, p, content)
}
