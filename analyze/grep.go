package analyze

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/grep"
	"github.com/peelhq/peel/source"
)

// GrepOptions says what contents are searched for, and how much is told of what is
// found. Either Pattern or Sums is set.
type GrepOptions struct {
	Pattern *grep.Pattern
	Sums    map[Sum256]bool // contents with one of these sums are found

	Among Among
	Text  bool // take binary files for text
	Files bool // tell of a file that it matches, and nothing more
	Count bool // tell how many lines of a file match
	Most  int  // lines of a file that are told or counted; 0 for all

	Progress func(bytes, of int64, layers, ofLayers int) // may be nil; it must not block
}

// A Match is a line that matches or, without Line, a file that does.
type Match struct {
	Content
	Line   *grep.Line // nil: of a binary file, and with Files, Count or Sums
	Binary bool       // lines match, but the file is binary, and they are not told
	Count  int64      // lines that match, with Count
	Sum    Sum256     // the content's, with Sums
}

// Grepped is what a search has not looked into.
type Grepped struct {
	Unread []int     // layers that cannot be read: see their Err
	Holes  []Content // files that are mostly holes, too many of them for a sum
}

// Bounds of what waits to be told, because layers below are still being searched.
const (
	batchLines   = 64
	batchBytes   = 256 << 10
	batchesAhead = 4 // of a layer
)

// A batch is some matches of a layer, and the memory of their texts.
type batch struct {
	matches []Match
	bytes   int
}

// Grep searches the contents of an image, several layers at once, each in one pass. It
// calls found with every match, in the order of layers and in each in that of its
// entries, from one goroutine. The memory that it takes does not depend on the image. An
// error of found ends it and is returned; another one says which layer could not be read.
func Grep(ctx context.Context, an *Analysis, o GrepOptions, found func(*Match) error) (Grepped, error) {
	all, err := an.Tree.contents(ctx, o.Among)
	if err != nil {
		return Grepped{}, err
	}
	g := &grepping{o: o, layers: an.Tree.layers, contents: all}
	var result Grepped
	for i, l := range g.layers {
		if l.Err != nil && (o.Among.Layer < 0 || o.Among.Layer == i) {
			result.Unread = append(result.Unread, i)
		}
		if o.Sums != nil {
			g.contents[i], result.Holes = g.boundHoles(all[i], result.Holes)
		}
		for _, c := range g.contents[i] {
			g.total += g.layers[i].Entries.Stored(c.Entry())
		}
		if len(g.contents[i]) > 0 {
			g.busy++
		}
	}
	return result, g.run(ctx, found)
}

// grepping is one search.
type grepping struct {
	o        GrepOptions
	layers   []*source.Layer
	contents [][]Content // by layer
	holes    int64       // bytes, of the files that are summed
	total    int64       // bytes to read
	busy     int         // layers with contents
	read     atomic.Int64
	done     atomic.Int32 // layers
}

// A grepped is one layer's part of the search.
type grepped struct {
	batches chan batch
	err     error // once batches is closed
}

// run searches the layers and hands over what is found.
func (g *grepping) run(ctx context.Context, found func(*Match) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	parallel := runtime.GOMAXPROCS(0)
	// Layers that are begun and not told yet: more of them would wait with what they
	// have found.
	begun := make(chan *grepped, 2*parallel)
	running := make(chan struct{}, parallel)
	workers.Go(func() {
		defer close(begun)
		for i := range g.contents {
			if len(g.contents[i]) == 0 {
				continue
			}
			part := &grepped{batches: make(chan batch, batchesAhead)}
			select {
			case begun <- part:
			case <-ctx.Done():
				return
			}
			running <- struct{}{}
			workers.Go(func() {
				defer func() { <-running }()
				defer close(part.batches)
				part.err = crash.Do(func() error { return g.layer(ctx, i, part.batches) })
			})
		}
	})
	for part := range begun {
		for b := range part.batches {
			for i := range b.matches {
				if err := found(&b.matches[i]); err != nil {
					return err
				}
			}
		}
		if part.err != nil {
			return part.err
		}
	}
	return ctx.Err()
}

