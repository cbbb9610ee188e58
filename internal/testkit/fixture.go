package testkit

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// A Fixture is the content of one .image file: an archive of one or more images, and the
// expected results.
type Fixture struct {
	Name     string // of the file, without .image
	Doc      string // its opening comment
	Only     []string
	Not      []string
	Refusals []Refusal
	Images   []*Image
}

// A Refusal is an image that must not open.
type Refusal struct {
	Tag, Platform string // "" if none is given
	Says          string // expected in the error
}

// An Image is one image of a fixture.
type Image struct {
	Tag      string // "fixture:1"
	Platform string // "linux/amd64", "windows/amd64:10.0.20348.2582+win32k"
	Absent   string // "absent": only its manifest is in the archive; "gone": nothing of it
	Steps    []Step // the config's history; nil for none
	Labels   map[string]string
	Env      []string // in addition to PATH
	User     string
	Layers   []*Layer // lowest first

	Healthcheck []string // test of the config's health check; nil for none

	// Want holds the lines of the sections with expected results, by section name, with white
	// space reduced to single spaces. A section that isn't in the file isn't in the map; an
	// empty one is an empty slice.
	Want map[string][]string
}

// A Step is one entry of an image's history.
type Step struct {
	Command string
	Empty   bool // it made no layer
}

// A Layer is one layer of an image.
type Layer struct {
	Entries []Entry
	As      string // one of Unreadable's keys, or "" to let the archive's shape decide
	End     string // end of the tar: "" or two, one, none, padded, zero
}

// An Entry is one member of a layer's tar, or a block of raw bytes.
type Entry struct {
	Type         byte // type flag as in archive/tar; 'g' for a global PAX header, 'R' for raw bytes
	Name, Link   string
	Mode         int64
	UID, GID     int64
	Uname, Gname string
	Time         time.Time
	Size         int64  // size of a file, including holes
	Text         string // content, if not empty
	Seed         string // varies the content of a file without Text
	Major, Minor int64
	Xattrs       map[string]string
	PAX          map[string]string // records, unchanged; a global header has only these
	Dialect      string            // "", ustar, pax, gnu, v7
	Sparse       string            // "", gnu, 0.0, 0.1, 1.0
	Data         []Span            // where a sparse file's data lies
	Base256      bool
	Flag         byte  // type byte to store, if not 0
	Claims       int64 // size to store in a header without data
	BadSum       bool
	Raw          []byte
}

// A Span is a range of a sparse file that has data.
type Span struct{ Offset, Length int64 }

// DefaultTime is the modification time of an entry without one.
var DefaultTime = time.Unix(1700000000, 0)

// IsFile reports whether e is a regular file with its own tar header.
func (e *Entry) IsFile() bool { return e.Type == '0' }

// Content returns the content that a reader of the file sees, with zeros for holes. It depends
// only on Size, Seed and Data: two files of the same size without a seed are the same.
func (e *Entry) Content() []byte {
	if !e.IsFile() {
		return nil
	}
	if e.Text != "" {
		return []byte(e.Text)
	}
	h := fnv.New64a()
	h.Write([]byte(e.Seed))
	r := rand.NewPCG(h.Sum64(), 1)
	b := make([]byte, e.Size)
	for i := range b {
		b[i] = byte(r.Uint64() >> 32) // as rand.Rand.Uint32 does, which takes three times as long
	}
	if e.Sparse == "" {
		return b
	}
	holed := make([]byte, e.Size)
	for _, s := range e.Data {
		copy(holed[s.Offset:s.Offset+s.Length], b[s.Offset:])
	}
	return holed
}

// Length returns the length of Content.
func (e *Entry) Length() int {
	switch {
	case !e.IsFile():
		return 0
	case e.Text != "":
		return len(e.Text)
	}
	return int(e.Size)
}

// Stored returns how many bytes of content the tar has for e: a sparse file's without its
// holes.
func (e *Entry) Stored() int64 {
	if !e.IsFile() {
		return 0
	}
	if e.Sparse == "" {
		return e.Size
	}
	var n int64
	for _, s := range e.Data {
		n += s.Length
	}
	return n
}

// Members returns the entries that a reader should see, with their PAX records applied: without
// raw bytes, global headers, unknown types, and eStargz's own files, which are recognised by
// the table of contents at the end.
func (l *Layer) Members() []Entry {
	var seen []Entry
	stargz := len(l.Entries) > 0 && l.Entries[len(l.Entries)-1].Name == "stargz.index.json"
	for _, e := range l.Entries {
		own := e.Name == "stargz.index.json" || e.Name == ".prefetch.landmark" || e.Name == ".no.prefetch.landmark"
		unknown := e.Flag != 0 && e.Flag != '7'
		if l.End == "zero" || stargz && own || unknown || e.Type == 'g' || e.Type == 'R' {
			continue
		}
		seen = append(seen, e.asPAXSays())
	}
	return seen
}

func (e Entry) asPAXSays() Entry {
	for key, value := range e.PAX {
		switch key {
		case "path":
			e.Name = value
		case "linkpath":
			e.Link = value
		case "uid":
			e.UID, _ = strconv.ParseInt(value, 10, 64)
		case "gid":
			e.GID, _ = strconv.ParseInt(value, 10, 64)
		case "mtime":
			e.Time, _ = unixTime(value)
		}
	}
	return e
}

// OS returns the operating system of the image's platform.
func (im *Image) OS() string { return im.parts()[0] }

// Arch returns the architecture, without its variant.
func (im *Image) Arch() string { return im.parts()[1] }

// Variant returns the architecture's variant, or "".
func (im *Image) Variant() string {
	if p := im.parts(); len(p) > 2 {
		return p[2]
	}
	return ""
}

func (im *Image) parts() []string {
	platform, _, _ := strings.Cut(im.Platform, ":")
	return strings.Split(platform, "/")
}

// OSVersion returns the operating system's version in the platform, or "".
func (im *Image) OSVersion() string {
	_, version, _ := strings.Cut(im.Platform, ":")
	version, _, _ = strings.Cut(version, "+")
	return version
}

// OSFeatures returns the operating system's features in the platform.
func (im *Image) OSFeatures() []string {
	_, version, _ := strings.Cut(im.Platform, ":")
	_, features, ok := strings.Cut(version, "+")
	if !ok {
		return nil
	}
	return strings.Split(features, "+")
}

// platform describes the image's platform in the form of a config or a descriptor.
func (im *Image) platform() object {
	p := object{"os": im.OS(), "architecture": im.Arch()}
	if v := im.Variant(); v != "" {
		p["variant"] = v
	}
	if v := im.OSVersion(); v != "" {
		p["os.version"] = v
	}
	if f := im.OSFeatures(); f != nil {
		p["os.features"] = f
	}
	return p
}
