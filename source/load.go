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
)

// origin is what an image is read from; it stays open as long as the image.
type origin struct {
	bundle bundle
	shelf  *shelf
	meter  *meter
	log    *slog.Logger
	cache  *cache
	again  *again // nil unless contents are read on demand
}

// Scan reads the entries of every layer, several layers at once. A layer whose
// form is not supported gets an Err, and the rest goes on; broken or truncated
// data is an error. An image that came in a stream has been scanned by Open.
func (im *Image) Scan(ctx context.Context) error { return im.ScanEach(ctx, func(*Layer) {}) }

// ScanEach is Scan, and calls done with each layer once that has been read, in
// whatever order they are. Those that had been read before come first. It is
// called from several goroutines, one at a time.
func (im *Image) ScanEach(ctx context.Context, done func(*Layer)) error {
	var todo []*Layer
	var bytes int64
	for _, l := range im.Layers {
		if l.Err == nil && l.Entries == nil {
			todo = append(todo, l)
			bytes += l.blob.size
		} else {
			done(l)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if im.meter != nil {
		im.meter.expect(bytes, len(todo))
	}
	// The largest first, so that none of them is left over at the end.
	slices.SortStableFunc(todo, func(a, b *Layer) int { return cmp.Compare(b.blob.size, a.blob.size) })
	var one sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, l := range todo {
		group.Go(func() error {
			err := l.take(im.cache.scan(ctx, l.blob, l.Digest, im.meter))
			im.meter.layerDone()
			if err == nil {
				one.Lock()
				defer one.Unlock()
				done(l)
			}
			return err
		})
	}
	return group.Wait()
}

// take makes what a scan gave the layer's own.
func (l *Layer) take(s *scanned) error {
	var unsupported errUnsupported
	switch {
	case errors.As(s.err, &unsupported):
		l.Err = s.err
		l.CompressedBytes = l.blob.size
		return nil
	case s.err != nil:
		return l.wrap(s.err)
	case s.digest != "" && l.Digest != "" && s.digest != l.Digest:
		return l.wrap(fmt.Errorf("its digest is %s, the manifest says %s", s.digest, l.Digest))
	}
	if s.form != plain {
		l.CompressedBytes = l.blob.size
	}
	l.Entries = s.entries
	return nil
}

// Close lets go of what the image is read from. Contents can no longer be
// opened; entries stay.
func (im *Image) Close() error {
	if im.bundle == nil {
		return nil
	}
	return errors.Join(im.shelf.close(), im.bundle.close(), im.cache.close(), im.again.close())
}

// Flaws returns what was malformed in the layer's tar, but could be passed over.
func (l *Layer) Flaws() []Flaw {
	if l.Entries == nil {
		return nil
	}
	out := append([]Flaw(nil), l.Entries.flaws...)
	for i := range out {
		out[i].Layer = l.Index
	}
	return out
}
