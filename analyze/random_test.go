package analyze_test

import (
	"strings"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// dice decides by the bytes it is given; when they are used up, by zeros. A
// fuzzer and a random generator both feed it.
type dice []byte

func (d *dice) roll(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % sides
}

func (d *dice) of(words ...string) string { return words[d.roll(len(words))] }

// image makes an image of a few layers with a few names, so that every
// collision of types comes up.
func (d *dice) image() *testkit.Image {
	im := &testkit.Image{Tag: "fixture:1", Platform: "linux/amd64", Want: map[string][]string{}}
	for range 1 + d.roll(5) {
		l := &testkit.Layer{}
		for range d.roll(10) {
			l.Entries = append(l.Entries, d.entry())
		}
		im.Layers = append(im.Layers, l)
	}
	return im
}

// path is one to three names of three, now and then written oddly.
func (d *dice) path() string {
	parts := make([]string, 1+d.roll(3))
	for i := range parts {
		parts[i] = d.of("a", "b", "c")
	}
	p := strings.Join(parts, d.of("/", "/", "/", "/", "/", "/", "//", "/./"))
	return d.of("", "", "", "", "", "", "./", "/", "../", "x/../") + p
}

func (d *dice) entry() testkit.Entry {
	e := testkit.Entry{Type: '0', Name: d.path(), Mode: 0o644, Time: testkit.DefaultTime}
	switch d.roll(18) {
	default:
		e.Size = int64(d.roll(4)) * 10
		e.Seed = d.of("", "", "x")
	case 5, 6, 7:
		e.Type, e.Mode = '5', 0o755
		e.Name += d.of("", "/")
	case 8:
		e.Type, e.Link = '2', d.of("a", "b")
	case 9, 10, 11:
		e.Type, e.Link = '1', d.path()
		if d.roll(8) == 7 {
			e.Link = ".wh..wh.plnk/1"
		}
	case 12, 13:
		e.Name = hiding(e.Name, ".wh.")
	case 14:
		e.Name += "/.wh..wh..opq"
	case 15:
		e.Name = d.of(".wh..wh.plnk/1", "a/.wh.", ".wh.a/b", ".wh..wh..opq", ".wh..wh.plnk", "a/.wh...", "./", "a/.wh..wh.x")
		e.Size = int64(d.roll(2)) * 10
	case 16:
		e.Type = []byte{'3', '4', '6'}[d.roll(3)]
		if e.Type != '6' {
			e.Major = int64(d.roll(2))
		}
	}
	switch d.roll(12) {
	case 1:
		e.Mode = 0o600
	case 2:
		e.UID = 1
	case 3:
		e.Time = e.Time.Add(time.Second)
	case 4:
		e.Xattrs = map[string]string{"user.x": d.of("1", "2")}
	}
	return e
}

// hiding puts a marker before the last component of the path.
func hiding(p, marker string) string {
	i := strings.LastIndexByte(p, '/') + 1
	return p[:i] + marker + p[i:]
}
