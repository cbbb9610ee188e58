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

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
)

// # Searching the layers' tables

// hiding is what a layer's entries at one path do to lower layers.
type hiding uint8

const (
	hidesPath  hiding = 1 << iota // hides the path itself, and what is below it if it isn't a directory
	hidesBelow                    // hides everything below the path
	isDir                         // is a directory, which hides only what isn't one
)

// A fileColumns has the columns of the table files that the search reads.
type fileColumns struct {
	Path     string  `parquet:"path,zstd"`
	Ordinal  int32   `parquet:"ordinal,zstd"`
	Type     string  `parquet:"type,dict,zstd"`
	Whiteout *string `parquet:"whiteout,optional,dict,zstd"`
	Size     int64   `parquet:"size,zstd"`
}

// search finds the matches in all unique layers.
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

// each calls fn for each layer, several at once.
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

// overlaps reports whether a path from least to most can begin with prefix.
func overlaps(prefix, least, most string) bool {
	return most >= prefix && (least <= prefix || strings.HasPrefix(least, prefix))
}

// rows calls fn with the rows of a layer. It skips the row groups whose range of paths want
// rejects.
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

// pathBounds returns the least and the greatest path of a row group. It returns false if the
// group doesn't have them.
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

// covers reads the entries that hide matches.
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
			if r.Image != image { // the layers of an image are together, lowest first
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

// coverLayer reads what a layer does to the relevant paths, which are sorted.
func (f *finding) coverLayer(ctx context.Context, layer string, sorted []string) error {
	f.mu.Lock()
	known := f.inLayer[layer]
	f.mu.Unlock()
	l := &foundLayer{hides: map[string]hiding{}}
	if known != nil {
		l.files = known.files
	}
	last := map[string]int32{} // the ordinal of a path's last entry that isn't a whiteout
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
		// An entry below a path makes it a directory, even without an entry of its own.
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

// mayHold reports whether a range can contain one of the paths, or a path below a match.
func (f *finding) mayHold(sorted []string, least, most string) bool {
	if i, _ := slices.BinarySearch(sorted, least); i < len(sorted) && sorted[i] <= most {
		return true
	}
	for path := least; len(path) > 1; { // is least below a match?
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		if f.paths[path] {
			return true
		}
	}
	return false
}
