package layer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/zeebo/xxh3"
)

// Limits on the holes that are hashed for the checksum of a sparse file: a
// number of bytes, and a multiple of the stored bytes. A few bytes can claim
// terabytes. Beyond that, only the map and the data are hashed, see SparseSum.
const (
	someHoles    = 128 << 10
	holesPerByte = 64
)

// holey reports whether a file of this size, with this many stored bytes, has too many holes to
// hash.
func holey(size, stored int64) bool { return (size-stored-someHoles)/holesPerByte > stored }

// Unfinished is the error of an interrupted scan.
type Unfinished struct {
	Entries int   // number found by then
	Err     error // of the context
}

func (e *Unfinished) Error() string { return fmt.Sprintf("stopped after %d entries", e.Entries) }
func (e *Unfinished) Unwrap() error { return e.Err }

// scanTar reads all headers of in. With sums, it also reads contents and stores their checksums;
// otherwise it skips them.
func scanTar(ctx context.Context, in input, sums bool, o *ScanOptions) (*Scanned, error) {
	s := &Tar{in: in}
	e := &Entries{budget: o.Budget}
	g := gathering{collectors: o.Collect, entries: e}
	var h Header
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, &Unfinished{Entries: e.count, Err: err}
			}
		}
		switch err := s.Next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			e.done()
			return &Scanned{Entries: e, Facts: g.without(e.dropStargz())}, nil
		case err != nil:
			return nil, err
		}
		if h.Unknown != 0 {
			e.flaw(unknownType(&h))
			continue
		}
		if err := e.Add(&h.Record); err != nil {
			return nil, &tarError{at: h.start, err: err}
		}
		if h.Type != File {
			continue
		}
		if err := s.contentOf(ctx, &h, sums, o.Wide, e, &g); err != nil {
			return nil, &tarError{at: in.pos(), err: err}
		}
	}
}

// contentOf reads the content of e's last entry as far as a checksum or a collector needs it.
func (s *Tar) contentOf(ctx context.Context, h *Header, sums, wide bool, e *Entries, g *gathering) error {
	c := g.wants(&h.Record)
	switch {
	case c == nil && !sums:
		return nil
	case c != nil && !sums: // the rest is skipped
		return g.draw(c, e.count-1, s.reader(ctx, h), s.placed(h))
	case c != nil:
		x := xxh3.New()
		r := io.TeeReader(s.reader(ctx, h), x)
		if err := g.draw(c, e.count-1, r, nil); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		e.setSum(e.count-1, x.Sum64(), XXH3)
		if wide {
			e.setWide(e.count-1, x.Sum128())
		}
		return nil
	}
	sum, err := s.sum(ctx, h, wide)
	if err == nil {
		e.setSum(e.count-1, sum.narrow, XXH3)
		if wide {
			e.setWide(e.count-1, sum.wide)
		}
	}
	return err
}

// A contentSum is the checksum of a file's content: of 64 bits, and of 128 if that was
// asked for.
type contentSum struct {
	narrow uint64
	wide   xxh3.Uint128
}

// sumOf returns what a hasher has come to.
func sumOf(x *xxh3.Hasher, wide bool) contentSum {
	sum := contentSum{narrow: x.Sum64()}
	if wide {
		sum.wide = x.Sum128()
	}
	return sum
}

// reader returns a reader of the current member's content, including holes.
func (s *Tar) reader(ctx context.Context, h *Header) io.Reader {
	if h.Sparse {
		return &sparseReader{ctx: ctx, data: s.content(ctx), fragments: h.fragments, size: h.Size}
	}
	return s.content(ctx)
}

// placed returns random access to the current member's content, or nil for a stream or a file
// with holes.
func (s *Tar) placed(h *Header) io.ReaderAt {
	in, ok := s.in.(*seekInput)
	if !ok || h.Sparse {
		return nil
	}
	return io.NewSectionReader(in.r, h.Content, h.Size)
}

// Reader returns a reader of the current member, which h describes, with holes as zeros.
func (s *Tar) Reader(ctx context.Context, h *Header) io.Reader { return s.reader(ctx, h) }

// unknownType is the flaw of a member with a type that layers must not have.
func unknownType(h *Header) Flaw {
	return Flaw{Path: string(h.Name), Problem: fmt.Sprintf("entry of unknown type %q: ignored", h.Unknown)}
}

// sum reads the current member's content and returns its checksum: XXH3, or SparseSum for a file
// with too many holes.
func (s *Tar) sum(ctx context.Context, h *Header, wide bool) (sum contentSum, err error) {
	if h.Sparse {
		if holey(h.Size, h.Stored) {
			x, err := sparseSum(h.fragments, h.Size, h.Stored, s.content(ctx))
			return sumOf(x, wide), err
		}
		x := xxh3.New()
		if _, err := io.Copy(x, s.reader(ctx, h)); err != nil {
			return sum, err
		}
		return sumOf(x, wide), nil
	}
	if s.left <= streamBuffer {
		b, err := s.in.next(int(s.left))
		if err != nil && s.left > 0 {
			return sum, noEOF(err)
		}
		s.left = 0
		return sumOfBytes(b, wide), nil
	}
	x := xxh3.New()
	if _, err := io.Copy(x, s.content(ctx)); err != nil {
		return sum, err
	}
	return sumOf(x, wide), nil
}

