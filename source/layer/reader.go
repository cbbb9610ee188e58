package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/zeebo/xxh3"
)

// A Reader is the source of one layer: a tar, plain or compressed, an engine's
// folder, or a stream that has been read. Its methods may be called from
// several goroutines at once. The entries passed to them are those returned by
// Scan. Errors do not name the layer, which the caller knows.
type Reader interface {
	// Scan reads the layer's entries. It reads as little as possible; see the
	// implementations. An UnsupportedError says that the layer is intact but
	// unreadable.
	Scan(ctx context.Context, o ScanOptions) (*Scanned, error)

	ContentReader
}

// A ContentReader reads the files of a layer with known entries. The rules of Reader apply.
type ContentReader interface {
	// Open returns the whole content of entry i, which must be a regular file. It verifies what
	// is known about it, such as a checksum, while reading.
	Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error)

	// Body returns random access to the content of entry i, which must be a regular file.
	Body(ctx context.Context, e *Entries, i int) (*Body, error)

	// Each calls fn with the content of the given entries in stored order, in
	// one pass over the layer. It skips entries that are not regular files. An
	// error of fn ends the pass and is returned.
	Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error
}

// ScanOptions control the scan of a layer. The zero value is ready to use.
type ScanOptions struct {
	Digest   string            // stated digest of the blob, or ""; selects the algorithm
	Verify   bool              // compute the blob's digest and all checksums even if not everything has to be read
	Verified bool              // the provider of the bytes verifies Digest, so don't compute it again
	Trail    *Trail            // computes that digest if Verified; nil: no checkpoints
	Cache    Cache             // for earlier results; nil: none
	Progress func(bytes int64) // receives bytes read or skipped; may be nil
	Budget   *Budget           // memory for all layers of an image; nil: no limit
	Collect  []Collector       // facts to collect from contents
	Wide     bool              // compute checksums of all files, and those of 128 bits too
	Log      *slog.Logger      // receives debug messages; nil: none
}

func (o *ScanOptions) progress(bytes int64) {
	if o.Progress != nil {
		o.Progress(bytes)
	}
}

// algorithm returns the algorithm for the blob's digest: that of the stated digest, or SHA-256.
func (o *ScanOptions) algorithm() digest.Algorithm {
	if d := digest.Digest(o.Digest); d.Validate() == nil {
		return d.Algorithm()
	}
	return digest.SHA256
}

func (o *ScanOptions) debug(message string, args ...any) {
	if o.Log != nil {
		o.Log.Debug(message, args...)
	}
}

// Scanned is the result of scanning a layer.
type Scanned struct {
	Entries *Entries
	Facts   []Fact // from collectors, by entry
	Packed  bool   // the blob is compressed
	Digest  string // of the stored blob, "sha256:..."; "" if not computed

	// ListedBy is the format of the table of contents that the entries came from, EStargz or
	// ZstdChunked; "" if the layer was read.
	ListedBy string

	checkpoints *Checkpoints // of a gzip layer scanned for a cache; may be nil
}

// Checkpoints returns the places from which the layer can be unpacked, or nil: it isn't gzip, it
// is small, or it was not scanned just now.
func (s *Scanned) Checkpoints() *Checkpoints { return s.checkpoints }

// A Flaw is a survivable fault.
type Flaw struct {
	Path    string // the name as stored
	Problem string // one clause, for people
}

// Open returns a Reader of the blob of size bytes in r: a tar, plain or
// compressed, recognized by its first bytes. name is the blob's place, for the
// log. Data unpacked from a compressed layer is kept on the shelf, which may be
// nil.
func Open(r io.ReaderAt, size int64, name string, shelf *Shelf) Reader {
	b := &blob{r: r, size: size, name: name}
	head := make([]byte, min(SniffLen, size))
	if err := b.readAt(head, 0); err != nil {
		return Broken(err)
	}
	switch form, what := Sniff(head); form {
	case Plain:
		return plainTar{b}
	case Gzip, Zstd:
		return newPackedTar(b, form, shelf)
	case Unsupported:
		return Broken(UnsupportedError{what})
	default:
		return Broken(ErrNotLayer)
	}
}

// Broken returns a Reader that fails with err.
func Broken(err error) Reader { return &broken{err} }

type broken struct{ err error }

func (b *broken) Scan(context.Context, ScanOptions) (*Scanned, error) { return nil, b.err }

func (b *broken) Open(context.Context, *Entries, int) (io.ReadCloser, error) { return nil, b.err }

func (b *broken) Body(context.Context, *Entries, int) (*Body, error) { return nil, b.err }

func (b *broken) Each(context.Context, *Entries, []int, func(int, io.Reader) error) error {
	return b.err
}

// Sum computes XXH3 checksums of those given entries that have no checksum, or
// one of another kind. For files with too many holes it computes SparseSum; if
// r does not report their holes, it skips them.
func Sum(ctx context.Context, r Reader, e *Entries, entries []int) error {
	if s, ok := r.(summer); ok {
		return s.sum(ctx, e, entries)
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(i int) bool {
		_, kind, known := e.Checksum(i)
		return e.Type(i) != File || known && (kind == XXH3 || kind == SparseSum)
	})
	if len(entries) == 0 {
		return nil
	}
	x := xxh3.New()
	return r.Each(ctx, e, entries, func(i int, content io.Reader) error {
		var sum uint64
		var err error
		if e.holey(i) {
			s, ok := content.(*sparseReader)
			if !ok {
				return nil
			}
			var x *xxh3.Hasher
			x, err = sparseSum(s.fragments, s.size, e.Stored(i), s.data)
			sum = x.Sum64()
		} else {
			x.Reset()
			_, err = io.Copy(x, content)
			sum = x.Sum64()
		}
		if err != nil {
			return fmt.Errorf("reading %q: %w", e.At(i).Name, err)
		}
		e.late.set(i, sum)
		return nil
	})
}

// A summer is a Reader with its own implementation of Sum.
type summer interface {
	sum(ctx context.Context, e *Entries, entries []int) error
}

// EachOpened implements Reader.Each for layers whose files can be opened one by one.
func EachOpened(ctx context.Context, e *Entries, entries []int, open func(i int) (io.ReadCloser, error), fn func(i int, r io.Reader) error) error {
	for _, i := range regular(e, entries) {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := open(i)
		if err != nil {
			return err
		}
		if err := errors.Join(fn(i, r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// regular returns the regular files among the entries, in stored order, without duplicates.
func regular(e *Entries, entries []int) []int {
	entries = slices.DeleteFunc(slices.Clone(entries), func(i int) bool { return e.Type(i) != File })
	slices.Sort(entries)
	return slices.Compact(entries)
}

// NotFile returns an error if entry i is not a regular file.
func (e *Entries) NotFile(i int) error {
	if t := e.Type(i); t != File {
		return fmt.Errorf("%q is a %s, not a file", e.At(i).Name, t)
	}
	return nil
}
