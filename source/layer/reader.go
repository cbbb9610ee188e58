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

// A Reader is what one layer is read from: a tar, plain or compressed, an
// engine's folder, a stream that has passed. Its methods may be called from
// several goroutines at once. The entries that they take are those that Scan has
// returned. Errors do not say which layer they are about: the caller knows.
type Reader interface {
	// Scan reads the layer's entries. It reads no more than it has to; see the
	// implementations. An UnsupportedError says that the layer cannot be read
	// although nothing is broken.
	Scan(ctx context.Context, o ScanOptions) (*Scanned, error)

	ContentReader
}

// A ContentReader reads the files of a layer whose entries are known. What is said
// of a Reader holds for it.
type ContentReader interface {
	// Open returns the whole content of the regular file that is entry i. What
	// is known of it, such as a checksum, is verified while it is read.
	Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error)

	// Body returns the content of the regular file that is entry i, to be read
	// from any place.
	Body(ctx context.Context, e *Entries, i int) (*Body, error)

	// Each calls fn with the content of the given entries, in one pass over the
	// layer, in the order in which they are stored. Entries that are no regular
	// files are left out. An error of fn ends it and is returned.
	Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error
}

// ScanOptions says how a layer is scanned. The zero value is ready to use.
type ScanOptions struct {
	Digest   string            // of the blob, as the image says; "" if it does not. Its algorithm is used
	Verify   bool              // compute the digest of the blob even where not all of it has to be read, and every checksum
	Verified bool              // the code that hands over the bytes verifies Digest: it is not computed a second time
	Trail    *Trail            // computes that digest, if Verified; nil: no checkpoints are kept
	Cache    Cache             // where what was found before is kept; nil: nowhere
	Progress func(bytes int64) // is told of bytes that were read or passed over; may be nil
	Budget   *Budget           // of memory, for all layers of an image; nil: no bound
	Collect  []Collector       // what to keep of the files' contents
	Wide     bool              // compute checksums of all files, and those of 128 bits too
	Log      *slog.Logger      // receives what was tried and decided; nil: nothing
}

func (o *ScanOptions) progress(bytes int64) {
	if o.Progress != nil {
		o.Progress(bytes)
	}
}

// algorithm is the one to compute the blob's digest by: that of the digest which
// the image says, or SHA-256.
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

// Scanned is what one scan of a layer gives.
type Scanned struct {
	Entries *Entries
	Facts   []Fact // what collectors have kept, by entry
	Packed  bool   // the blob is compressed
	Digest  string // of the blob as stored, "sha256:..."; "" if it was not computed

	// ListedBy is the form of the table of contents that the entries are from, EStargz
	// or ZstdChunked; "" if the layer was read.
	ListedBy string

	checkpoints *Checkpoints // of a gzip layer that was scanned for a cache; nil if there are none
}

// Checkpoints returns the places from which the layer can be unpacked, nil if none
// were kept: it is no gzip layer, it is small, or it was not scanned just now.
func (s *Scanned) Checkpoints() *Checkpoints { return s.checkpoints }

// A Flaw is something malformed that could be passed over.
type Flaw struct {
	Path    string // the name as stored
	Problem string // one clause, for people
}

// Open returns a Reader of the blob of size bytes that r holds: a tar, plain or
// compressed, told by its first bytes. name says where the blob is, for the
// log. What is unpacked of a compressed layer is kept on the shelf, nil for
// nowhere.
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

// Sum computes the checksums of the given entries where they are not known yet,
// or known by another kind: XXH3. Of files with too many holes for that it is
// SparseSum; where r does not tell their holes, they are left out.
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

// A summer is a Reader that knows better than Sum how to compute checksums.
type summer interface {
	sum(ctx context.Context, e *Entries, entries []int) error
}

// EachOpened is Reader.Each for layers whose files can be opened one by one.
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

// regular returns those of the entries that are regular files, in stored order,
// each once.
func regular(e *Entries, entries []int) []int {
	entries = slices.DeleteFunc(slices.Clone(entries), func(i int) bool { return e.Type(i) != File })
	slices.Sort(entries)
	return slices.Compact(entries)
}

// NotFile returns an error if entry i is no regular file.
func (e *Entries) NotFile(i int) error {
	if t := e.Type(i); t != File {
		return fmt.Errorf("%q is a %s, not a file", e.At(i).Name, t)
	}
	return nil
}
