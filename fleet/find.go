package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// # Looking for files
//
// Find reads the layers' tables of files twice. It skips each row group whose range of paths
// can't contain what it looks for.
//
//  1. It searches each unique layer for paths that match. They all start with the literal
//     beginning of the glob.
//  2. An entry or a whiteout hides a match if it comes later in the same layer, or in a higher
//     layer, and has the same path or that of a parent. So Find reads these paths from the
//     layers with a match, and from those above them in some image.
//
// The lists of layers then give the images.

const (
	// maxMatches is the maximum number of entries that match in all layers. It bounds memory.
	maxMatches = 1_000_000

	// findAtOnce is the number of layers read at once, because object stores answer slowly.
	findAtOnce = 8
)

// ErrTooMany means that more entries match than fit in memory.
var ErrTooMany = errors.New("too many files match")

// A FoundImage is an image with files that match.
type FoundImage struct {
	Image *ImageRow
	Files []FoundFile // by path, and by layer, the lowest first
}

// Visible returns the number of files that the final image shows.
func (f *FoundImage) Visible() (n int) {
	for i := range f.Files {
		if f.Files[i].HiddenBy < 0 {
			n++
		}
	}
	return n
}

// A FoundFile is a matching entry in one layer of an image.
type FoundFile struct {
	Path     string
	Type     string // as in FileRow
	Size     int64  // bytes
	Index    int64  // of the layer in the image, 0 is the lowest
	Layer    string // its digest
	Step     string // the build step that made it, "" if unknown
	HiddenBy int64  // the layer that covers or removes it, -1 if the image shows it
}

// A FindResult has the counts of a search.
type FindResult struct {
	Images, Visible int64 // images with a match; those of them that show one
	Layers          int64 // layers with a match
	Unreadable      int64 // layers that can't be read, and so can't be searched
	Waiting         int64 // images that haven't been analyzed yet

	Groups, Skipped int64 // row groups of the layers in both passes; those skipped
}

// Find looks for files in all images of a plan ("" for the newest), and calls fn with each image
// that has some, in the plan's order. A directory counts if the glob names it, but not if the
// glob names what is below it.
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
	inLayer map[string]*foundLayer // by digest: layers with a match, and those above one

	paths map[string]bool // true for paths that match, false for their parents
}

// foundLayer holds the facts about a layer.
type foundLayer struct {
	files []foundRow // the matches, by path
	hides map[string]hiding
}

// foundRow is an entry that matches.
type foundRow struct {
	path, kind string
	size       int64
	ordinal    int32
	gone       bool // the same layer covers it later
}

func (f *finding) table(name, part string) string { return TablePrefix(name, f.plan.ID) + part }

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

// resolve returns an image's matches. layers are the image's, lowest first.
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
		return true // even a directory covers a directory: the upper one's attributes show
	}
	for i := strings.LastIndexByte(x.path, '/'); i > 0; i = strings.LastIndexByte(x.path[:i], '/') {
		if l.hides[x.path[:i]]&hidesBelow != 0 {
			return true
		}
	}
	return l.hides["/"]&hidesBelow != 0
}
