package dockerfile

import (
	"slices"

	"github.com/peelhq/peel/source"
)

// maxAligned is the maximum number of steps to align: the last ones of each side. No real image
// has as many.
const maxAligned = 400

// leastLike is the minimum likeness of two steps to match; 1 means equal.
const leastLike = 0.5

// lines finds the line of each of the image's history entries: it aligns the
// history with the instructions of the last stage, in order, with the highest
// total likeness. Entries of the base image stay unmatched at the front. The
// slice has an element for each entry, nil if unknown.
func (d *File) lines(history []source.Step) []*Line {
	out := make([]*Line, len(history))
	skipped := max(len(history)-maxAligned, 0)
	steps := d.final()
	steps = steps[max(len(steps)-maxAligned, 0):]
	a := newAlignment(steps, history[skipped:])
	a.run()
	sure := a.certain()
	for j, i := range a.step {
		if i < 0 {
			continue
		}
		in := &steps[i]
		out[skipped+j] = &Line{File: d.name, First: in.first, Last: in.last, Sure: sure[j]}
	}
	return out
}

// An alignment matches instructions with history entries.
type alignment struct {
	steps   []stepText // of the Dockerfile
	history []stepText
	like    []float64 // by step, then history entry
	step    []int     // of each history entry; -1 if none
	empty   []bool    // history entries that made no layer
}

func newAlignment(steps []instruction, history []source.Step) *alignment {
	a := &alignment{}
	for i := range steps {
		a.steps = append(a.steps, steps[i].text())
	}
	for _, h := range history {
		a.history = append(a.history, recorded(h.Command))
		a.empty = append(a.empty, h.Empty)
	}
	for i := range a.steps {
		for j := range a.history {
			a.like = append(a.like, likeness(&a.steps[i], &a.history[j]))
		}
	}
	return a
}

// run finds the pairs with the highest total likeness. Among equals it takes the latest, because
// the first entries may belong to the base image.
func (a *alignment) run() {
	n, m := len(a.steps), len(a.history)
	best := make([]float64, (n+1)*(m+1)) // for the first i steps and j entries
	at := func(i, j int) int { return i*(m+1) + j }
	paired := func(i, j int) float64 {
		if l := a.like[(i-1)*m+j-1]; l >= leastLike {
			return best[at(i-1, j-1)] + l
		}
		return -1
	}
	for i := 1; i <= n; i++ {
		for j := 1; j <= m; j++ {
			best[at(i, j)] = max(best[at(i-1, j)], best[at(i, j-1)], paired(i, j))
		}
	}
	a.step = slices.Repeat([]int{-1}, m)
	for i, j := n, m; i > 0 && j > 0; {
		switch best[at(i, j)] {
		case paired(i, j):
			i, j = i-1, j-1
			a.step[j] = i
		case best[at(i-1, j)]:
			i--
		default:
			j--
		}
	}
	a.between()
}

// between pairs what is unmatched between two pairs if both sides have the same instructions in
// the same order: steps with edited text.
func (a *alignment) between() {
	lastStep, lastEntry := -1, -1
	for j := 0; j <= len(a.history); j++ {
		i := len(a.steps)
		if j < len(a.history) {
			i = a.step[j]
		}
		if i < 0 {
			continue
		}
		steps, entries := a.steps[lastStep+1:i], a.history[lastEntry+1:j]
		if lastEntry >= 0 && len(steps) == len(entries) && slices.EqualFunc(steps, entries, sameWord) {
			for k := range entries {
				a.step[lastEntry+1+k] = lastStep + 1 + k
			}
		}
		lastStep, lastEntry = i, j
	}
}

func sameWord(a, b stepText) bool { return a.word == b.word }

// certain reports, for each entry, whether it certainly is its step: because of their texts, or
// because of the place. A COPY or ADD whose target has variables, or is relative, is certain if it
// follows a certain step and, up to the next one or the end, all steps and entries that make a
// layer have a partner.
func (a *alignment) certain() []bool {
	sure := make([]bool, len(a.history))
	for j, i := range a.step {
		sure[j] = i >= 0 && a.sure(i, j)
	}
	for from := slices.Index(sure, true); from >= 0 && from < len(sure); {
		to := from + 1
		for to < len(sure) && !sure[to] {
			to++
		}
		last := len(a.steps)
		if to < len(sure) {
			last = a.step[to]
		}
		if a.complete(from, to, last) {
			for j := from + 1; j < to; j++ {
				sure[j] = sure[j] || a.step[j] >= 0 && a.samePlace(a.step[j], j)
			}
		}
		from = to
	}
	return sure
}

// complete reports whether all entries between two, and all steps up to step last, have a partner
// if they make a layer.
func (a *alignment) complete(from, to, last int) bool {
	for j := from + 1; j < to; j++ {
		if a.step[j] < 0 && !a.empty[j] {
			return false
		}
	}
	for i := a.step[from] + 1; i < last; i++ {
		if makesLayer[a.steps[i].word] && !slices.Contains(a.step[from:to], i) {
			return false
		}
	}
	return true
}

// samePlace reports whether step i and entry j copy to the same path, as far as the text says.
func (a *alignment) samePlace(i, j int) bool {
	in, h := &a.steps[i], &a.history[j]
	like := a.like[i*len(a.history)+j]
	return (in.word == "COPY" || in.word == "ADD") && (like >= almost || h.summed && like >= nearly)
}

// sure reports whether step i certainly is entry j: their texts agree, and no other unmatched
// step has the same text.
func (a *alignment) sure(i, j int) bool {
	if a.like[i*len(a.history)+j] < 1 {
		return false
	}
	for other := range a.steps {
		if other != i && !slices.Contains(a.step, other) && a.like[other*len(a.history)+j] >= 1 {
			return false
		}
	}
	return true
}
