package testkit

import (
	"slices"
	"strings"
)

// EngineImage makes an image that most engines accept: no layer has a name twice, and no name
// climbs out. But symlinks give most directories several names, so a layer can still write one
// path twice, with every pair of types, and markers may be in directories that are replaced
// later.
func (d *Dice) EngineImage() *Image {
	im := &Image{Tag: "fixture:1", Platform: "linux/amd64", Want: map[string][]string{}}
	for range 1 + d.Roll(4) {
		im.Layers = append(im.Layers, d.engineLayer())
	}
	return im
}

func (d *Dice) engineLayer() *Layer {
	l := &Layer{}
	dirs := []string{""}
	add := func(e Entry) {
		if !slices.ContainsFunc(l.Entries, func(x Entry) bool { return strings.Trim(x.Name, "/") == strings.Trim(e.Name, "/") }) {
			e.Time = DefaultTime
			l.Entries = append(l.Entries, e)
		}
	}
	dir := func(name string) {
		add(Entry{Type: '5', Name: name, Mode: int64(0o700 + d.Roll(2)*0o55)})
		dirs = append(dirs, name+"/")
	}
	link := func(name, to string) {
		add(Entry{Type: '2', Name: name, Link: to, Mode: 0o777})
		dirs = append(dirs, name+"/")
	}
	dir("a")
	dir(d.Of("a/m", "b", "b/m"))
	for range d.Roll(5) {
		switch d.Roll(6) {
		case 0:
			link("c", "a")
		case 1:
			link("d", d.Of("c", "/a", "./a/", "c/../a", "a/m/.."))
		case 2:
			link("a/l", d.Of("..", "../../../a", "m", "/a/m"))
		case 3:
			link("e", "/")
		case 4:
			link(d.Of("", "c/", "d/")+"f", d.Of("/a", "/", "/a/m"))
		case 5:
			dir(d.Of("a/m", "b", "c/m", "d/n"))
		}
	}
	for range 2 + d.Roll(9) {
		name := dirs[d.Roll(len(dirs))] + d.Of("", "", "", "m/", "l/", "n/") + d.Of("m", "n", "x", "y")
		e := Entry{Type: '0', Name: name, Mode: 0o644}
		switch d.Roll(12) {
		default:
			e.Size, e.Seed = int64(1+d.Roll(40)), d.Of("p", "q", "r")
		case 4, 5, 6:
			e.Type, e.Mode = '5', int64(0o700+d.Roll(2)*0o55)
			if d.Roll(6) == 0 {
				e.Xattrs = map[string]string{"trusted.overlay.opaque": "y"}
			}
		case 7:
			e.Type, e.Link, e.Mode = '2', d.Of("x", "/a", "../y", "m"), 0o777
		case 8:
			var files []string
			for i := range l.Entries {
				if x := &l.Entries[i]; x.Type != '5' && !strings.Contains(x.Name, ".wh.") {
					files = append(files, x.Name)
				}
			}
			if len(files) == 0 {
				continue
			}
			e.Type, e.Link = '1', files[d.Roll(len(files))]
		case 9, 10:
			i := strings.LastIndexByte(name, '/') + 1
			e.Name = name[:i] + d.Of(".wh."+name[i:], ".wh."+name[i:], ".wh."+name[i:], ".wh..wh..opq")
		case 11:
			e.Type = d.Of("6", "3", "3")[0]
			if e.Type == '3' {
				e.Major = int64(d.Roll(2))
			}
		}
		add(e)
	}
	return l
}
