package analyze

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// shipped is what one layer stores of the files that one glob forbids.
type shipped struct {
	layer int
	files int
	bytes int64
	below NodeID // the deepest directory that contains all of them, or the only file
	// Some of the files, the largest first; see maxExamples.
	examples []example
	hidden   int // number of files that later layers remove or cover
	by       int // the lowest layer that hides one; -1 if none
}

// An example is a file: its node, or its path if it has no node.
type example struct {
	node  NodeID
	path  string
	bytes int64
}

// maxExamples is the maximum number of paths in a finding.
const maxExamples = 3

// forbid forbids files in any layer by globs: both visible files and files
// hidden by later layers, which still ship. Directories themselves do not
// count. It makes one finding for each glob and layer.
func forbid(ctx context.Context, c *checker, globs Globs) (verdict, error) {
	excepted, err := globs.covered(ctx, c.a.Tree, true)
	if err != nil {
		return verdict{}, err
	}
	f := &forbidding{c: c, t: c.a.Tree, nest: newNesting(c.a.Tree), excepted: excepted, named: newBitmap(c.a.Tree.Len())}
	for _, g := range globs {
		if !g.except {
			f.globs = append(f.globs, forbiddenGlob{Glob: g, layers: map[int]*shipped{}})
		}
	}
	for some := range slices.Chunk(f.globs, coverAtOnce) {
		if err := f.nodes(ctx, some); err != nil {
			return verdict{}, err
		}
		if err := f.full(); err != nil {
			return verdict{}, err
		}
	}
	if err := f.orphans(ctx, globs); err != nil {
		return verdict{}, err
	}
	if err := f.full(); err != nil {
		return verdict{}, err
	}
	var v verdict
	for i := range f.globs {
		g := &f.globs[i]
		for _, k := range slices.Sorted(maps.Keys(g.layers)) {
			v.findings = append(v.findings, c.forbidden(g.Glob, g.layers[k]))
		}
	}
	v.failed, v.value, v.limit = f.files > 0, human.Count(f.files, "file", "files"), "0 files"
	v.number, v.bound = countOf(f.files), countOf(0)
	v.message = fmt.Sprintf("%s %s shipped that %s", v.value, pick(f.files == 1, "is", "are"),
		pick(len(f.globs) == 1, "the glob forbids", fmt.Sprintf("one of %d globs forbids", len(f.globs))))
	return v, nil
}

// forbidding is the search for forbidden files.
type forbidding struct {
	c        *checker
	t        *Tree
	nest     *nesting
	excepted bitmap // nodes
	globs    []forbiddenGlob
	files    int    // number of forbidden files
	pairs    int    // pairs of a glob and a layer with matching files
	named    bitmap // nodes already counted: two globs may match the same node
}

// A forbiddenGlob is a glob with its matches by layer.
type forbiddenGlob struct {
	Glob
	layers map[int]*shipped
}

// maxPairs is the maximum number of pairs of a glob and a layer with matches, which all take
// memory: 4096 globs and 10,000 layers make 40 million.
const maxPairs = 1 << 20

// in returns the matches of a glob in a layer.
func (f *forbidding) in(g *forbiddenGlob, k int) *shipped {
	s := g.layers[k]
	if s == nil {
		s = &shipped{layer: k, below: none, by: -1}
		if f.pairs++; f.pairs <= maxPairs { // nobody reads more
			g.layers[k] = s
		}
	}
	return s
}

// full says that there are too many pairs.
func (f *forbidding) full() error {
	if f.pairs <= maxPairs {
		return nil
	}
	return fmt.Errorf("forbid: more than %s pairs of a layer and a glob that forbids files in it: give fewer globs", human.Comma(maxPairs))
}

