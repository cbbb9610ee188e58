package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source/layer"
)

// What one layer's bytes are is package layer's to say; these are its words.
type (
	// Entries are the tar members of one layer, in stored order.
	Entries = layer.Entries
	// An Entry is one of them.
	Entry = layer.Entry
	// A Type is the kind of an entry.
	Type = layer.Type
	// A SumKind is a way to compute a checksum.
	SumKind = layer.SumKind
	// A Body is the content of one regular file, to be read from any place.
	Body = layer.Body
	// A Record is what an entry is made of.
	Record = layer.Record
	// A Collector keeps facts from the content of some files while they pass.
	Collector = layer.Collector
	// A Fact is what a collector has kept of one file.
	Fact = layer.Fact
	// Unfinished is the error of a layer whose reading was stopped.
	Unfinished = layer.Unfinished
	// HoleWriter takes holes as such: see [layer.HoleWriter].
	HoleWriter = layer.HoleWriter
	// A TarWriter writes the tar of a layer.
	TarWriter = layer.TarWriter
)

// The kinds of entries, and of checksums.
const (
	File     = layer.File
	Dir      = layer.Dir
	Symlink  = layer.Symlink
	Hardlink = layer.Hardlink
	Char     = layer.Char
	Block    = layer.Block
	Fifo     = layer.Fifo

	XXH3  = layer.XXH3
	CRC64 = layer.CRC64
)

// NewTarWriter returns a TarWriter that writes to w.
func NewTarWriter(w io.Writer) *TarWriter { return layer.NewTarWriter(w) }

// from has the layer be read from the file of a bundle, if there is no error.
func (l *Layer) from(b blob, err error) error {
	if err == nil {
		l.name, l.size, l.reader = b.name(), b.size(), b.layer()
		_, l.far = b.(*remoteBlob)
	}
	return err
}

// Near reports whether a file of the layer can be opened without fetching it from a
// registry, and without reading the image a second time.
func (l *Layer) Near() bool { return !l.far }

// StoredSize returns the bytes of the layer's blob as it is stored, 0 if that is not
// known.
func (l *Layer) StoredSize() int64 { return l.size }

// Open returns the content of the regular file that is the layer's entry i. Of
// an image that was read in one pass, content is there only if it was opened
// with Options.KeepContent or ContentOnDemand.
func (l *Layer) Open(ctx context.Context, i int) (io.ReadCloser, error) {
	if err := l.readable(); err != nil {
		return nil, err
	}
	r, err := l.reader.Open(ctx, l.Entries, i)
	if err != nil {
		return nil, l.wrap(err)
	}
	return &layerFile{r, l}, nil
}

// layerFile says in its errors which layer they concern.
type layerFile struct {
	io.ReadCloser
	layer *Layer
}

func (f *layerFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		err = f.layer.wrap(err)
	}
	return n, err
}

// Body returns the content of the regular file that is the layer's entry i. The
// caller closes it. An image that was read in one pass has only the
// contents that Open says.
func (l *Layer) Body(ctx context.Context, i int) (*Body, error) {
	if err := l.readable(); err != nil {
		return nil, err
	}
	b, err := l.reader.Body(ctx, l.Entries, i)
	return b, l.wrap(err)
}

// Each calls fn with the content of each of the given entries, in the order in
// which they are stored, in one pass over the layer. Entries that are no regular
// files are left out. An error of fn ends it and is returned.
func (l *Layer) Each(ctx context.Context, entries []int, fn func(entry int, r io.Reader) error) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.readable(); err != nil {
		return err
	}
	var own error // fn's, which is not the layer's
	err := l.reader.Each(ctx, l.Entries, entries, func(i int, r io.Reader) error {
		own = fn(i, r)
		return own
	})
	if own != nil {
		return own
	}
	return l.wrap(err)
}

// Sum computes the checksums (XXH3) of the given entries where they are not
// known yet, or known by another kind.
func (l *Layer) Sum(ctx context.Context, entries []int) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.readable(); err != nil {
		return err
	}
	return l.wrap(layer.Sum(ctx, l.reader, l.Entries, entries))
}

// Differ reports whether two files of one size surely hold different content, by
// looking at a few blocks of each. False says nothing: the files are small, they
// are not cheap to look into, or the blocks are alike.
func Differ(a *Layer, i int, b *Layer, j int) bool {
	return a.reader != nil && b.reader != nil && layer.Differ(a.reader, a.Entries, i, b.reader, b.Entries, j)
}

// readable says why no content can be read of the layer.
func (l *Layer) readable() error {
	switch {
	case l.Err != nil:
		return l.Err
	case l.Entries == nil:
		return l.wrap(errors.New("it has not been scanned"))
	case l.reader == nil:
		return l.wrap(layer.ErrGone)
	}
	return nil
}

// wrap says of an error which layer it concerns; nil stays nil.
func (l *Layer) wrap(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case l.name == "":
		return fmt.Errorf("layer %d: %w", l.Index, err)
	}
	return fmt.Errorf("layer %d (%s): %w", l.Index, l.name, err)
}

// Flaws returns what was malformed in the layer's tar, but could be passed over.
func (l *Layer) Flaws() []Flaw {
	if l.Entries == nil {
		return nil
	}
	var out []Flaw
	for _, f := range l.Entries.Flaws() {
		out = append(out, Flaw{Layer: l.Index, Path: f.Path, Problem: f.Problem})
	}
	return out
}
