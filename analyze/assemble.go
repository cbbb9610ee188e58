package analyze

import (
	"context"
	"errors"
	"sync"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// # Building while reading
//
// A layer can be applied as soon as the layers below it have been read. So one goroutine builds
// the tree while others still read layers. Work that concerns a single layer is done on its
// arrival, because the builder is the bottleneck for an image that was opened before.

// assembled is assemble, and detects the base image's layers meanwhile.
func assembled(ctx context.Context, im *source.Image, opts Options) (*Analysis, error) {
	search, err := searchBase(ctx, im, opts)
	if err != nil {
		return nil, err
	}
	a, err := assemble(ctx, im, func(*source.Layer) {})
	if err != nil {
		search.end()
		return nil, err
	}
	a.Base = search.wait(ctx)
	a.Dockerfile = fitting(im, opts.Dockerfiles)
	return a, ctx.Err()
}

// fitting returns the first Dockerfile that the image was built from, or nil.
func fitting(im *source.Image, files []*dockerfile.File) *dockerfile.File {
	for _, d := range files {
		if of, fits := dockerfile.For(im, d); fits {
			return of
		}
	}
	return nil
}

// assemble reads the unread layers of im and builds their tree. It calls read with each layer,
// like source.Image.ScanEach. The base is not known yet.
func assemble(ctx context.Context, im *source.Image, read func(*source.Layer)) (*Analysis, error) {
	in := newArrivals(im.Layers)
	working, stop := context.WithCancel(ctx)
	defer stop()
	scanned := make(chan error, 1)
	go func() {
		err := crash.Do(func() error {
			return im.ScanEach(working, func(l *source.Layer) {
				in.add(l)
				read(l)
			})
		})
		if err != nil {
			stop()
		}
		scanned <- err
	}()
	var a *Analysis
	built := crash.Do(func() (err error) {
		a, err = assembleOf(working, im, in)
		return err
	})
	if built != nil {
		stop()
	}
	// The first failure has stopped the other side.
	if err := <-scanned; err != nil && (ctx.Err() != nil || !errors.Is(err, context.Canceled)) {
		return nil, err
	}
	return a, built
}

// assembleOf builds the tree from layers as they arrive.
func assembleOf(ctx context.Context, im *source.Image, in *arrivals) (*Analysis, error) {
	b := newBuilder(im.Layers)
	if err := b.build(ctx, in); err != nil {
		return nil, err
	}
	return &Analysis{Image: im, Tree: b.t, Flaws: allFlaws(im, &b.flaws), open: b.pending, read: len(im.Layers), stored: in.stored()}, nil
}

// assembleLower builds the tree of layers that have been read or count as empty.
func assembleLower(ctx context.Context, im *source.Image) (*Analysis, error) {
	return assembleOf(ctx, im, arrived(im.Layers))
}

// arrived converts layers that have all been read.
func arrived(layers []*source.Layer) *arrivals {
	in := newArrivals(layers)
	for _, l := range layers {
		in.add(l)
	}
	return in
}

// An arrival is a layer that has been read, with facts about that layer alone.
type arrival struct {
	there   chan struct{} // closed after the layer is read
	markers []int         // see findMarkers
	stored  int64         // bytes of content
}

// arrivals are an image's layers by index, as they are read. Safe for concurrent use: one
// goroutine adds, others wait.
type arrivals struct {
	layers []*source.Layer
	each   []arrival

	mu             sync.Mutex
	left           int   // layers not yet read
	entries, bytes int64 // of the layers read so far; bytes as stored
	bytesLeft      int64 // of the unread layers
	most           int   // maximum number of entries in one layer
}

func newArrivals(layers []*source.Layer) *arrivals {
	in := &arrivals{layers: layers, each: make([]arrival, len(layers)), left: len(layers)}
	for k, l := range layers {
		in.each[k].there = make(chan struct{})
		in.bytesLeft += l.StoredSize()
	}
	return in
}

// add adds a layer that has been read.
func (in *arrivals) add(l *source.Layer) {
	a := &in.each[l.Index]
	if l.Entries != nil {
		a.markers, a.stored = findMarkers(l.Entries), storedIn(l.Entries)
	}
	in.mu.Lock()
	in.left--
	in.entries += int64(l.Entries.Len())
	in.most = max(in.most, l.Entries.Len())
	in.bytes += l.StoredSize()
	in.bytesLeft -= l.StoredSize()
	in.mu.Unlock()
	close(a.there)
}

// wait waits until layer k has been read and returns its arrival.
func (in *arrivals) wait(ctx context.Context, k int) (*arrival, error) {
	a := &in.each[k]
	select {
	case <-a.there:
		return a, nil
	default:
	}
	select {
	case <-a.there:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// all waits until all layers have been read.
func (in *arrivals) all(ctx context.Context) error {
	for k := range in.each {
		if _, err := in.wait(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// Limits on the expected number of entries before all layers are read: a multiple of those
// already read, and an absolute number. Too high an estimate wastes address space; too low an
// estimate costs a copy of the tree built so far.
const (
	guessRatio = 16
	guessMost  = 1 << 20
)

// expected returns the number of entries in all layers and in the largest one.
// While layers are unread, it is an estimate from the entries per byte of those
// already read.
func (in *arrivals) expected() (entries, most int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	guess := 0.0
	if in.left > 0 {
		guess = float64(in.entries) * float64(in.bytesLeft) / float64(max(in.bytes, 1))
	}
	return int(in.entries) + int(min(guess, float64(guessRatio*in.entries), guessMost)), in.most
}

// stored returns the bytes of content of each layer. All layers must have been read.
func (in *arrivals) stored() []int64 {
	out := make([]int64, len(in.each))
	for k := range in.each {
		out[k] = in.each[k].stored
	}
	return out
}

// storedIn returns the bytes of content in a layer.
func storedIn(e *source.Entries) (bytes int64) {
	for i := range e.Len() {
		if e.Type(i) == source.File {
			bytes += e.Stored(i)
		}
	}
	return bytes
}