// sharedFrom is from how many bytes on the checksum of 64 bits is the lower half of that
// of 128.
// Source: xxHash, doc/xxhash_spec.md, "XXH3 Algorithm (for large inputs)".
const sharedFrom = 241

// sumOfBytes is the checksum of what is in memory.
func sumOfBytes(b []byte, wide bool) contentSum {
	switch {
	case !wide:
		return contentSum{narrow: xxh3.Hash(b)}
	case len(b) < sharedFrom:
		return contentSum{narrow: xxh3.Hash(b), wide: xxh3.Hash128(b)}
	}
	sum := xxh3.Hash128(b)
	return contentSum{narrow: sum.Lo, wide: sum}
}

// sparseSum hashes the size, the map and the data of a sparse file with this many stored bytes.
func sparseSum(fragments []fragment, size, stored int64, data io.Reader) (*xxh3.Hasher, error) {
	// Programs split the same map in different ways, so adjacent pieces are joined.
	var runs []fragment
	for _, f := range fragments {
		if last := len(runs) - 1; last >= 0 && runs[last].offset+runs[last].length == f.offset {
			runs[last].length += f.length
		} else if f.length > 0 {
			runs = append(runs, f)
		}
	}
	x := xxh3.New()
	var b []byte
	for _, f := range append(runs, fragment{size, stored}) {
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(f.offset))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.length))
		_, _ = x.Write(b) // never fails
	}
	_, err := io.Copy(x, data)
	return x, err
}

// content returns a reader of the rest of the current member's content.
func (s *Tar) content(ctx context.Context) *contentReader {
	return &contentReader{ctx: ctx, s: s}
}

type contentReader struct {
	ctx context.Context
	s   *Tar
}

func (r *contentReader) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), r.s.left))
	if n == 0 {
		return 0, io.EOF
	}
	b, err := r.take(n)
	return copy(p, b), err
}

// WriteTo writes the content without an extra copy.
func (r *contentReader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for r.s.left > 0 {
		b, err := r.take(int(min(r.s.left, streamBuffer/2)))
		if err != nil {
			return total, err
		}
		n, err := w.Write(b)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (r *contentReader) take(n int) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	var b []byte
	var err error
	if in, ok := r.s.in.(*pieceInput); ok {
		b, err = in.some(n)
	} else {
		b, err = r.s.in.next(min(n, streamBuffer/2))
	}
	if err != nil {
		return nil, noEOF(err)
	}
	r.s.left -= int64(len(b))
	return b, nil
}

// The files that eStargz adds at a layer's root: the table of contents, always
// last, and a one-byte file that marks the end of prefetching. Source:
// containerd/stargz-snapshotter, docs/estargz.md.
const (
	stargzTOC        = "stargz.index.json"
	stargzPrefetch   = ".prefetch.landmark"
	stargzNoPrefetch = ".no.prefetch.landmark"
)

// dropStargz removes eStargz's own entries, so that a layer lists what its
// builder put there. It uses only the entries, so the result does not depend on
// compression.
//
// It returns the indexes of the removed entries, in order.
func (e *Entries) dropStargz() (gone []int) {
	last := e.count - 1
	if last < 0 || e.Type(last) != File || e.rootName(last) != stargzTOC {
		return nil
	}
	return e.dropWhere(func(i int) bool { return i == last || e.isLandmark(i) })
}

// isLandmark reports whether entry i is eStargz's prefetch marker.
func (e *Entries) isLandmark(i int) bool {
	name := e.rootName(i)
	return e.Type(i) == File && e.Size(i) == 1 && (name == stargzPrefetch || name == stargzNoPrefetch)
}

// dropWhere removes entries, and returns their indexes in order.
func (e *Entries) dropWhere(gone func(i int) bool) (out []int) {
	for i := range e.count {
		if gone(i) {
			out = append(out, i)
		}
	}
	if len(out) > 0 {
		e.drop(func(i int) bool {
			_, found := slices.BinarySearch(out, i)
			return found
		})
	}
	return out
}

// rootName returns the clean name of entry i if it is at the root, else "".
func (e *Entries) rootName(i int) string {
	if len(e.DirBytes(e.Dir(i)))+len(e.Base(i)) > 2*len(stargzNoPrefetch) {
		return ""
	}
	dir, base := path.Split(path.Clean("/" + string(e.AppendName(nil, i))))
	if dir != "/" {
		return ""
	}
	return base
}

// An UnsupportedError is why an intact layer can't be read.
type UnsupportedError struct {
	Form string // "xz", "encrypted"
}

func (e UnsupportedError) Error() string { return e.Form + " layers are not supported" }

// ErrNotLayer says that data is neither a tar nor a compressed tar.
var ErrNotLayer = errors.New("neither a tar nor in a known compressed format")
