package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// # Looking for files
//
// Which images ship a path is answered from the layers' tables of files. Find goes through
// them twice, and skips every row group in whose range of paths nothing can be:
//
//  1. Each unique layer is searched for paths that match: below the literal beginning of
//     the glob.
//  2. A match is hidden by an entry or a whiteout of the same path or of one above it, in
//     the same layer later or in a higher layer. Of the layers with a match, and those that
//     stand above one in some image, just these paths are read.
//
// The images then follow from their lists of layers.

const (
	// maxMatches bounds the entries that match, in all layers, and so the memory.
	maxMatches = 1_000_000

	// findAtOnce is how many layers are read at once: an object store takes its time to answer.
	findAtOnce = 8
)

// ErrTooMany says that too many entries match to be held.
var ErrTooMany = errors.New("too many files match")

// A FoundImage is an image with files that match.
type FoundImage struct {
	Image *ImageRow
	Files []FoundFile // by path, and by layer, the lowest first
}

// Visible is how many of the files some user of the image sees.
func (f *FoundImage) Visible() (n int) {
	for i := range f.Files {
		if f.Files[i].HiddenBy < 0 {
			n++
		}
	}
	return n
}

// A FoundFile is an entry of a layer of an image that matches.
type FoundFile struct {
	Path     string
	Type     string // as in FileRow
	Size     int64  // bytes
	Index    int64  // of the layer in the image, 0 is the lowest
	Layer    string // its digest
	Step     string // the build step that made it; "" if that is unknown
	HiddenBy int64  // layer that covers or removes it; -1: the image shows it
}

// A FindResult says how the search went.
type FindResult struct {
	Images, Visible int64 // with a file that matches; with one that shows
	Layers          int64 // with a file that matches
	Unreadable      int64 // layers that cannot be read, so that nothing is known of them
	Waiting         int64 // images that are not analyzed yet

	Groups, Skipped int64 // row groups of the layers, and those that were skipped, in both passes
}

// Find looks for files in all images of a plan ("" for the newest one), and calls fn with
// those that have some, in the plan's order. Directories count where the glob names them, and
// not where it names what lies below.
func Find(ctx context.Context, s source.Objects, plan string, glob analyze.Glob, fn func(*FoundImage) error) (*FindResult, error) {
	id, err := FindPlan(ctx, s, plan)
	if err != nil {
		return nil, err
	}
	f := &finding{s: s, glob: glob, inLayer: map[string]*foundLayer{}}
	if f.plan, err = planFacts(ctx, s, id); err != nil {
		return nil, err
	}
	if err := f.search(ctx); err != nil {
		return nil, err
	}
	if len(f.inLayer) > 0 {
		if err := f.covers(ctx); err != nil {
			return nil, err
		}
		if err := f.images(ctx, fn); err != nil {
			return nil, err
		}
	}
	for _, part := range f.plan.partsOf {
		t, err := OpenTable[ImageRow](ctx, s, f.table(ImagesTable, part))
		if err != nil {
			return nil, err
		}
		f.result.Waiting -= t.Len()
		if err := t.Close(); err != nil {
			return nil, err
		}
	}
	f.result.Waiting = max(0, f.result.Waiting+f.plan.End.Images)
	return &f.result, nil
}

// finding is a search.
type finding struct {
	s      source.Objects
	glob   analyze.Glob
	plan   PlanFacts
	result FindResult

	mu      sync.Mutex
	matches int
	inLayer map[string]*foundLayer // by digest: with a match, or above one

	paths map[string]bool // what matches: true; what stands above it: false
}

// foundLayer holds the facts about a layer.
type foundLayer struct {
	files []foundRow // that match, by path
	hides map[string]hiding
}

// foundRow is an entry that matches.
type foundRow struct {
	path, kind string
	size       int64
	ordinal    int32
	gone       bool // the same layer covers it later
}

// hiding is what a layer's entries of one path do to lower layers.
type hiding uint8

const (
	hidesPath  hiding = 1 << iota // the path itself, and what is below a path that is no directory
	hidesBelow                    // all that is below
	isDir                         // a directory, which hides only what is none
)

// A fileColumns is a row of the table files, as far as the search reads it.
type fileColumns struct {
	Path     string  `parquet:"path,zstd"`
	Ordinal  int32   `parquet:"ordinal,zstd"`
	Type     string  `parquet:"type,dict,zstd"`
	Whiteout *string `parquet:"whiteout,optional,dict,zstd"`
	Size     int64   `parquet:"size,zstd"`
}

func (f *finding) table(name, part string) string { return TablePrefix(name, f.plan.ID) + part }

