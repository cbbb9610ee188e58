package testkit

import (
	"math/rand/v2"
	"strings"
	"time"
)

// Dice make choices from the bytes they are made of, and from zeros when those run out. Both a
// fuzzer and a random generator can supply the bytes.
type Dice []byte

// Throw returns dice for a seed.
func Throw(seed uint64) *Dice {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make(Dice, 600)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return &b
}

// Roll returns a number from 0 to sides - 1; sides is at most 256.
func (d *Dice) Roll(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % sides
}

// Of returns one of the words.
func (d *Dice) Of(words ...string) string { return words[d.Roll(len(words))] }

// Image makes an image of a few layers with a few names, so that every collision of types
// occurs.
func (d *Dice) Image() *Image {
	im := &Image{Tag: "fixture:1", Platform: "linux/amd64", Want: map[string][]string{}}
	for range 1 + d.Roll(5) {
		l := &Layer{}
		if d.Roll(3) == 2 {
			d.aliases(l)
		}
		for range d.Roll(10) {
			l.Entries = append(l.Entries, d.entry())
		}
		im.Layers = append(im.Layers, l)
	}
	return im
}

// aliases adds names that lead through symlinks, so that one path has several names. Every pair
// of types then occurs on it, even with an engine that refuses the same name twice.
func (d *Dice) aliases(l *Layer) {
	for range d.Roll(4) {
		e := Entry{Type: '2', Name: d.Of("a", "b", "c") + d.Of("", "", "/a", "/b"), Mode: 0o777, Time: DefaultTime}
		e.Link = d.link()
		l.Entries = append(l.Entries, e)
	}
}

// link returns the target of a symlink.
func (d *Dice) link() string {
	return d.Of("a", "b", "c", "a/b", "/a", "/c/b", "../a", "../../b", "b/..", "a//./c/", "/", ".", "no/../a", "/no/such")
}

// path returns one to three names out of three, sometimes in an unusual form.
func (d *Dice) path() string {
	parts := make([]string, 1+d.Roll(3))
	for i := range parts {
		parts[i] = d.Of("a", "b", "c")
	}
	p := strings.Join(parts, d.Of("/", "/", "/", "/", "/", "/", "//", "/./"))
	return d.Of("", "", "", "", "", "", "./", "/", "../", "x/../") + p
}

func (d *Dice) entry() Entry {
	e := Entry{Type: '0', Name: d.path(), Mode: 0o644, Time: DefaultTime}
	switch d.Roll(18) {
	default:
		e.Size = int64(d.Roll(4)) * 10
		e.Seed = d.Of("", "", "x")
	case 5, 6, 7:
		e.Type, e.Mode = '5', 0o755
		e.Name += d.Of("", "/")
		if d.Roll(10) == 9 {
			e.Xattrs = map[string]string{"trusted.overlay.opaque": d.Of("y", "y", "n")}
		}
	case 8:
		e.Type, e.Link = '2', d.link()
	case 9, 10, 11:
		e.Type, e.Link = '1', d.path()
		if d.Roll(8) == 7 {
			e.Link = ".wh..wh.plnk/1"
		}
	case 12, 13:
		e.Name = hiding(e.Name, ".wh.")
	case 14:
		e.Name += "/.wh..wh..opq"
	case 15:
		e.Name = d.Of(".wh..wh.plnk/1", "a/.wh.", ".wh.a/b", ".wh..wh..opq", ".wh..wh.plnk", "a/.wh...", "./", "a/.wh..wh.x")
		e.Size = int64(d.Roll(2)) * 10
	case 16:
		e.Type = []byte{'3', '4', '6'}[d.Roll(3)]
		if e.Type != '6' {
			e.Major = int64(d.Roll(2))
		}
	}
	switch d.Roll(12) {
	case 1:
		e.Mode = 0o600
	case 2:
		e.UID = 1
	case 3:
		e.Time = e.Time.Add(time.Second)
	case 4:
		e.Xattrs = map[string]string{"user.x": d.Of("1", "2")}
	}
	return e
}

// hiding puts a marker before the last component of the path.
func hiding(p, marker string) string {
	i := strings.LastIndexByte(p, '/') + 1
	return p[:i] + marker + p[i:]
}
