package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

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
// or else its history shows. Of several stages, it asks for the one that For chose, else the last. Every step of d that makes a layer must be in the history, in order,
// and after the first of them the history must have no other step that makes a layer. A
// Dockerfile of another image, or one that changed much since the build, does not fit: its lines
// would be wrong.
func Fits(im *source.Image, d *File) bool {
	_, ok := Misfit(im, d)
	return !ok
}

// mostTried is the maximum number of instructions, of all stages together, after which For tries no
// further stage.
const mostTried = 2000

// For returns d with the stage that the image was built from: the last one or, if that doesn't
// fit, the last that does, because docker build --target may have named it. Variables in FROM have
// their defaults, if d then fits. If no stage fits, it returns d with the last stage, and false.
func For(im *source.Image, d *File) (of *File, fits bool) {
	values := []map[string]string{nil}
	if slices.ContainsFunc(d.stages, func(s stage) bool { return strings.Contains(s.from, "$") }) {
		values = []map[string]string{d.arguments(im.Platform), {}}
	}
	tried := 0
	for last := range slices.Backward(d.stages) {
		for _, vars := range values {
			it := *d
			it.last, it.vars = last, vars
			if Fits(im, &it) {
				return &it, true
			}
			if tried += 1 + len(it.final()); tried > mostTried {
				return d, false
			}
		}
	}
	return d, false
}

// Misfit returns why an image was not built from d in its current state, in words that follow the
// name of d; false if it fits: see Fits. The words contain raw text of the image and of d.
func Misfit(im *source.Image, d *File) (string, bool) {
	if p := im.Provenance; p != nil {
		for _, f := range p.Files {
			if bytes.Equal(f.Text, d.text) {
				return "", false
			}
		}
	}
	steps := d.final()
	if len(steps) > maxAligned {
		return fmt.Sprintf("has more than %d instructions", maxAligned), true
	}
	history := im.History[max(len(im.History)-maxAligned, 0):]
	a := newAlignment(steps, history)
	a.run()
	first, alike, layers := -1, 0.0, 0
	strange := -1 // the first entry that is not in the file
	for j, i := range a.step {
		if i < 0 {
			if first >= 0 && !history[j].Empty && strange < 0 {
				strange = j
			}
			continue
		}
		if first < 0 {
			first = j
		}
		like := a.like[i*len(history)+j]
		alike += like
		if makesLayer[steps[i].word] {
			if like < leastCopy || steps[i].word == "RUN" && like < leastRun {
				return fmt.Sprintf("has another text on line %d than the image's step %s", steps[i].first, short(Instruction(history[j].Command))), true
			}
			layers++
		}
	}
	recorded := 0 // steps that builders record: BuildKit doesn't record ONBUILD
	for i := range steps {
		if steps[i].word != "ONBUILD" {
			recorded++
		}
		if makesLayer[steps[i].word] && !slices.Contains(a.step, i) {
			return fmt.Sprintf("has a step on line %d that the image's history doesn't have: %s", steps[i].first, short(steps[i].word+" "+steps[i].args)), true
		}
	}
	switch {
	case strange >= 0:
		return "lacks a step of the image's history: " + short(StepText(history[strange])), true
	case layers == 0 || alike < leastFit*float64(max(recorded, len(history)-first)):
		return "has too few steps of the image's history", true
	}
	return "", false
}

// short shortens a step for a message.
func short(text string) string {
	const most = 60
	text = squeeze(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// makesLayer are the instructions that write files.
var makesLayer = map[string]bool{"RUN": true, "COPY": true, "ADD": true}
