package analyze

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// How often Watch shows what there is: first after a while, for most images have
// been read by then, and then so seldom that making it takes a small part of the
// time.
const (
	firstShow  = 300 * time.Millisecond
	leastPause = 500 * time.Millisecond
	pauseRatio = 4 // of the pause to what making the last one took
)

// watchedEntries bounds the entries of which Watch shows an analysis before all is
// there: its tree is held beside the one that is being built.
const watchedEntries = 1 << 20

// Watch is Start, and hands out analyses of what has been read so far while the
// layers above are still being read. Those are of the lower layers, as many as
// are there without a gap (see Analysis.Read), and whole in themselves: what they
// say of these layers is what an image without the others would be. Their nodes
// have the IDs that they have in the end. The base is what the image itself tells,
// until it is found (see Analysis.Settled). show is called from one goroutine,
// seldom, and not at all for an image that is read at once, nor once there are more
// than watchedEntries, nor after Watch has returned.
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
	// Nobody waits for an engine before the screen is there.
	base, known := search.ready()
	a.Base = base
	a.Dockerfile = fitting(im, opts.Dockerfiles)
	if !known {
		a.search = search
	}
	// A view is what is looked at first. What it takes is made beside the figures.
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

// A watcher makes analyses of the layers that have been read.
type watcher struct {
	im   *source.Image
	base *baseSearch
	show func(*Analysis)
	news chan struct{} // has one when a layer has been read since

	first, pause time.Duration // before the first is shown, and between two at least
	most         int           // entries of which an analysis is shown

	mu   sync.Mutex
	done []*source.Layer // by index; nil for what has not been read
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

// run shows what there is, now and then, until ctx ends.
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
			return // it shows again when all is read
		}
		shown = n
		w.show(a)
		pause = max(w.pause, pauseRatio*time.Since(began))
	}
}

// lower returns the image's layers, of which the first n have been read and the
// others hold nothing.
func (w *watcher) lower() (layers []*source.Layer, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n < len(w.done) && w.done[n] != nil {
		n++
	}
	return emptiedAbove(w.im, n), n
}

// entriesOf returns how many entries layers have together.
func entriesOf(layers []*source.Layer) (n int) {
	for _, l := range layers {
		n += l.Entries.Len()
	}
	return n
}

// emptiedAbove returns im's layers, those from the n-th on without what they
// hold. Of these, nothing is looked at that may still be being written.
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

// StartLower is what Watch shows once the lowest n layers of im have been read,
// and no others: for those who want to see that again.
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

// startLower is Start for an image of which only the first n layers have been
// read.
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
	a.read, a.open = n, nil // comparisons are made when all is there
	return a, nil
}

// Read returns how many layers the analysis is of, from the lowest on: all but
// while Watch is at work.
func (a *Analysis) Read() int { return a.read }

// Whole reports whether all layers have been read.
func (a *Analysis) Whole() bool { return a.read == len(a.Layers) }