// layer searches one layer.
func (g *grepping) layer(ctx context.Context, i int, out chan<- batch) error {
	w := &grepWorker{g: g, ctx: ctx, out: out}
	defer func() { g.done.Add(1); g.progress() }()
	entries := make([]int, len(g.contents[i]))
	for j, c := range g.contents[i] {
		entries[j] = c.Entry()
	}
	look := w.lines
	if g.o.Sums != nil {
		look = w.sum
	}
	at := 0
	l := g.layers[i]
	err := l.Each(ctx, entries, func(entry int, r io.Reader) error {
		for entries[at] != entry {
			at++
		}
		w.content = g.contents[i][at]
		if err := look(r); err != nil {
			if w.stopped != nil {
				return w.stopped
			}
			return fmt.Errorf("layer %d: reading %q: %w", i, w.content.Path(), err)
		}
		g.read.Add(l.Entries.Stored(entry))
		g.progress()
		return w.flush()
	})
	if w.stopped != nil {
		return w.stopped
	}
	return err
}

func (g *grepping) progress() {
	if g.o.Progress != nil {
		g.o.Progress(g.read.Load(), g.total, int(g.done.Load()), g.busy)
	}
}

// A grepWorker searches the files of one layer.
type grepWorker struct {
	g       *grepping
	ctx     context.Context
	out     chan<- batch
	batch   batch
	stopped error // why what was found could not be handed over

	scanner *grep.Scanner
	summer  *summer
	content Content
	lineN   int64 // lines of the file that match
	binary  bool
}

// lines searches a file for the pattern.
func (w *grepWorker) lines(r io.Reader) error {
	if w.scanner == nil {
		w.scanner = &grep.Scanner{Pattern: w.g.o.Pattern, Text: w.g.o.Text, Found: w.line}
	}
	w.lineN, w.binary = 0, false
	if err := w.scanner.Search(ctxReader(w.ctx, r)); err != nil {
		return err
	}
	o := &w.g.o
	if w.lineN > 0 && (o.Files || o.Count || w.binary) {
		m := Match{Content: w.content, Binary: w.binary && !o.Files && !o.Count}
		if o.Count {
			m.Count = w.lineN
		}
		w.add(m, 0)
	}
	return w.stopped
}

// line gets a line that matches, and says whether the search of its file goes on.
func (w *grepWorker) line(l grep.Line, binary bool) bool {
	o := &w.g.o
	w.lineN++
	w.binary = binary
	switch {
	case o.Files, binary && !o.Count:
		return false
	case !o.Count:
		l.Text = append([]byte(nil), l.Text...)
		w.add(Match{Content: w.content, Line: &l}, len(l.Text))
	}
	return w.stopped == nil && (o.Most == 0 || w.lineN < int64(o.Most))
}

// add adds a match to those that are to be told.
func (w *grepWorker) add(m Match, bytes int) {
	w.batch.matches = append(w.batch.matches, m)
	if w.batch.bytes += bytes; len(w.batch.matches) >= batchLines || w.batch.bytes >= batchBytes {
		w.stopped = w.flush()
	}
}

// flush hands over what was found.
func (w *grepWorker) flush() error {
	if len(w.batch.matches) == 0 {
		return w.stopped
	}
	select {
	case w.out <- w.batch:
		w.batch = batch{}
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// ctxReader returns r, ending with its context. A reader that writes itself, as a
// sparse file does, sees to that.
func ctxReader(ctx context.Context, r io.Reader) io.Reader {
	if _, ok := r.(io.WriterTo); ok {
		return r
	}
	return endingReader{ctx, r}
}

// endingReader ends with its context.
type endingReader struct {
	ctx context.Context
	r   io.Reader
}

func (e endingReader) Read(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(b)
}
