package layer

import (
	"context"
	"errors"
	"io"

	"github.com/zeebo/xxh3"
)

// An Assembly builds a layer from members of several tars, read one after
// another, and from entries without content. It is for a layer that is not
// stored as one tar anywhere, such as the changes in a container.
type Assembly struct {
	o       ScanOptions
	entries *Entries
	g       gathering
}

// A Take says what an Assembly does with a member of a tar.
type Take uint8

// The choices.
const (
	Keep     Take = iota // make it an entry
	Skip                 // skip it
	KeepLast             // make it an entry and stop reading
)

// NewAssembly returns an empty Assembly.
func NewAssembly(o ScanOptions) *Assembly {
	e := &Entries{budget: o.Budget}
	return &Assembly{o: o, entries: e, g: gathering{collectors: o.Collect, entries: e}}
}

// Tar reads a tar from r. It calls take with each member. take may change the record's name and
// link; their bytes must stay unchanged until its next call. Tar computes checksums of what is
// kept. The error is that of reading r, or describes a fault of the tar.
func (a *Assembly) Tar(ctx context.Context, r io.Reader, take func(m *Record) Take) error {
	s := NewTarStream(Watched(ctx, r, a.o.Progress))
	var h Header
	for {
		switch err := s.Next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			return nil
		case err != nil:
			return err
		}
		if h.Unknown != 0 {
			continue
		}
		what := take(&h.Record)
		if what == Skip {
			continue
		}
		if err := a.entries.Add(&h.Record); err != nil {
			return &tarError{at: h.start, err: err}
		}
		if h.Type == File {
			if err := s.contentOf(ctx, &h, true, a.o.Wide, a.entries, &a.g); err != nil {
				return &tarError{at: s.in.pos(), err: err}
			}
		}
		if what == KeepLast {
			return nil
		}
	}
}

// Add adds an entry without content, such as a whiteout.
func (a *Assembly) Add(r *Record) error {
	if r.Size != 0 {
		return errors.New("an entry without content cannot have a size")
	}
	if err := a.entries.Add(r); err != nil {
		return err
	}
	if r.Type == File {
		a.entries.setSum(a.entries.count-1, xxh3.Hash(nil), XXH3)
	}
	return nil
}

// Flaw records a survivable fault at a path.
func (a *Assembly) Flaw(path, problem string) { a.entries.flaw(Flaw{Path: path, Problem: problem}) }

// Entries returns the entries added so far.
func (a *Assembly) Entries() *Entries { return a.entries }

// Done returns the layer. Nothing can be added after that.
func (a *Assembly) Done() *Scanned {
	a.entries.done()
	return &Scanned{Entries: a.entries, Facts: a.g.facts}
}

// Verified wraps content so that the checksum of entry i, if known, is verified at the end; the
// error is then changed. Closing it closes content.
func (e *Entries) Verified(i int, content io.ReadCloser, changed error) io.ReadCloser {
	sum, kind, known := e.Checksum(i)
	if !known || kind != XXH3 {
		return content
	}
	return &summed{content, xxh3.New(), sum, changed}
}

// summed is content whose checksum is verified at the end.
type summed struct {
	io.ReadCloser
	sum     *xxh3.Hasher
	want    uint64
	changed error
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	_, _ = s.sum.Write(p[:n]) // never fails
	if err == io.EOF && s.sum.Sum64() != s.want {
		return n, s.changed
	}
	return n, err
}
