package analyze

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// RuleSame is the rule of findings about visible content that is stored several times: libraries
// of the base image that a language's packages bring again, for example. It is not waste, because
// every copy is visible.
const RuleSame = "same-content"

// Limits on the search for equal content.
const (
	leastSame   = 1_000_000 // minimum size of a file in bytes
	probedPairs = 64        // up to this many files of the same size, all pairs are probed before reading
)

// A sameFile is visible content with the first of its names.
type sameFile struct {
	node  NodeID
	layer uint16 // the layer that stores it
	entry int32
	size  int64
	row   int32 // row of its package, or none
}

// sameFindings finds content that is visible at several paths. It computes checksums only for
// files of equal size. The error is ctx's.
func (ad *adviser) sameFindings(ctx context.Context) ([]Finding, error) {
	bySize := ad.largeFiles()
	if len(bySize) == 0 {
		return nil, nil
	}
	if err := ad.sumSame(ctx, bySize); err != nil {
		return nil, err
	}
	same := ad.sameContents(bySize)
	if len(same) == 0 {
		return nil, nil
	}
	p, err := ad.a.Packages(ctx)
	if err != nil {
		return nil, err
	}
	groups := map[string]*sameGroup{}
	for _, copies := range same {
		for i := range copies {
			copies[i].row = ad.rowOf(p, &copies[i])
		}
		key := sameKey(copies)
		g := groups[key]
		if g == nil {
			g = &sameGroup{first: copies, places: make([]commonDir, len(copies))}
			for i := range g.places {
				g.places[i] = newCommonDir(ad.nested())
			}
			groups[key] = g
		}
		g.add(copies)
	}
	var found []Finding
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		found = append(found, ad.sameFinding(p, groups[key]))
	}
	return found, nil
}

// largeFiles returns the large visible files that share their size with others, by size. Several
// names of one inode count as one file.
func (ad *adviser) largeFiles() map[int64][]sameFile {
	t := ad.t
	last := len(t.layers) - 1
	bySize := map[int64][]sameFile{}
	seen := map[int32]bool{} // inodes
	for n := range t.nodes {
		i := t.at(NodeID(n), last)
		if i == none || t.versions[i].kind != source.File || t.versions[i].inode == none {
			continue
		}
		layer, entry := t.carrier(i)
		e := t.layers[layer].Entries
		size := e.Size(int(entry))
		if size < leastSame || e.Stored(int(entry)) < leastSame {
			continue
		}
		if id := t.versions[i].inode; id >= 0 {
			if seen[id] {
				continue
			}
			seen[id] = true
		}
		bySize[size] = append(bySize[size], sameFile{node: NodeID(n), layer: layer, entry: entry, size: size, row: none})
	}
	maps.DeleteFunc(bySize, func(_ int64, files []sameFile) bool { return len(files) < 2 })
	return bySize
}

