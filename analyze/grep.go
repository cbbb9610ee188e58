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

// GrepOptions say which contents to search for and what to report. Either Pattern or Sums is set.
type GrepOptions struct {
	Pattern *grep.Pattern
	Sums    map[Sum256]bool // find contents with one of these sums

	Among Among
	Text  bool // treat binary files as text
	Files bool // report only the matching files
	Count bool // report the number of matching lines of each file
	Most  int  // maximum number of lines of a file to report or count; 0 for all

	Progress func(bytes, of int64, layers, ofLayers int) // may be nil; must not block
}

// A Match is a matching line or, if Line is nil, a matching file.
type Match struct {
	Content
	Line   *grep.Line // nil for a binary file, and with Files, Count or Sums
	Binary bool       // lines match, but the file is binary, so they are not reported
	Count  int64      // number of matching lines, with Count
	Sum    Sum256     // the content's sum, with Sums
}

// Grepped says what a search skipped.
type Grepped struct {
	Unread []int     // unreadable layers: see their Err
	Holes  []Content // files with too many holes to compute a sum
}

// Limits on results that wait until the layers below have been searched.
const (
	batchLines   = 64
	batchBytes   = 256 << 10
	batchesAhead = 4 // for one layer
)

// A batch is a group of matches of a layer, with the memory of their texts.
type batch struct {
	matches []Match
	bytes   int
}

// Grep searches the contents of an image, several layers at once, each in one pass. It calls
// found with every match, from one goroutine, in the order of layers and of entries within a
// layer. Its memory does not depend on the image. An error of found ends the search and is
// returned; any other error says which layer can't be read.
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

// grepping is the state of one search.
type grepping struct {
	o        GrepOptions
	layers   []*source.Layer
	contents [][]Content // by layer
	holes    int64       // bytes, in the files to sum
	total    int64       // bytes to read
	busy     int         // layers with contents
	read     atomic.Int64
	done     atomic.Int32 // finished layers
}

// A grepped is the search of one layer.
type grepped struct {
	batches chan batch
	err     error // set when batches is closed
}

// run searches the layers and passes on the results.
func (g *grepping) run(ctx context.Context, found func(*Match) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	parallel := runtime.GOMAXPROCS(0)
	// Layers started but not yet reported. More of them would only wait with their results.
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
	stopped error // why results could not be passed on

	scanner *grep.Scanner
	summer  *summer
	content Content
	lineN   int64 // matching lines of the current file
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

// line handles a matching line, and reports whether the search of its file continues.
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

// add adds a match to the current batch.
func (w *grepWorker) add(m Match, bytes int) {
	w.batch.matches = append(w.batch.matches, m)
	if w.batch.bytes += bytes; len(w.batch.matches) >= batchLines || w.batch.bytes >= batchBytes {
		w.stopped = w.flush()
	}
}

// flush passes on the current batch.
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

// ctxReader returns r limited by its context. A reader with WriteTo, such as a sparse file,
// checks the context itself.
func ctxReader(ctx context.Context, r io.Reader) io.Reader {
	if _, ok := r.(io.WriterTo); ok {
		return r
	}
	return endingReader{ctx, r}
}

// endingReader is a reader that fails after its context ends.
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
