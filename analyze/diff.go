package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// A Side is one of the two filesystems that Compare compares: the union after a
// layer of an image.
type Side struct {
	Analysis *Analysis
	At       int // a layer index; -1 for what is there before the first layer, nothing
}

// Final returns the image's final union.
func Final(a *Analysis) Side { return Side{a, a.Tree.LayerCount() - 1} }

// A Difference is what differs between two unions, of two images or of one.
// Sizes are bytes. All figures are of everything, whatever Paths holds.
type Difference struct {
	Before, After Figures       // of the layers that make the union
	Layers        []LayerGrowth // of both, lowest first; those of before alone where they stood

	// Changes are the paths by what became of them: Added, Modified (its content
	// or type differs), Metadata (only attributes do), Identical, Removed. Their
	// bytes add up to the visible ones of either side.
	Changes [Removed + 1]ChangeTotal

	// Config is what the images' configs do not say alike, by part and name; nothing
	// of two unions of one image.
	Config []ConfigChange

	// Packages are those that one side alone has, or that the sides have in other
	// versions, the largest difference first.
	Packages []PackageDifference

	Grown int // how many paths count other bytes than before, listed or not

	// Paths are those that differ, the largest difference first, no more of them
	// than were asked for.
	Paths []PathDifference
}

// ChangeTotal sums up the paths that one change became of.
type ChangeTotal struct {
	Paths         int
	Before, After int64 // visible bytes
}

// Differing returns how many paths differ, listed or not.
func (d *Difference) Differing() int {
	n := 0
	for change, total := range d.Changes {
		if Change(change) != Identical {
			n += total.Paths
		}
	}
	return n
}

// None reports whether nothing differs: no path, no layer, and nothing in the configs. How layers are
// compressed, and which of them are the base's, makes no difference.
func (d *Difference) None() bool {
	if d.Differing() > 0 || len(d.Config) > 0 || d.Before.Stored != d.After.Stored || d.Before.Entries != d.After.Entries {
		return false
	}
	for _, l := range d.Layers {
		if l.Before < 0 || l.After < 0 || !l.Same && l.digests {
			return false
		}
	}
	return true
}

// A PathDifference is one path that differs.
type PathDifference struct {
	Path   string
	Change Change // what became of it: any but Identical
	What   What   // what differs; nothing if the path was added or removed

	// The visible bytes that count to the path: a file that has several names
	// counts to the first of them, by name.
	Before, After int64

	Old, New *Version // what shows; nil where nothing does
}

// Growth returns by how many visible bytes the path has grown.
func (p *PathDifference) Growth() int64 { return p.After - p.Before }

// What is a set of what can differ between two versions of a path.
type What uint16

// The elements of What, in the order of its words.
const (
	WhatType    What = 1 << iota // a file has become a directory, say
	WhatContent                  // of a file
	WhatLink                     // where a link leads
	WhatDevice                   // numbers
	WhatMode
	WhatOwner
	WhatTime // of modification
	WhatXattrs
	WhatStorage // the same content takes other bytes: as one more name of a file, or with holes
)

var whatWords = [...]string{"type", "content", "link", "device", "mode", "owner", "time", "xattrs", "storage"}

// whatMatters are the elements that make a path Modified, not just Metadata.
const whatMatters = WhatType | WhatContent | WhatLink | WhatDevice

// Words returns the elements' names as JSON has them, in their fixed order.
func (w What) Words() []string {
	words := []string{}
	for i, word := range whatWords {
		if w&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return words
}

// Compare says what differs between two unions, which may be of one image. At
// most so many paths are listed; 0: all that differ. Both images must be open:
// where two files of one size have no checksums that can be compared, they are
// read. Layers of one diffID hold the same by its word; nothing else is taken
// for the same without a comparison. Time and memory are linear in the nodes.
func Compare(ctx context.Context, before, after Side, most int) (*Difference, error) {
	d := newDiffer(before, after, most)
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	if err := d.walk(ctx, d.count); err != nil {
		return nil, err
	}
	d.conclude()
	var err error
	d.out.Packages, err = comparePackagesOf(ctx, before, after)
	return d.out, err
}

// conclude makes the result of what was counted.
func (d *differ) conclude() {
	d.prune(d.most)
	for _, f := range d.found {
		p := PathDifference{Change: f.change, What: f.what, Before: f.before, After: f.after}
		if f.nodes.after != none {
			p.Path = d.after.t.Path(f.nodes.after)
		} else {
			p.Path = d.before.t.Path(f.nodes.before)
		}
		if f.versions.before != none {
			p.Old = &Version{d.before.t, f.versions.before}
		}
		if f.versions.after != none {
			p.New = &Version{d.after.t, f.versions.after}
		}
		d.out.Paths = append(d.out.Paths, p)
	}
	d.out.Before, d.out.After = d.before.figures(), d.after.figures()
	d.out.Config = compareConfigs(d.before.a.Image, d.after.a.Image)
	d.out.Layers = matchLayers(d.before.facts(d.sameTree()), d.after.facts(d.sameTree()))
}

// prune keeps the n largest of what was found, 0 for all, in order. What was
// found before comes first among equals, as the sort is stable.
func (d *differ) prune(n int) {
	slices.SortStableFunc(d.found, func(a, b found) int {
		return cmp.Or(
			cmp.Compare(abs(b.after-b.before), abs(a.after-a.before)),
			cmp.Compare(a.rank(), b.rank()),
			cmp.Compare(max(b.before, b.after), max(a.before, a.after)),
		)
	})
	if n > 0 && len(d.found) > n {
		d.found = d.found[:n]
	}
}

func abs(n int64) int64 { return max(n, -n) }

// figures are those of the layers that make the side's union.
func (s *side) figures() Figures {
	f := Figures{Efficiency: 1}
	for k := range s.at + 1 {
		l := &s.a.Layers[k]
		f.Layers++
		f.Entries += l.Entries
		f.Stored += l.Stored
		f.Visible += s.visible[k]
		if !l.Base {
			f.UserStored += l.Stored
			f.UserWasted += l.Stored - s.visible[k]
		}
		if c := l.Layer.CompressedBytes; c < 0 || f.Compressed < 0 {
			f.Compressed = -1
		} else {
			f.Compressed += c
		}
	}
	f.Wasted = f.Stored - f.Visible
	if f.Stored > 0 {
		f.Efficiency = float64(f.Visible) / float64(f.Stored)
	}
	return f
}

// facts are what layers are matched by. Within one image they are matched by
// their places.
func (s *side) facts(oneImage bool) []layerFacts {
	out := make([]layerFacts, 0, s.at+1)
	for k := range s.at + 1 {
		l := &s.a.Layers[k]
		f := layerFacts{id: l.Layer.DiffID, step: Masked(dockerfile.StepText(l.Layer.Step)), stored: l.Stored, wasted: l.Stored - s.visible[k]}
		if !HasConfig(s.a.Image) {
			f.step = "" // a folder's name is not a build step
		}
		if oneImage {
			f.id = fmt.Sprintf("layer %d", k)
		}
		out = append(out, f)
	}
	return out
}

// String returns the words, for messages: "content, mode".
func (w What) String() string { return strings.Join(w.Words(), ", ") }
