package dockerfile

import (
	"bytes"

	"github.com/peelhq/peel/source"
)

const (
	// leastFit is the minimum share of matching steps between a Dockerfile and an image's
	// history, counted from the first common step.
	leastFit = 0.8
	// leastRun and leastCopy are the minimum likeness for a match of steps that make a layer:
	// builders record the complete text of a RUN, while some record only checksums for a COPY and
	// the target.
	leastRun  = 0.95
	leastCopy = 0.6
)

// Fits reports whether an image was built from d in its current state, as far as its provenance
// or else its history shows. Every step of d that makes a layer must be in the history, in order,
// and after the first of them the history must have no other step that makes a layer. A
// Dockerfile of another image, or one that changed much since the build, does not fit: its lines
// would be wrong.
func Fits(im *source.Image, d *File) bool {
	if p := im.Provenance; p != nil {
		for _, f := range p.Files {
			if bytes.Equal(f.Text, d.text) {
				return true
			}
		}
	}
	steps := d.final()
	if len(steps) > maxAligned {
		return false
	}
	history := im.History[max(len(im.History)-maxAligned, 0):]
	a := newAlignment(steps, history)
	a.run()
	paired := make([]bool, len(steps))
	first, alike, layers := -1, 0.0, 0
	for j, i := range a.step {
		if i < 0 {
			if first >= 0 && !history[j].Empty {
				return false
			}
			continue
		}
		if first < 0 {
			first = j
		}
		like := a.like[i*len(history)+j]
		paired[i] = true
		alike += like
		if makesLayer[steps[i].word] {
			if like < leastCopy || steps[i].word == "RUN" && like < leastRun {
				return false
			}
			layers++
		}
	}
	for i := range steps {
		if !paired[i] && makesLayer[steps[i].word] {
			return false
		}
	}
	return layers > 0 && alike >= leastFit*float64(max(len(steps), len(history)-first))
}

// makesLayer are the instructions that write files.
var makesLayer = map[string]bool{"RUN": true, "COPY": true, "ADD": true}
