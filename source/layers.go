package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source/layer"
)

// Package layer defines the contents of a layer; these are its types.
type (
	// Entries are the tar members of one layer, in stored order.
	Entries = layer.Entries
	// An Entry is one of them.
	Entry = layer.Entry
	// A Type is the kind of an entry.
	Type = layer.Type
	// A SumKind is a way to compute a checksum.
	SumKind = layer.SumKind
	// A Body gives random access to the content of one regular file.
	Body = layer.Body
	// A Record is the data of an entry.
	Record = layer.Record
	// A Collector collects facts from the content of files during a scan.
	Collector = layer.Collector
	// A Fact is what a collector found in one file.
	Fact = layer.Fact
	// Unfinished is the error of a layer whose scan was stopped.
	Unfinished = layer.Unfinished
	// HoleWriter accepts holes of sparse files: see [layer.HoleWriter].
	HoleWriter = layer.HoleWriter
	// A TarWriter writes the tar of a layer.
	TarWriter = layer.TarWriter
)

// The kinds of entries and checksums.
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

// from reads the layer from a file of a bundle, unless err is set.
func (l *Layer) from(b blob, err error) error {
	if err == nil {
		l.name, l.size, l.reader = b.name(), b.size(), b.layer()
		_, l.far = b.(*remoteBlob)
	}
	return err
}

// Near reports whether a file of the layer can be opened without fetching it from a registry and
// without reading the image a second time.
func (l *Layer) Near() bool { return !l.far }

// StoredSize returns the stored size of the layer's blob in bytes, or 0 if unknown.
func (l *Layer) StoredSize() int64 { return l.size }

// Open returns the content of the layer's entry i, which must be a regular
// file. For an image read in one pass, content is available only if the image
// was opened with Options.KeepContent or ContentOnDemand.
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

// layerFile adds the layer to its errors.
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

// Body returns the content of the layer's entry i, which must be a regular
// file. The caller closes it. For an image read in one pass, the limits of Open
// apply.
func (l *Layer) Body(ctx context.Context, i int) (*Body, error) {
	if err := l.readable(); err != nil {
		return nil, err
	}
	b, err := l.reader.Body(ctx, l.Entries, i)
	return b, l.wrap(err)
}

// Each calls fn with the content of each of the given entries in stored order,
// in one pass over the layer. It skips entries that are not regular files. An
// error of fn ends the pass and is returned.
func (l *Layer) Each(ctx context.Context, entries []int, fn func(entry int, r io.Reader) error) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.readable(); err != nil {
		return err
	}
	var own error // error of fn, not of the layer
	err := l.reader.Each(ctx, l.Entries, entries, func(i int, r io.Reader) error {
		own = fn(i, r)
		return own
	})
	if own != nil {
		return own
	}
	return l.wrap(err)
}

// Sum computes the XXH3 checksums of those given entries that have no checksum, or one of another
// kind.
func (l *Layer) Sum(ctx context.Context, entries []int) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.readable(); err != nil {
		return err
	}
	return l.wrap(layer.Sum(ctx, l.reader, l.Entries, entries))
}

// Differ reports whether two files of the same size are certain to differ; it
// compares a few blocks of each. False means nothing: the files are small, slow
// to read, or the blocks are equal.
func Differ(a *Layer, i int, b *Layer, j int) bool {
	return a.reader != nil && b.reader != nil && layer.Differ(a.reader, a.Entries, i, b.reader, b.Entries, j)
}

// readable returns the error if no content of the layer can be read.
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

// wrap adds the layer to an error; nil stays nil.
func (l *Layer) wrap(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case l.name == "":
		return fmt.Errorf("layer %d: %w", l.Index, err)
	}
	return fmt.Errorf("layer %d (%s): %w", l.Index, l.name, err)
}

// Flaws returns the survivable faults in the layer's tar.
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
