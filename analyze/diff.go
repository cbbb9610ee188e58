package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// A Side is one of the two filesystems that Compare compares: the union after one layer of an
// image.
type Side struct {
	Analysis *Analysis
	At       int // a layer index; -1 for the empty union before the first layer
}

// Final returns the image's final union.
func Final(a *Analysis) Side { return Side{a, a.Tree.LayerCount() - 1} }

// A Difference is the result of comparing two unions of two images or of one. Sizes are bytes.
// All figures are complete, even if Paths is limited.
type Difference struct {
	Before, After Figures       // of the layers of the union
	Layers        []LayerGrowth // of both images, lowest first; layers only in before keep their place

	// Changes are the totals by change: Added, Modified (content or type),
	// Metadata (only attributes), Identical, Removed. Their bytes add up to the
	// visible bytes of each side.
	Changes [Removed + 1]ChangeTotal

	// Config lists differences between the images' configs, by part and name; empty for two
	// unions of one image.
	Config []ConfigChange

	// Packages lists packages that only one side has, or with different versions, the largest
	// difference first.
	Packages []PackageDifference

	Grown int // number of paths whose size changed, listed or not

	// Paths lists the paths that differ, the largest difference first, up to the requested
	// number.
	Paths []PathDifference
}

// ChangeTotal is the total of one change.
type ChangeTotal struct {
	Paths         int
	Before, After int64 // visible bytes
}

// Differing returns the number of paths that differ, listed or not.
func (d *Difference) Differing() int {
	n := 0
	for change, total := range d.Changes {
		if Change(change) != Identical {
			n += total.Paths
		}
	}
	return n
}

// None reports whether nothing differs: no path, no layer, and nothing in the configs. It ignores
// the compression of layers and which layers belong to the base.
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
	Change Change // any Change except Identical
	What   What   // what differs; empty if the path was added or removed

	// The visible bytes of the path: a file with several names counts at the first name.
	Before, After int64

	Old, New *Version // the visible versions; nil if none
}

// Growth returns the growth of the path in visible bytes.
func (p *PathDifference) Growth() int64 { return p.After - p.Before }

// What is a set of differences between two versions of a path.
type What uint16

// The elements of What, in the order of their words.
const (
	WhatType    What = 1 << iota // for example, a file became a directory
	WhatContent                  // of a file
	WhatLink                     // target of a link
	WhatDevice                   // device numbers
	WhatMode
	WhatOwner
	WhatTime // modification time
	WhatXattrs
	WhatStorage // the same content needs other space: as another name of a file, or with holes
)

var whatWords = [...]string{"type", "content", "link", "device", "mode", "owner", "time", "xattrs", "storage"}

// whatMatters are the elements that make a path Modified instead of Metadata.
const whatMatters = WhatType | WhatContent | WhatLink | WhatDevice

// Words returns the elements' names as in JSON, in fixed order.
func (w What) Words() []string {
	words := []string{}
	for i, word := range whatWords {
		if w&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return words
}

// Compare compares two unions, which may belong to one image. It lists at most
// this many paths; 0: all that differ. Both images must be open: it reads files
// of the same size that have no comparable checksums. It trusts that layers
// with the same diffID have the same content, and compares everything else.
// Time and memory are linear in the number of nodes.
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

// conclude makes the result from the counts.
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

// prune keeps the n largest differences, 0 for all, sorted. The sort is stable: earlier ones come
// first among equals.
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

// figures returns the figures of the layers in the side's union.
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

// facts returns the keys for matching layers. Within one image, layers match by index.
func (s *side) facts(oneImage bool) []layerFacts {
	out := make([]layerFacts, 0, s.at+1)
	for k := range s.at + 1 {
		l := &s.a.Layers[k]
		f := layerFacts{id: l.Layer.DiffID, step: Masked(dockerfile.StepText(l.Layer.Step)), stored: l.Stored, wasted: l.Stored - s.visible[k]}
		if !HasConfig(s.a.Image) {
			f.step = "" // the name of a folder is not a build step
		}
		if oneImage {
			f.id = fmt.Sprintf("layer %d", k)
		}
		out = append(out, f)
	}
	return out
}

// String returns the words for messages: "content, mode".
func (w What) String() string { return strings.Join(w.Words(), ", ") }
