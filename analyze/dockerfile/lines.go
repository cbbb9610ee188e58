package dockerfile

import (
	"bytes"

	"github.com/peelhq/peel/source"
)

// A Line is a place in a Dockerfile.
type Line struct {
	File        string // as it was named, with slashes
	First, Last int    // line numbers from 1
	Sure        bool   // false: it is the likeliest place, by the order of steps and the likeness of their texts
}

// Lines returns the line of each of an image's layers, nil where none is known:
// by its provenance, which is sure, and else by aligning d with the history; nil
// stands for no Dockerfile. Of a Dockerfile that has been changed since the
// build, the provenance knows nothing.
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
