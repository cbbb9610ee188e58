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

// A Collector keeps facts from the content of some of a layer's files while they
// pass, such as what the database of a package manager says. To read such a file
// later, a compressed layer would have to be unpacked again. Facts are kept in
// the cache with the layer's index.
type Collector struct {
	// Name tells the facts of one collector from those of others, and from those
	// that an earlier version of it has drawn: "dpkg/1".
	Name string

	// Wants reports whether the regular file with that record is to be looked
	// into. It must depend on the record alone, and not keep its bytes.
	Wants func(r *Record) bool

	// Most is how many files of a layer are looked into, those that come first; 0: any
	// number.
	Most int

	// Largest is the size of the largest file that is looked into, in bytes; larger
	// ones are a flaw. 0 stands for maxCollectedFile.
	Largest int64

	// Draw returns what to keep of a file; nil keeps all of its content. An
	// error is a flaw of the layer, and nothing is kept of the file.
	Draw func(name string, content io.Reader) ([]byte, error)

	// DrawFile is called in place of Draw if it is set. For the files that Placed
	// chooses, at reads the content from any place; content is nil then. What is nil
	// of what it returns is not kept.
	DrawFile func(r *Record, content io.Reader, at io.ReaderAt) ([]byte, error)
	Placed   func(r *Record) bool
}

// A Fact is what a collector has kept of one file.
type Fact struct {
	Collector string // its name
	Entry     int    // index of the file's entry
	Data      []byte
}

// Bounds on what collectors keep, in bytes: files that are larger are not looked
// into, and what all files of a layer give beyond the other is left out.
const (
	maxCollectedFile = 64 << 20
	maxCollected     = 32 << 20
	maxCollectors    = 1 << 10 // of one scan
)

// A gathering is the work of the collectors on one layer.
type gathering struct {
	collectors []Collector
	entries    *Entries // of the layer, for flaws
	facts      []Fact
	bytes      int64
	looked     map[*Collector]int // files, of collectors that have a bound
}

// wants returns the collector that wants a file, nil if none does. A file goes to
// the first one only.
func (g *gathering) wants(r *Record) *Collector {
	for i := range g.collectors {
		if c := &g.collectors[i]; c.Wants(r) {
			if most := cmp.Or(c.Largest, maxCollectedFile); r.Size > most {
				g.flaw(r.Name, fmt.Sprintf("not looked into: it has more than %d MiB", most>>20))
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

// mayLook reports whether c may look into one more file.
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

// draw keeps what c wants of the content of entry i. The error is that of
// reading it. at reads the same content from any place, if that costs nothing; it
// is nil else.
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

// drawn returns what c keeps of the content of entry i.
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

// maxInMemory is how many bytes are copied into memory to be read from any place;
// more are copied into a temporary file without a name.
const maxInMemory = 4 << 20

// placedCopy copies what passes once, so that it can be read from any place.
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

// inMemory is a copy that there is nothing to do for when it is not needed any more.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// watchedReader remembers why reading ended, to tell a file that cannot be read
// from one that a collector does not understand.
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

// Skip passes over n bytes, which costs less than to read them where that is possible.
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

// A Skipper is a reader of a file's content that can pass over n bytes of it for less
// than it takes to read them. The error is io.ErrUnexpectedEOF if there are fewer.
// What it verifies only where all of it is read is not verified then.
type Skipper interface{ Skip(n int64) error }

// Gather does for a layer that has been scanned without its contents, such as an
// engine's, what a scan does for any other.
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

// without returns the facts once some entries, in order, have been taken out.
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

// appendFacts appends the names of the collectors and what they have kept.
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

// facts reads what appendFacts has written of a layer of so many entries.
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
