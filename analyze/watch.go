package analyze

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// How often Watch shows the state: first after a delay, because most images
// have been read by then, and then so rarely that it takes a small part of the
// time.
const (
	firstShow  = 300 * time.Millisecond
	leastPause = 500 * time.Millisecond
	pauseRatio = 4 // ratio of the pause to the time that the last one took
)

// watchedEntries is the maximum number of entries for which Watch shows an analysis before the
// end: its tree exists in addition to the one being built.
const watchedEntries = 1 << 20

// Watch is Start with intermediate results: while layers are being read, it shows analyses of the
// lowest layers read so far, without gaps (see Analysis.Read). Each is complete in itself: it
// describes these layers as if the image had no others. Its nodes have their final IDs. Its base
// is the one that the image itself names until the search ends (see Analysis.Settled). Watch
// calls show from one goroutine and rarely: never for an image that is read quickly, never for
// more than watchedEntries entries, and never after Watch has returned.
func Watch(ctx context.Context, im *source.Image, opts Options, show func(*Analysis)) (*Analysis, error) {
	search, err := searchBase(ctx, im, opts)
	if err != nil {
		return nil, err
	}
	w := newWatcher(im, search, show)
	working, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	var broken error
	ended.Go(func() {
		broken = crash.Do(func() error {
			w.run(working)
			return nil
		})
	})
	a, err := assemble(ctx, im, w.read)
	stop()
	ended.Wait()
	if err := cmp.Or(err, broken); err != nil {
		search.end()
		return nil, err
	}
	// Don't wait for an engine before the screen appears.
	base, known := search.ready()
	a.Base = base
	a.Dockerfile = fitting(im, opts.Dockerfiles)
	if !known {
		a.search = search
	}
	// A view is needed first. Prepare it while the figures are computed.
	a.Tree.settleInodes()
	ended.Go(func() {
		broken = crash.Do(func() error {
			a.Tree.PrepareViews()
			return nil
		})
	})
	err = a.sum(ctx)
	ended.Wait()
	if err := cmp.Or(err, broken); err != nil {
		return nil, err
	}
	return a, nil
}

// A watcher makes analyses of the layers read so far.
type watcher struct {
	im   *source.Image
	base *baseSearch
	show func(*Analysis)
	news chan struct{} // signals that a layer has been read

	first, pause time.Duration // delay before the first analysis, and the minimum between two
	most         int           // maximum number of entries of an analysis

	mu   sync.Mutex
	done []*source.Layer // by index; nil if not read yet
}

func newWatcher(im *source.Image, base *baseSearch, show func(*Analysis)) *watcher {
	return &watcher{im: im, base: base, show: show, news: make(chan struct{}, 1),
		first: firstShow, pause: leastPause, most: watchedEntries, done: make([]*source.Layer, len(im.Layers))}
}

// read takes a layer that has been read.
func (w *watcher) read(l *source.Layer) {
	w.mu.Lock()
	w.done[l.Index] = l
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// run shows analyses from time to time until ctx ends.
func (w *watcher) run(ctx context.Context) {
	pause := w.first
	shown := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		select {
		case <-ctx.Done():
			return
		case <-w.news:
		}
		layers, n := w.lower()
		if n == shown || entriesOf(layers) > w.most {
			pause = w.pause
			continue
		}
		began := time.Now()
		base, _ := w.base.ready()
		a, err := startLower(ctx, w.im, layers, n, base)
		if err != nil {
			return // everything has been read; the caller shows it
		}
		shown = n
		w.show(a)
		pause = max(w.pause, pauseRatio*time.Since(began))
	}
}

// lower returns the image's layers; the first n have been read, and the others are empty.
func (w *watcher) lower() (layers []*source.Layer, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n < len(w.done) && w.done[n] != nil {
		n++
	}
	return emptiedAbove(w.im, n), n
}

// entriesOf returns the number of entries in layers.
func entriesOf(layers []*source.Layer) (n int) {
	for _, l := range layers {
		n += l.Entries.Len()
	}
	return n
}

// emptiedAbove returns im's layers, with those from the n-th on emptied. It does not touch data
// of these that is still being written.
func emptiedAbove(im *source.Image, n int) []*source.Layer {
	layers := append([]*source.Layer(nil), im.Layers[:n]...)
	for _, l := range im.Layers[n:] {
		layers = append(layers, &source.Layer{
			Index: l.Index, DiffID: l.DiffID, Digest: l.Digest, MediaType: l.MediaType, Step: l.Step, CompressedBytes: -1,
			OfContainer: l.OfContainer,
		})
	}
	return layers
}

// StartLower returns what Watch shows when only the lowest n layers of im have been read. It lets
// callers reproduce that state.
func StartLower(ctx context.Context, im *source.Image, opts Options, n int) (*Analysis, error) {
	search, err := searchBase(ctx, im, opts)
	if err != nil {
		return nil, err
	}
	if err := im.Scan(ctx); err != nil {
		return nil, err
	}
	return startLower(ctx, im, emptiedAbove(im, n), n, search.wait(ctx))
}

// startLower is Start for an image of which only the first n layers have been read.
func startLower(ctx context.Context, im *source.Image, layers []*source.Layer, n int, base Base) (*Analysis, error) {
	some := *im
	some.Layers = layers
	a, err := assembleLower(ctx, &some)
	if err != nil {
		return nil, err
	}
	a.Base = base
	if err := a.conclude(ctx); err != nil {
		return nil, err
	}
	a.read, a.open = n, nil // comparisons are made at the end
	return a, nil
}

// Read returns the number of layers in the analysis, from the lowest up. It is less than all only
// while Watch is running.
func (a *Analysis) Read() int { return a.read }

// Whole reports whether all layers have been read.
func (a *Analysis) Whole() bool { return a.read == len(a.Layers) }
