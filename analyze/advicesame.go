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

// RuleSame is the rule of findings about content that shows at several paths, and that
// is stored for each of them: libraries of the base image, say, that come again with
// packages of a language. It is not waste: every copy shows.
const RuleSame = "same-content"

// Bounds on the look for the same content.
const (
	leastSame   = 1_000_000 // bytes of a file
	probedPairs = 64        // files of one size of which each pair is looked at before they are read
)

// A sameFile is content that shows, with the first of its names.
type sameFile struct {
	node  NodeID
	layer uint16 // carries it
	entry int32
	size  int64
	row   int32 // of its package, none without
}

// sameFindings finds content that shows at several paths. Checksums are made of files
// of equal size alone. The error is ctx's.
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

// largeFiles returns the large files that show in the final union, by size, where there
// are several of one size. Names of one inode are one file.
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

// sumSame makes the checksums that are missing, of files that a look at a few bytes does
// not tell apart. Layers whose content is gone, as in an index, or that a table of
// contents lists, which would have to be fetched, are left as they are.
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
				// What cannot be read is not known to be the same.
				_ = t.layers[layer].Sum(ctx, wanted[layer])
				return ctx.Err()
			})
		})
	}
	return group.Wait()
}

// mayBeTwice reports whether any other file may hold the same as file i.
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

// sameContents returns the files that hold the same, those of lower layers first.
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

// rowOf returns the row of the package that owns a file, none without.
func (ad *adviser) rowOf(p *Packages, f *sameFile) int32 {
	if rows := p.rowsOf(nil, ad.t.at(f.node, len(ad.t.layers)-1)); len(rows) > 0 {
		return rows[0]
	}
	return none
}

// maxSameCopies bounds the copies by which contents are put together, and that a finding
// names.
const maxSameCopies = 4

// sameKey tells contents apart whose copies came with other layers or packages.
func sameKey(copies []sameFile) string {
	var b strings.Builder
	for i := range copies[:min(len(copies), maxSameCopies)] {
		fmt.Fprintf(&b, "%d/%d ", copies[i].layer, copies[i].row)
	}
	return b.String()
}

// A sameGroup is contents whose copies came with the same layers and packages.
type sameGroup struct {
	first    []sameFile // the copies of one of them
	places   []commonDir
	contents int
	copies   int   // beyond the first of each
	bytes    int64 // that these store
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

// sameFinding is the finding of a group. The layer to blame is that of the last copy.
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
		Message: fmt.Sprintf("%s, each stored by itself, %s more than once: %s.", upperFirst(what), human.Size(g.bytes), strings.Join(copies, "; ")),
		Path:    path, Layer: layer, Bytes: g.bytes, Versions: g.copies, Step: ad.step(layer).text, Line: ad.lines[layer],
	}
	f.ID = RuleSame + path
	f.setAdvice("Keep one of them: leave out the package that brings the other, use a base image without it, or make one a symlink (`ln -s`) in the step that brings it.")
	if layer < ad.a.Totals.BaseLayers {
		f.OfBase = true
		f.setAdvice("The base image brings all of them: choose another base image.")
	}
	return f
}
