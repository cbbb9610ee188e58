//go:build dev

package main

import (
	"archive/tar"
	"hash/fnv"
	"strings"
	"time"
)

// Constructors for the layers in shop.go. Each returns a new entry, owned by root and as old as
// its step; the methods below change that.

func dir(name string) *entry { return &entry{name: name, kind: tar.TypeDir, mode: 0o755} }

func symlink(name, target string) *entry {
	return &entry{name: name, kind: tar.TypeSymlink, mode: 0o777, link: target}
}

func hardlink(name, target string) *entry {
	return &entry{name: name, kind: tar.TypeLink, mode: 0o644, link: target}
}

func file(name, body string) *entry {
	return &entry{name: name, kind: tar.TypeReg, mode: 0o644, body: []byte(body)}
}

// prose returns a text file of the given size in bytes; its words depend on its name.
func prose(name string, size int) *entry { return file(name, words(name, size)) }

// program returns an executable binary file of the given size in bytes.
func program(name string, size int) *entry { return blob(name, size).perm(0o755) }

// blob returns a binary file of the given size in bytes.
func blob(name string, size int) *entry { return file(name, noise(name, size)) }

// whiteout returns a whiteout that removes name from the layers below.
func whiteout(name string) *entry {
	i := strings.LastIndexByte(name, '/') + 1
	return file(name[:i]+".wh."+name[i:], "")
}

// opaque returns a directory that hides the layers below.
func opaque(name string) []*entry { return []*entry{dir(name), file(name+"/.wh..wh..opq", "")} }

func (e *entry) perm(mode int64) *entry { e.mode = mode; return e }

func (e *entry) own(uid, gid int) *entry { e.uid, e.gid = uid, gid; return e }

// dated sets the entry's own modification time, as COPY keeps a file's time from the build
// context.
func (e *entry) dated(t time.Time) *entry { e.time = t; return e }

// copied returns the entries as a later layer would have them after chown -R: owned by uid and
// gid, with the same contents and times.
func copied(entries []*entry, uid, gid int) []*entry {
	up := make([]*entry, len(entries))
	for i, e := range entries {
		c := *e
		up[i] = c.own(uid, gid)
	}
	return up
}

// dice is a small random number generator (SplitMix64), implemented here so that the sample's
// bytes depend on nothing but this file.
type dice uint64

func seeded(name string) *dice {
	h := fnv.New64a()
	h.Write([]byte(name))
	d := dice(h.Sum64())
	return &d
}

func (d *dice) roll() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

var vocabulary = strings.Fields(`a the of to and in is for on that by this with as be are it from or an
	basket order price item stock shelf parcel window street lamp paper river winter letter garden
	opens closes keeps sends finds counts carries returns small green early quiet open heavy plain`)

// words returns size bytes of text in lines of about 72 columns.
func words(name string, size int) string {
	var b strings.Builder
	d := seeded(name)
	for column := 0; b.Len() < size; {
		w := vocabulary[d.roll()%uint64(len(vocabulary))]
		if column += len(w) + 1; column > 72 {
			column = 0
			w += "\n"
		} else {
			w += " "
		}
		b.WriteString(w)
	}
	return b.String()[:size-1] + "\n"
}

// noise returns size bytes that resemble a program, with runs of all kinds.
func noise(name string, size int) string {
	b := make([]byte, size)
	d := seeded(name)
	for i := range b {
		b[i] = byte(d.roll())
	}
	copy(b, "\x7fELF\x02\x01\x01")
	return string(b)
}
