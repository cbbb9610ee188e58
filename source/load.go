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

// origin is what an image is read from; it stays open as long as the image.
type origin struct {
	bundle   bundle
	scan     layer.ScanOptions // for every layer
	meter    *meter
	log      *slog.Logger
	cache    *cache
	reopener *reopener // nil unless contents are read on demand
}

// Scan reads the entries of every layer, several layers at once. A layer whose
// form is not supported gets an Err, and the rest goes on; broken or truncated
// data is an error. An image that came in a stream has been scanned by Open.
func (im *Image) Scan(ctx context.Context) error { return im.ScanEach(ctx, func(*Layer) {}) }

// ScanEach is Scan, and calls done with each layer once that has been read, in
// whatever order they are. Those that had been read before come first. It is
// called from several goroutines, one at a time. A blob that several layers share
// is read once.
func (im *Image) ScanEach(ctx context.Context, done func(*Layer)) error {
	var todo [][]*Layer // those of one blob together
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
	// The largest first, so that none of them is left over at the end.
	slices.SortStableFunc(todo, func(a, b []*Layer) int { return cmp.Compare(b[0].size, a[0].size) })
	var one sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, same := range todo {
		group.Go(func() (err error) {
			defer crash.Catch(&err)
			options := im.scan
			options.Digest, options.Verify = same[0].Digest, options.Verify || same[0].linkedOut
			found, err := same[0].reader.Scan(ctx, options)
			im.meter.layerDone()
			one.Lock()
			defer one.Unlock()
			for _, l := range same {
				if err := l.take(found, err); err != nil {
					return err
				}
				done(l)
			}
			return nil
		})
	}
	return group.Wait()
}

// take makes what a scan gave the layer's own.
func (l *Layer) take(s *layer.Scanned, err error) error {
	var unsupported layer.UnsupportedError
	switch {
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
	l.Entries, l.Facts = s.Entries, s.Facts
	return nil
}

// Close lets go of what the image is read from. Contents can no longer be
// opened; entries stay.
func (im *Image) Close() error {
	if im.bundle == nil {
		return nil
	}
	return errors.Join(im.bundle.close(), im.cache.close(), im.reopener.close())
}