// sumSame computes missing checksums of files that a look at a few bytes can't distinguish. It
// skips layers without content (in an index) and layers listed by a table of contents, which
// would have to be fetched.
func (ad *adviser) sumSame(ctx context.Context, bySize map[int64][]sameFile) error {
	t := ad.t
	wanted := map[uint16][]int{}
	for _, files := range bySize {
		for i := range files {
			f := &files[i]
			l := t.layers[f.layer]
			if _, _, known := l.Entries.Checksum(int(f.entry)); !known && l.ListedBy == "" && ad.mayBeTwice(files, i) {
				wanted[f.layer] = append(wanted[f.layer], int(f.entry))
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReaders)
	for _, layer := range slices.Sorted(maps.Keys(wanted)) {
		slices.Sort(wanted[layer])
		group.Go(func() error {
			return crash.Do(func() error {
				// Unreadable files do not count as equal.
				_ = t.layers[layer].Sum(ctx, wanted[layer])
				return ctx.Err()
			})
		})
	}
	return group.Wait()
}

// mayBeTwice reports whether any other file may have the same content as file i.
func (ad *adviser) mayBeTwice(files []sameFile, i int) bool {
	if len(files) > probedPairs {
		return true
	}
	t := ad.t
	for j := range files {
		if j != i && !source.Differ(t.layers[files[i].layer], int(files[i].entry), t.layers[files[j].layer], int(files[j].entry)) {
			return true
		}
	}
	return false
}

// sameContents returns groups of files with the same content, lower layers first.
func (ad *adviser) sameContents(bySize map[int64][]sameFile) (out [][]sameFile) {
	type content struct {
		sum  uint64
		kind source.SumKind
	}
	for _, size := range slices.Sorted(maps.Keys(bySize)) {
		by := map[content][]sameFile{}
		var order []content
		for _, f := range bySize[size] {
			sum, kind, known := ad.t.layers[f.layer].Entries.Checksum(int(f.entry))
			if !known {
				continue
			}
			c := content{sum, kind}
			if len(by[c]) == 0 {
				order = append(order, c)
			}
			by[c] = append(by[c], f)
		}
		for _, c := range order {
			if files := by[c]; len(files) > 1 {
				slices.SortStableFunc(files, func(a, b sameFile) int { return cmp.Compare(a.layer, b.layer) })
				out = append(out, files)
			}
		}
	}
	return out
}

// rowOf returns the row of the package that owns a file, or none.
func (ad *adviser) rowOf(p *Packages, f *sameFile) int32 {
	if rows := p.rowsOf(nil, ad.t.at(f.node, len(ad.t.layers)-1)); len(rows) > 0 {
		return rows[0]
	}
	return none
}

// maxSameCopies is the maximum number of copies that are used for grouping and named in a
// finding.
const maxSameCopies = 4

// sameKey identifies contents whose copies came with the same layers and packages.
func sameKey(copies []sameFile) string {
	var b strings.Builder
	for i := range copies[:min(len(copies), maxSameCopies)] {
		fmt.Fprintf(&b, "%d/%d ", copies[i].layer, copies[i].row)
	}
	return b.String()
}

// A sameGroup is a set of contents whose copies came with the same layers and packages.
type sameGroup struct {
	first    []sameFile // copies of one of them
	places   []commonDir
	contents int
	copies   int   // not counting the first of each
	bytes    int64 // bytes of these copies
	last     sameFile
}

func (g *sameGroup) add(copies []sameFile) {
	g.contents++
	g.copies += len(copies) - 1
	for i := range copies {
		if i > 0 {
			g.bytes += copies[i].size
		}
		if i < len(g.places) {
			g.places[i].add(copies[i].node, copies[i].size)
		}
	}
	if last := copies[len(copies)-1]; last.size > g.last.size {
		g.last = last
	}
}

// sameFinding returns the finding of a group. It blames the layer of the last copy.
func (ad *adviser) sameFinding(p *Packages, g *sameGroup) Finding {
	layer := int(g.last.layer)
	var copies []string
	for i := range g.first[:min(len(g.first), maxSameCopies)] {
		f := &g.first[i]
		of := "no package"
		if f.row != none {
			of = p.Rows[f.row].title() + " (" + p.Rows[f.row].Type + ")"
		}
		where := g.places[i].heights[len(g.places[i].heights)-1].node
		if g.contents == 1 {
			where = f.node
		}
		copies = append(copies, fmt.Sprintf("%s, of %s, from layer %d", ad.t.pathText(where), of, f.layer))
	}
	if more := len(g.first) - maxSameCopies; more > 0 {
		copies = append(copies, human.Count(more, "other", "others"))
	}
	path := ad.t.shortPath(g.last.node)
	what := human.Count(g.contents, "file has", "files have") + " the same content at several paths"
	f := Finding{
		Rule: RuleSame, Severity: Note, Title: "The same content at different paths",
		Message: fmt.Sprintf("%s, each stored separately, %s more than once: %s.", upperFirst(what), human.Size(g.bytes), strings.Join(copies, "; ")),
		Path:    path, Layer: layer, Bytes: g.bytes, Versions: g.copies, Step: ad.step(layer).text, Line: ad.lines[layer],
	}
	f.ID = RuleSame + path
	f.setAdvice("Keep one of them: leave out the package that brings the other, use a base image without it, or make one a symlink (`ln -s`) in the step that brings it.")
	if layer < ad.a.Totals.BaseLayers {
		f.OfBase = true
		f.setAdvice("All of them come from the base image: choose another base image.")
	}
	return f
}
