package dockerfile

import (
	"bytes"

	"github.com/peelhq/peel/source"
)

// A Line is a place in a Dockerfile.
type Line struct {
	File        string // as given, with slashes
	First, Last int    // 1-based line numbers
	Sure        bool   // false: the likeliest place by order and likeness of steps
}

// Lines returns the line of each of an image's layers, nil if unknown: from the
// provenance, which is certain, else by aligning d, which may be nil, with the
// history. The provenance does not apply to a Dockerfile that has changed since
// the build.
func Lines(im *source.Image, d *File) []*Line {
	lines := make([]*Line, len(im.Layers))
	if d != nil {
		layer := 0
		for i, line := range d.lines(im.History) {
			if im.History[i].Empty {
				continue
			}
			if layer < len(lines) {
				lines[layer] = line
			}
			layer++
		}
	}
	p := im.Provenance
	if p == nil {
		return lines
	}
	for i, at := range p.Lines[:min(len(p.Lines), len(lines))] {
		if at.First == 0 {
			continue
		}
		file := p.Files[at.File]
		switch {
		case d == nil:
			lines[i] = &Line{File: file.Name, First: at.First, Last: at.Last, Sure: true}
		case bytes.Equal(file.Text, d.text):
			lines[i] = &Line{File: d.name, First: at.First, Last: at.Last, Sure: true}
		}
	}
	return lines
}
