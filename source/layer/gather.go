package layer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Collector extracts facts from the content of some of a layer's files during
// the scan, such as a package manager's database. Reading such a file later
// would mean unpacking a compressed layer again. Facts are cached with the
// layer's index.
type Collector struct {
	// Name identifies the collector and the version of its facts: "dpkg/1".
	Name string

	// Wants reports whether to inspect the regular file with that record. It must depend only on
	// the record, and must not keep its bytes.
	Wants func(r *Record) bool

	// Most is the maximum number of files inspected in a layer, in stored order; 0: unlimited.
	Most int

	// Largest is the maximum size of an inspected file in bytes; a larger one is a flaw. 0 means
	// maxCollectedFile.
	Largest int64

	// Draw returns what to keep of a file; nil keeps the whole content. An error becomes a flaw
	// of the layer, and nothing is kept.
	Draw func(name string, content io.Reader) ([]byte, error)

	// DrawFile, if set, is called instead of Draw. For files that Placed selects, at gives random
	// access to the content, and content is nil. If it returns nil, nothing is kept.
	DrawFile func(r *Record, content io.Reader, at io.ReaderAt) ([]byte, error)
	Placed   func(r *Record) bool
}

// A Fact is the result of a collector for one file.
type Fact struct {
	Collector string // its name
	Entry     int    // index of the file's entry
	Data      []byte
}

// Limits for collectors, in bytes: larger files are not inspected, and facts beyond the total for
// a layer are dropped.
const (
	maxCollectedFile = 64 << 20
	maxCollected     = 32 << 20
	maxCollectors    = 1 << 10 // in one scan
)

// A gathering runs the collectors for one layer.
type gathering struct {
	collectors []Collector
	entries    *Entries // of the layer, for flaws
	facts      []Fact
	bytes      int64
	looked     map[*Collector]int // number of files, for collectors with a limit
}

// wants returns the first collector that wants a file, or nil. Only that one gets the file.
func (g *gathering) wants(r *Record) *Collector {
	for i := range g.collectors {
		if c := &g.collectors[i]; c.Wants(r) {
			if most := cmp.Or(c.Largest, maxCollectedFile); r.Size > most {
				g.flaw(r.Name, fmt.Sprintf("not inspected: it has more than %d MiB", most>>20))
				return nil
			}
			if c.Most > 0 && !g.mayLook(c) {
				return nil
			}
			return c
		}
	}
	return nil
}

// mayLook reports whether c may inspect another file.
func (g *gathering) mayLook(c *Collector) bool {
	if g.looked == nil {
		g.looked = map[*Collector]int{}
	}
	g.looked[c]++
	return g.looked[c] <= c.Most
}

func (g *gathering) flaw(name []byte, problem string) {
	g.entries.flaw(Flaw{Path: string(name), Problem: problem})
}

// draw stores c's fact about the content of entry i. The error is that of
// reading it. at gives random access to the same content if that costs nothing,
// otherwise nil.
func (g *gathering) draw(c *Collector, i int, content io.Reader, at io.ReaderAt) error {
	name := g.entries.AppendName(nil, i)
	watched := &watchedReader{r: content}
	data, err := g.drawn(c, i, name, watched, at)
	switch {
	case watched.err != nil:
		return watched.err
	case err != nil:
		g.flaw(name, fmt.Sprintf("%s: %v", c.Name, err))
		return nil
	case data == nil && c.DrawFile != nil:
		return nil
	case g.bytes+int64(len(data)) > maxCollected:
		g.flaw(name, fmt.Sprintf("left out: the layer's %s and the like have more than %d MiB", c.Name, maxCollected>>20))
		return nil
	}
	g.bytes += int64(len(data))
	g.facts = append(g.facts, Fact{Collector: c.Name, Entry: i, Data: data})
	return nil
}

// drawn returns c's fact about the content of entry i.
func (g *gathering) drawn(c *Collector, i int, name []byte, content io.Reader, at io.ReaderAt) ([]byte, error) {
	switch {
	case c.DrawFile == nil && c.Draw == nil:
		return io.ReadAll(content)
	case c.DrawFile == nil:
		return c.Draw(string(name), content)
	}
	var m item
	g.entries.item(i, &m)
	if c.Placed == nil || !c.Placed(&m.Record) {
		return c.DrawFile(&m.Record, content, nil)
	}
	if at != nil {
		return c.DrawFile(&m.Record, nil, at)
	}
	placed, err := placedCopy(content, m.Size)
	if err != nil {
		return nil, err
	}
	data, err := c.DrawFile(&m.Record, nil, placed)
	return data, errors.Join(err, placed.Close())
}

