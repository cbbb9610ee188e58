package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source/layer"
)

// origin is the source of an image; it stays open as long as the image.
type origin struct {
	bundle   bundle
	scan     layer.ScanOptions // for every layer
	meter    *meter
	log      *slog.Logger
	cache    *cache
	reopener *reopener // nil unless contents are read on demand
	parallel int       // number of layers read at once; 0: one for each processor
	opened   Options   // the options that the image was opened with
}

// logger returns the log for the image.
func (o *origin) logger() *slog.Logger {
	return cmp.Or(o.log, o.opened.Log, slog.New(slog.DiscardHandler))
}

// Scan reads the entries of every layer, several layers at once. If the format
// of a layer is unsupported, it sets the layer's Err and continues; damaged or
// truncated data is an error. If the image came in a stream, Open has already
// scanned it.
func (im *Image) Scan(ctx context.Context) error { return im.ScanEach(ctx, func(*Layer) {}) }

// ScanEach is like Scan, and calls done with each layer after reading it.
// Layers that are already read come first, from the lowest up, followed by
// cached layers in roughly that order, then all others in any order. Several
// goroutines call done, one at a time. A blob that several layers share is read
// once.
func (im *Image) ScanEach(ctx context.Context, done func(*Layer)) error {
	var todo [][]*Layer // layers with the same blob together
	of := map[layer.Reader]int{}
	var bytes int64
	for _, l := range im.Layers {
		if l.Err != nil || l.Entries != nil {
			done(l)
			continue
		}
		if i, ok := of[l.reader]; ok {
			todo[i] = append(todo[i], l)
			continue
		}
		of[l.reader] = len(todo)
		todo = append(todo, []*Layer{l})
		bytes += l.size
	}
	if len(todo) == 0 {
		return nil
	}
	if im.meter != nil {
		im.meter.expect(bytes, len(todo))
	}
	s := scan{im: im, done: done}
	todo, err := s.each(ctx, todo, s.look)
	if err != nil {
		return err
	}
	// The largest first, so that none of them is left for the end.
	slices.SortStableFunc(todo, func(a, b []*Layer) int { return cmp.Compare(b[0].size, a[0].size) })
	_, err = s.each(ctx, todo, s.read)
	return err
}

// A scan is one call of ScanEach.
type scan struct {
	im   *Image
	mu   sync.Mutex // held while done is called
	done func(*Layer)
}

// each calls fn with the layers of each blob, several blobs at once, and returns those for which
// fn is false, in order.
func (s *scan) each(ctx context.Context, todo [][]*Layer, fn func(context.Context, []*Layer) (bool, error)) ([][]*Layer, error) {
	left := make([][]*Layer, len(todo))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(s.im.parallel, runtime.GOMAXPROCS(0)))
	for i, same := range todo {
		group.Go(func() (err error) {
			defer crash.Catch(&err)
			ok, err := fn(ctx, same)
			if !ok {
				left[i] = same
			}
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(left, func(same []*Layer) bool { return same == nil }), err
}

// look takes the layers of one blob from the cache, if it has them.
func (s *scan) look(ctx context.Context, same []*Layer) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	found, ok := layer.Known(same[0].reader, s.options(same))
	if !ok {
		return false, nil
	}
	return true, s.found(same, found, nil)
}

// read scans the blob of these layers.
func (s *scan) read(ctx context.Context, same []*Layer) (bool, error) {
	found, err := same[0].reader.Scan(ctx, s.options(same))
	return true, s.found(same, found, err)
}

func (s *scan) options(same []*Layer) layer.ScanOptions {
	o := s.im.scan
	o.Digest, o.Verify = same[0].Digest, o.Verify || same[0].linkedOut
	return o
}

// found stores the result of a scan in the layers of the blob.
func (s *scan) found(same []*Layer, found *layer.Scanned, err error) error {
	s.im.meter.layerDone()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range same {
		if err := l.take(found, err); err != nil {
			return err
		}
		s.done(l)
	}
	return nil
}

// take stores the result of a scan in the layer.
func (l *Layer) take(s *layer.Scanned, err error) error {
	var unsupported layer.UnsupportedError
	var absent *absentBlob
	switch {
	case errors.As(err, &absent):
		l.Err = absent
		if packedType(l.MediaType) {
			l.CompressedBytes = l.size
		}
		return nil
	case errors.As(err, &unsupported):
		l.Err = err
		l.CompressedBytes = l.size
		return nil
	case err != nil:
		return l.wrap(err)
	case s.Digest != "" && l.Digest != "" && s.Digest != l.Digest:
		return l.wrap(fmt.Errorf("its digest is %s, the manifest says %s", s.Digest, l.Digest))
	}
	if s.Packed {
		l.CompressedBytes = l.size
	}
	l.Entries, l.Facts, l.ListedBy = s.Entries, s.Facts, s.ListedBy
	return nil
}

// Close releases the source of the image. Contents can no longer be opened; entries remain.
func (im *Image) Close() error {
	if im.bundle == nil {
		return nil
	}
	return errors.Join(im.bundle.close(), im.cache.close(), im.reopener.close())
}
