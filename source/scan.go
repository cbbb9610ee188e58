package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/zeebo/xxh3"
)

// maxHoles bounds how many bytes of holes are gone through for the checksum of
// a sparse file. A file with more is left without one, and differs from all.
const maxHoles = 4 << 30

// scanTar reads all headers of in. With sums, contents are read too and their
// checksums kept; without, they are skipped.
func scanTar(ctx context.Context, in input, sums bool) (*Entries, error) {
	s := &scanner{in: in}
	e := &Entries{}
	var h header
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		switch err := s.next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			e.done()
			e.dropStargz()
			return e, nil
		case err != nil:
			return nil, err
		}
		if h.unknown != 0 {
			e.flaws = append(e.flaws, unknownType(&h))
			continue
		}
		at := h.content
		if h.sparse {
			at = h.start // the map is needed to read it
		}
		if err := e.add(&h, at); err != nil {
			return nil, &tarError{at: h.start, err: err}
		}
		if sums && h.typ == File {
			sum, ok, err := s.sum(ctx, &h)
			if err != nil {
				return nil, &tarError{at: in.pos(), err: err}
			}
			if ok {
				e.setSum(e.count-1, sum, XXH3)
			}
		}
	}
}

// unknownType is the flaw of a member that no layer may hold.
func unknownType(h *header) Flaw {
	return Flaw{Path: string(h.name), Problem: fmt.Sprintf("entry of unknown type %q: passed over", h.unknown)}
}

// sum goes through the current member's content and returns its checksum (XXH3);
// false if it has too many holes for that.
func (s *scanner) sum(ctx context.Context, h *header) (sum uint64, ok bool, err error) {
	if h.sparse {
		if h.size-h.stored > maxHoles {
			return 0, false, nil
		}
		x := xxh3.New()
		if _, err := io.Copy(x, &sparseReader{data: s.content(ctx), fragments: h.fragments, size: h.size}); err != nil {
			return 0, false, err
		}
		return x.Sum64(), true, nil
	}
	if s.left <= streamBuffer {
		b, err := s.in.next(int(s.left))
		if err != nil && s.left > 0 {
			return 0, false, noEOF(err)
		}
		s.left = 0
		return xxh3.Hash(b), true, nil
	}
	x := xxh3.New()
	if _, err := io.Copy(x, s.content(ctx)); err != nil {
		return 0, false, err
	}
	return x.Sum64(), true, nil
}

// content returns a reader of what is left of the current member's content.
func (s *scanner) content(ctx context.Context) *contentReader {
	return &contentReader{ctx: ctx, s: s}
}

type contentReader struct {
	ctx context.Context
	s   *scanner
}

func (r *contentReader) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), r.s.left))
	if n == 0 {
		return 0, io.EOF
	}
	b, err := r.take(n)
	return copy(p, b), err
}

// WriteTo hands over the content without copying it first.
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
	if in, ok := r.s.in.(*relay); ok {
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

// The names that eStargz adds to a layer, at its root: the table of contents,
// always last, and a one-byte file that says how far to prefetch.
// Source: containerd/stargz-snapshotter, docs/estargz.md.
const (
	stargzTOC        = "stargz.index.json"
	stargzPrefetch   = ".prefetch.landmark"
	stargzNoPrefetch = ".no.prefetch.landmark"
)

// dropStargz takes eStargz's own entries out, so that a layer lists what its
// builder put there. It goes by the entries alone: the same layer without its
// compression is the same layer.
func (e *Entries) dropStargz() {
	last := e.count - 1
	if last < 0 || e.Type(last) != File || e.rootName(last) != stargzTOC {
		return
	}
	e.drop(func(i int) bool {
		if i == last {
			return true
		}
		landmark := e.Type(i) == File && e.Size(i) == 1
		name := e.rootName(i)
		return landmark && (name == stargzPrefetch || name == stargzNoPrefetch)
	})
}

// rootName returns the clean name of entry i if it lies at the root, else "".
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

// errUnsupported is why a layer cannot be read although nothing is broken.
type errUnsupported struct{ form string }

func (e errUnsupported) Error() string { return e.form + " layers are not supported" }

var errNotLayer = errors.New("neither a tar nor a compressed one that is known")