// nodes visits the nodes that some of the globs match.
func (f *forbidding) nodes(ctx context.Context, some []forbiddenGlob) error {
	globs := make([]Glob, len(some))
	for i := range some {
		globs[i] = some[i].Glob
	}
	t := f.t
	return t.cover(ctx, globs, func(n NodeID, by uint64) {
		if f.excepted.has(int(n)) {
			return
		}
		from, to := t.versionRange(n)
		for i := from; i < to; i++ {
			v := &t.versions[i]
			if v.entry == none || v.kind == source.Dir {
				continue
			}
			if !f.named.has(int(n)) {
				f.files++
			}
			e := example{node: n, bytes: t.carried(i)}
			for rest := by; rest != 0; rest &= rest - 1 {
				s := f.in(&some[bits.TrailingZeros64(rest)], int(v.layer))
				s.add(e, byLayer(v.by))
				s.lies(f.nest, n)
			}
		}
		f.named.set(int(n))
	})
}

// orphans visits the paths without a node.
func (f *forbidding) orphans(ctx context.Context, globs Globs) error {
	work := &ticker{ctx: ctx}
	for _, id := range f.t.orphans {
		path := f.t.orphanPath(id)
		if err := work.done(len(path) * len(globs)); err != nil {
			return err
		}
		if !globs.coverPath(path) {
			continue
		}
		f.files++
		for i := range f.globs {
			if g := &f.globs[i]; g.covers(path) {
				inode := &f.t.inodes[id]
				s := f.in(g, int(inode.layer))
				s.add(example{none, path, f.t.stored(inode.layer, inode.entry)}, s.layer)
				s.lies(f.nest, Root)
			}
		}
	}
	return nil
}

// add counts a file that layer by hides, -1 if none does.
func (s *shipped) add(e example, by int) {
	s.files++
	s.bytes += e.bytes
	if by >= 0 {
		s.hidden++
		if s.by < 0 || by < s.by {
			s.by = by
		}
	}
	at := len(s.examples)
	for at > 0 && s.examples[at-1].bytes < e.bytes {
		at--
	}
	if at == maxExamples {
		return
	}
	s.examples = slices.Insert(s.examples, at, e)
	s.examples = s.examples[:min(len(s.examples), maxExamples)]
}

// lies records that one of the files is at n.
func (s *shipped) lies(nest *nesting, n NodeID) {
	if s.below == none {
		s.below = n
		return
	}
	s.below = nest.above(s.below, n)
}

// forbidden returns the finding for a layer's matches of g.
func (c *checker) forbidden(g Glob, s *shipped) Finding {
	t := c.a.Tree
	path := t.shortPath(s.below)
	if e := s.examples[0]; s.files == 1 && e.node == none && len(e.path) <= maxNamedPath {
		path = e.path
	}
	names := make([]string, len(s.examples))
	for i, e := range s.examples {
		if names[i] = gapped(e.path); e.node != none {
			names[i] = t.pathText(e.node)
		}
	}
	list := strings.Join(names, ", ")
	if more := s.files - len(names); more > 0 {
		list += fmt.Sprintf(" and %s more", human.Comma(more))
	}
	message := fmt.Sprintf("layer %d ships %s that %s forbids, %s: %s", s.layer, human.Count(s.files, "file", "files"), g, human.Size(s.bytes), list)
	if s.hidden > 0 {
		which := pick(s.hidden == s.files, pick(s.files == 1, "it is", "they are"), human.Comma(s.hidden)+" of them are")
		message += fmt.Sprintf(". From layer %d on %s hidden, but still shipped", s.by, which)
	}
	advice := "Keep it out of the build context with .dockerignore, or delete it in the step that makes it."
	switch {
	case s.layer < c.a.Totals.BaseLayers:
		advice = "It comes with the base image: choose another, or exempt the path with a glob that begins with !."
	case s.hidden > 0:
		advice = "Delete it in the step that makes it, or never copy it in: a later step only hides it. If it holds a secret, replace the secret."
	}
	return Finding{
		ID:    g.String() + "/" + c.stepID(s.layer),
		Title: pick(s.files == 1, "Forbidden file shipped", "Forbidden files shipped"), Message: message, Advice: advice,
		Path: path, Layer: s.layer, Bytes: s.bytes, Versions: s.files, Step: c.stepOf(s.layer),
	}
}
