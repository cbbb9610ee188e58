package analyze

import (
	"bytes"

	"github.com/peelhq/peel/source"
)

// linesOf returns the line of each of an image's layers, nil where none is
// known: by its provenance, which is sure, and else by aligning d, if it is not
// nil, with the history. Of a Dockerfile that has been changed since the build,
// the provenance knows nothing.
func linesOf(im *source.Image, d *Dockerfile) []*Line {
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