// maxInMemory is the maximum number of bytes copied to memory for random access; more are copied
// to an unlinked temporary file.
const maxInMemory = 4 << 20

// placedCopy copies a stream to give random access to it.
func placedCopy(content io.Reader, size int64) (interface {
	io.ReaderAt
	io.Closer
}, error) {
	if size <= maxInMemory {
		b, err := io.ReadAll(content)
		return inMemory{bytes.NewReader(b)}, err
	}
	s, err := NewSpool()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(s, content); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// inMemory is a copy that needs no cleanup.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// watchedReader records read errors, to distinguish an unreadable file from one that a collector
// does not understand.
type watchedReader struct {
	r   io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// Skip skips n bytes, which may be cheaper than reading them.
func (w *watchedReader) Skip(n int64) error {
	if c, ok := w.r.(*contentReader); ok && n <= c.s.left {
		err := c.s.in.skip(n)
		if c.s.left -= n; err != nil {
			w.err = noEOF(err)
		}
		return err
	}
	if s, ok := w.r.(Skipper); ok {
		err := s.Skip(n)
		if err != nil {
			w.err = noEOF(err)
		}
		return err
	}
	_, err := io.CopyN(io.Discard, w, n)
	return err
}

// A Skipper is a reader of a file's content that can skip n bytes more cheaply than reading them.
// The error is io.ErrUnexpectedEOF if fewer remain. Verification that needs the whole content
// then does not happen.
type Skipper interface{ Skip(n int64) error }

// Gather runs the collectors on a layer that was scanned without contents, such as an engine's.
func Gather(ctx context.Context, r Reader, s *Scanned, collectors []Collector) error {
	g := gathering{collectors: collectors, entries: s.Entries}
	if len(collectors) == 0 {
		return nil
	}
	wanted := map[int]*Collector{}
	var entries []int
	var m item
	for i := range s.Entries.Len() {
		if s.Entries.Type(i) != File {
			continue
		}
		s.Entries.item(i, &m)
		if c := g.wants(&m.Record); c != nil {
			wanted[i] = c
			entries = append(entries, i)
		}
	}
	err := r.Each(ctx, s.Entries, entries, func(i int, content io.Reader) error { return g.draw(wanted[i], i, content, nil) })
	s.Facts = g.facts
	return err
}

// without returns the facts after some entries, in order, were removed.
func (g *gathering) without(gone []int) []Fact {
	facts := g.facts[:0]
	for _, f := range g.facts {
		before, found := slices.BinarySearch(gone, f.Entry)
		if !found {
			f.Entry -= before
			facts = append(facts, f)
		}
	}
	return facts
}

// appendFacts encodes the names of the collectors and their facts.
func appendFacts(b []byte, collectors []Collector, facts []Fact) []byte {
	b = binary.AppendUvarint(b, uint64(len(collectors)))
	for _, c := range collectors {
		b = AppendText(b, c.Name)
	}
	b = binary.AppendUvarint(b, uint64(len(facts)))
	for _, f := range facts {
		at := slices.IndexFunc(collectors, func(c Collector) bool { return c.Name == f.Collector })
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(at)), uint64(f.Entry))
		b = AppendBytes(b, f.Data)
	}
	return b
}

// facts decodes the output of appendFacts for a layer with this many entries.
func (r *Decoder) facts(entries int) (drawn []string, facts []Fact) {
	collectors := r.Count(1)
	if collectors > maxCollectors {
		r.Fail()
		return nil, nil
	}
	for range collectors {
		drawn = append(drawn, r.Text())
	}
	kept := r.Count(3)
	if kept > entries {
		r.Fail()
		return nil, nil
	}
	for range kept {
		at, entry := r.Number(uint64(len(drawn))), r.Number(uint64(entries))
		data := r.Bytes()
		if int(at) == len(drawn) || int(entry) == entries {
			r.Fail()
			return nil, nil
		}
		facts = append(facts, Fact{Collector: drawn[at], Entry: int(entry), Data: bytes.Clone(data)})
	}
	return drawn, facts
}
