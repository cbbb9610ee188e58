package analyze

import (
	"fmt"
	"maps"
	"slices"

	"github.com/peelhq/peel/source"
)

// Limits on the flaws of an image. Beyond maxFlaws they are only counted, by layer. Texts longer
// than maxFlawText, in bytes, lose their middle.
const (
	maxFlaws    = 1000
	maxFlawText = 4096
)

// flawList collects flaws.
type flawList struct {
	kept []source.Flaw
	more map[int]int // by layer, number of flaws that are not kept
}

// room reports whether another flaw will be kept; otherwise it counts it.
func (l *flawList) room(layer int) bool {
	if len(l.kept) < maxFlaws {
		return true
	}
	if l.more == nil {
		l.more = map[int]int{}
	}
	l.more[layer]++
	return false
}

func (l *flawList) add(f source.Flaw) {
	if l.room(f.Layer) {
		f.Path, f.Problem = shortened(f.Path), shortened(f.Problem)
		l.kept = append(l.kept, f)
	}
}

// shortened cuts out the middle of a text that is too long.
func shortened(s string) string {
	if len(s) <= maxFlawText {
		return s
	}
	const half = maxFlawText/2 - 2
	return s[:half] + "…" + s[len(s)-half:]
}

// allFlaws returns the flaws of an image: in its description, in its layers, and those found
// while layers were applied.
func allFlaws(im *source.Image, tree *flawList) []source.Flaw {
	all := flawList{more: maps.Clone(tree.more)}
	for _, f := range im.Flaws {
		all.add(f)
	}
	for _, l := range im.Layers {
		for _, f := range l.Flaws() {
			all.add(f)
		}
	}
	for _, f := range tree.kept {
		all.add(f)
	}
	for _, k := range slices.Sorted(maps.Keys(all.more)) {
		all.kept = append(all.kept, source.Flaw{Layer: k, Problem: fmt.Sprintf("%d more", all.more[k])})
	}
	return all.kept
}

// flaw records a flaw of the current layer. It calls the function that makes the texts only if
// the flaw is kept.
func (b *builder) flaw(texts func() (path, problem string)) {
	if b.flaws.room(b.layer) {
		path, problem := texts()
		b.flaws.add(source.Flaw{Layer: b.layer, Path: path, Problem: problem})
	}
}

// flawAt records a flaw of a node.
func (b *builder) flawAt(n NodeID, problem string) {
	b.flaw(func() (string, string) { return b.t.Path(n), problem })
}

// flawNamed records a flaw of the entry whose name was split last: under its stored name or, if
// clean is true, its path.
func (b *builder) flawNamed(clean bool, problem string) {
	b.flaw(func() (string, string) {
		if clean {
			return cleanPath(string(b.name)), problem
		}
		return string(b.name), problem
	})
}