// search looks for matches in all unique layers.
func (f *finding) search(ctx context.Context) error {
	var layers []string
	for _, part := range f.plan.partsOf {
		err := EachRow(ctx, f.s, f.table(LayersTable, part), func(r *LayerRow) error {
			if r.Error != nil {
				f.result.Unreadable++
				return nil
			}
			layers = append(layers, strings.Clone(r.Layer))
			return nil
		})
		if err != nil {
			return err
		}
		if err := f.each(ctx, layers, f.searchLayer); err != nil {
			return err
		}
		layers = layers[:0]
	}
	return nil
}

// each calls fn with layers, several at once.
func (f *finding) each(ctx context.Context, layers []string, fn func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(findAtOnce)
	for _, layer := range layers {
		group.Go(func() error { return fn(ctx, layer) })
	}
	return group.Wait()
}

func (f *finding) searchLayer(ctx context.Context, layer string) error {
	prefix, below := f.glob.Prefix(), strings.HasSuffix(f.glob.String(), "/**") || strings.HasSuffix(f.glob.String(), "/")
	var found []foundRow
	err := f.rows(ctx, layer, func(least, most string) bool { return overlaps(prefix, least, most) }, func(r *fileColumns) error {
		if r.Whiteout != nil || below && r.Type == "dir" || !strings.HasPrefix(r.Path, prefix) || !f.glob.Matches(r.Path) {
			return nil
		}
		found = append(found, foundRow{path: strings.Clone(r.Path), kind: strings.Clone(r.Type), size: r.Size, ordinal: r.Ordinal})
		if len(found) > maxMatches {
			return f.tooMany()
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inLayer[layer] = &foundLayer{files: found}
	f.result.Layers++
	if f.matches += len(found); f.matches > maxMatches {
		return f.tooMany()
	}
	return nil
}

func (f *finding) tooMany() error {
	return fmt.Errorf("%w: more than %d entries of the layers: narrow the glob %q", ErrTooMany, maxMatches, f.glob.String())
}

// overlaps reports whether some path between two begins so.
func overlaps(prefix, least, most string) bool {
	return most >= prefix && (least <= prefix || strings.HasPrefix(least, prefix))
}

// rows calls fn with the rows of a layer, but for row groups whose range of paths want
// refuses.
func (f *finding) rows(ctx context.Context, layer string, want func(least, most string) bool, fn func(*fileColumns) error) (err error) {
	name := LayerName(layer)
	t, err := OpenTable[fileColumns](ctx, f.s, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: run peel fleet index again", err)
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	groups := t.File.RowGroups()
	skipped := int64(0)
	rows := make([]fileColumns, 256)
	for i, g := range groups {
		if least, most, ok := pathBounds(t.File, g); ok && !want(least, most) {
			skipped++
			continue
		}
		if err := t.Seek(i); err != nil {
			return err
		}
		for left := g.NumRows(); left > 0; {
			clear(rows)
			n, err := t.Read(rows[:min(int64(len(rows)), left)])
			for j := range rows[:n] {
				if err := fn(&rows[j]); err != nil {
					return err
				}
			}
			if left -= int64(n); err != nil && (!errors.Is(err, io.EOF) || left > 0) {
				return fmt.Errorf("%s: %w", name, noEOF(err))
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result.Groups += int64(len(groups))
	f.result.Skipped += skipped
	return nil
}

// pathBounds are the least and the greatest path of a row group; false if it does not say.
func pathBounds(file *parquet.File, g parquet.RowGroup) (least, most string, ok bool) {
	leaf, there := file.Schema().Lookup("path")
	if !there {
		return "", "", false
	}
	chunk, has := g.ColumnChunks()[leaf.ColumnIndex].(interface {
		Bounds() (low, high parquet.Value, ok bool)
	})
	if !has {
		return "", "", false
	}
	low, high, ok := chunk.Bounds()
	if !ok {
		return "", "", false
	}
	return string(low.ByteArray()), string(high.ByteArray()), true
}

// covers reads what hides the matches.
func (f *finding) covers(ctx context.Context) error {
	f.paths = map[string]bool{}
	for _, l := range f.inLayer {
		for i := range l.files {
			f.paths[l.files[i].path] = true
		}
	}
	for _, path := range slices.Collect(maps.Keys(f.paths)) {
		for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
			if above := path[:i]; !f.paths[above] {
				f.paths[above] = false
			}
		}
		if path != "/" && !f.paths["/"] {
			f.paths["/"] = false
		}
	}
	above := map[string]bool{}
	for _, part := range f.plan.partsOf {
		image, has := int64(-1), false
		err := EachRow(ctx, f.s, f.table(ImageLayersTable, part), func(r *ImageLayerRow) error {
			if r.Image != image { // an image's layers stand together, the lowest first
				image, has = r.Image, false
			}
			_, matches := f.inLayer[r.Layer]
			if (has || matches) && r.Error == nil {
				above[strings.Clone(r.Layer)] = true
			}
			has = has || matches
			return nil
		})
		if err != nil {
			return err
		}
	}
	sorted := slices.Sorted(maps.Keys(f.paths))
	return f.each(ctx, slices.Sorted(maps.Keys(above)), func(ctx context.Context, layer string) error {
		return f.coverLayer(ctx, layer, sorted)
	})
}

// coverLayer reads what a layer does to the paths, sorted, that matter.
func (f *finding) coverLayer(ctx context.Context, layer string, sorted []string) error {
	f.mu.Lock()
	known := f.inLayer[layer]
	f.mu.Unlock()
	l := &foundLayer{hides: map[string]hiding{}}
	if known != nil {
		l.files = known.files
	}
	last := map[string]int32{} // ordinal of the last entry of a path that is no whiteout
	err := f.rows(ctx, layer, func(least, most string) bool { return f.mayHold(sorted, least, most) }, func(r *fileColumns) error {
		if _, ours := f.paths[r.Path]; ours {
			at := strings.Clone(r.Path)
			switch {
			case orZero(r.Whiteout) == "opaque":
				l.hides[at] |= hidesBelow
			case r.Whiteout != nil:
				l.hides[at] |= hidesPath | hidesBelow
			case r.Type == "dir":
				l.hides[at] |= isDir
				last[at] = max(last[at], r.Ordinal)
			default:
				l.hides[at] |= hidesPath | hidesBelow
				last[at] = max(last[at], r.Ordinal)
			}
		}
		// What is below a path makes it a directory, whether that has an entry or not.
		for i := strings.LastIndexByte(r.Path, '/'); i > 0; i = strings.LastIndexByte(r.Path[:i], '/') {
			if matches, ours := f.paths[r.Path[:i]]; ours && matches {
				l.hides[strings.Clone(r.Path[:i])] |= isDir
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range l.files {
		l.files[i].gone = last[l.files[i].path] > l.files[i].ordinal
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inLayer[layer] = l
	return nil
}

// mayHold reports whether one of the paths, or what is below one that matches, can be
// between two.
func (f *finding) mayHold(sorted []string, least, most string) bool {
	if i, _ := slices.BinarySearch(sorted, least); i < len(sorted) && sorted[i] <= most {
		return true
	}
	for path := least; len(path) > 1; { // least is below one of them
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		if f.paths[path] {
			return true
		}
	}
	return false
}

// images calls fn with each image that has a match.
func (f *finding) images(ctx context.Context, fn func(*FoundImage) error) error {
	for _, part := range f.plan.partsOf {
		found := map[int64][]FoundFile{}
		var image []ImageLayerRow
		settle := func() {
			if files := f.resolve(image); len(files) > 0 {
				found[image[0].Image] = files
			}
			image = image[:0]
		}
		err := EachRow(ctx, f.s, f.table(ImageLayersTable, part), func(r *ImageLayerRow) error {
			if len(image) > 0 && image[0].Image != r.Image {
				settle()
			}
			image = append(image, *r)
			return nil
		})
		if err != nil {
			return err
		}
		if len(image) > 0 {
			settle()
		}
		if len(found) == 0 {
			continue
		}
		err = EachRow(ctx, f.s, f.table(ImagesTable, part), func(r *ImageRow) error {
			files := found[r.Image]
			if len(files) == 0 {
				return nil
			}
			one := FoundImage{r, files}
			f.result.Images++
			if one.Visible() > 0 {
				f.result.Visible++
			}
			return fn(&one)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resolve returns the files of an image that match, given its layers, the lowest first.
func (f *finding) resolve(layers []ImageLayerRow) (files []FoundFile) {
	for i := range layers {
		l := f.inLayer[layers[i].Layer]
		if l == nil {
			continue
		}
		for j := range l.files {
			x := &l.files[j]
			file := FoundFile{x.path, x.kind, x.size, layers[i].Index, layers[i].Layer, orZero(layers[i].Command), -1}
			if x.gone {
				file.HiddenBy = layers[i].Index
			}
			for k := i + 1; k < len(layers) && file.HiddenBy < 0; k++ {
				if upper := f.inLayer[layers[k].Layer]; upper != nil && upper.covers(x) {
					file.HiddenBy = layers[k].Index
				}
			}
			files = append(files, file)
		}
	}
	slices.SortStableFunc(files, func(a, b FoundFile) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// covers reports whether a layer hides an entry of a lower one.
func (l *foundLayer) covers(x *foundRow) bool {
	h := l.hides[x.path]
	if h&hidesPath != 0 || h&isDir != 0 {
		return true // also a directory by a directory: the upper one's attributes show
	}
	for i := strings.LastIndexByte(x.path, '/'); i > 0; i = strings.LastIndexByte(x.path[:i], '/') {
		if l.hides[x.path[:i]]&hidesBelow != 0 {
			return true
		}
	}
	return l.hides["/"]&hidesBelow != 0
}
