package analyze

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// shipped is what one layer holds of what one glob forbids.
type shipped struct {
	layer int
	files int
	bytes int64
	below NodeID // the deepest directory that has all of them, or the only one
	// Some of them, the largest first; see maxExamples.
	examples []example
	hidden   int // of the files, those that later layers remove or cover
	by       int // the lowest layer that hides one; -1 if none does
}

type example struct {
	path  string
	bytes int64
}

// maxExamples bounds the paths that a finding names.
const maxExamples = 3

// forbid wants no layer to hold a path that a glob forbids: neither one that
// shows nor one that a later layer hides, for that is shipped all the same.
// Directories do not count, only what is in them. One finding for each glob and
// layer.
func forbid(_ context.Context, c *checker, globs Globs) (verdict, error) {
	t := c.a.Tree
	excepted := globs.excepted(t)
	seen := make([]bool, len(t.versions)) // what some glob forbids: two may forbid the same
	var v verdict
	files, forbidding := 0, 0
	for _, id := range slices.Sorted(maps.Keys(t.orphans)) {
		if globs.coverPath(t.orphans[id]) {
			files++
		}
	}
	for _, g := range globs {
		if g.except {
			continue
		}
		forbidding++
		found := c.shippedAs(g, globs, excepted, func(version int) {
			if !seen[version] {
				seen[version] = true
				files++
			}
		})
		for _, k := range slices.Sorted(maps.Keys(found)) {
			v.findings = append(v.findings, c.forbidden(g, found[k]))
		}
	}
	v.failed, v.value, v.limit = files > 0, human.Count(files, "file", "files"), "0 files"
	v.message = fmt.Sprintf("%s %s shipped that %s", v.value, pick(files == 1, "is", "are"),
		pick(forbidding == 1, "the glob forbids", fmt.Sprintf("one of %d globs forbids", forbidding)))
	return v, nil
}

// shippedAs returns what layers hold of what g, one of globs, forbids, by layer, and calls each
// with every version that is.
func (c *checker) shippedAs(g Glob, globs Globs, excepted []bool, each func(version int)) map[int]*shipped {
	t := c.a.Tree
	named := make([]bool, t.Len())
	t.coveredBy(g, named)
	found := map[int]*shipped{}
	in := func(k int) *shipped {
		if found[k] == nil {
			found[k] = &shipped{layer: k, below: none, by: -1}
		}
		return found[k]
	}
	for i := range t.versions {
		v := &t.versions[i]
		if !named[v.node] || excepted[v.node] || v.entry == none || v.kind == source.Dir {
			continue
		}
		each(i)
		s := in(int(v.layer))
		s.add(t.carried(int32(i)), byLayer(v.by), func() string { return t.Path(v.node) })
		s.below = t.lowestCommon(s.below, v.node)
	}
	for _, id := range slices.Sorted(maps.Keys(t.orphans)) {
		if path := t.orphans[id]; g.covers(path) && globs.coverPath(path) {
			i := &t.inodes[id]
			s := in(int(i.layer))
			s.add(t.stored(i.layer, i.entry), s.layer, func() string { return path })
			s.below = Root
		}
	}
	return found
}

// add counts a file of so many bytes that layer by hides, -1 if none does.
func (s *shipped) add(bytes int64, by int, path func() string) {
	s.files++
	s.bytes += bytes
	if by >= 0 {
		s.hidden++
		if s.by < 0 || by < s.by {
			s.by = by
		}
	}
	at := len(s.examples)
	for at > 0 && s.examples[at-1].bytes < bytes {
		at--
	}
	if at == maxExamples {
		return
	}
	s.examples = slices.Insert(s.examples, at, example{path(), bytes})
	s.examples = s.examples[:min(len(s.examples), maxExamples)]
}

// lowestCommon returns the deepest node that is a or above it, and b or above
// it; b if a is none. A parent's index is lower than its children's.
func (t *Tree) lowestCommon(a, b NodeID) NodeID {
	if a == none {
		return b
	}
	for a != b {
		if a > b {
			a = t.nodes[a].parent
		} else {
			b = t.nodes[b].parent
		}
	}
	return a
}

// forbidden is the finding of what a layer holds of what g forbids.
func (c *checker) forbidden(g Glob, s *shipped) Finding {
	path := c.a.Tree.Path(s.below)
	if s.files == 1 {
		path = s.examples[0].path
	}
	names := make([]string, len(s.examples))
	for i, e := range s.examples {
		names[i] = e.path
	}
	list := strings.Join(names, ", ")
	if more := s.files - len(names); more > 0 {
		list += fmt.Sprintf(" and %s more", human.Comma(more))
	}
	message := fmt.Sprintf("layer %d ships %s that %s forbids, %s: %s", s.layer, human.Count(s.files, "file", "files"), g, human.Size(s.bytes), list)
	if s.hidden > 0 {
		which := pick(s.hidden == s.files, pick(s.files == 1, "it is", "they are"), human.Comma(s.hidden)+" of them are")
		message += fmt.Sprintf(". From layer %d on %s hidden, and shipped all the same", s.by, which)
	}
	advice := "Keep it out of the build context with .dockerignore, or delete it in the very step that makes it."
	switch {
	case s.layer < c.a.Totals.BaseLayers:
		advice = "It comes with the base image: choose another, or except the path with a glob that begins with !."
	case s.hidden > 0:
		advice = "Delete it in the very step that makes it, or never copy it in: a later step hides it only. What is secret in it has to be replaced."
	}
	return Finding{
		ID:    g.String() + "/" + c.stepID(s.layer),
		Title: pick(s.files == 1, "Forbidden file shipped", "Forbidden files shipped"), Message: message, Advice: advice,
		Path: path, Layer: s.layer, Bytes: s.bytes, Versions: s.files, Step: c.stepOf(s.layer),
	}
}
