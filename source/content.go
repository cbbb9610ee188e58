package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Open returns the content of the regular file that is the layer's entry i. Of
// an image that was read in one pass, content is there only if it was opened
// with Options.KeepContent or ContentOnDemand.
func (l *Layer) Open(ctx context.Context, i int) (io.ReadCloser, error) {
	l, err := l.present(ctx)
	if err != nil {
		return nil, err
	}
	if l.blob != nil && l.blob.files != nil {
		return l.blob.files.open(ctx, l, i)
	}
	c, err := l.contentsAt(ctx, i)
	if err != nil {
		return nil, err
	}
	r, err := c.entry(i)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, c}, nil
}

// Each calls fn with the content of each of the given entries, in the order in
// which they are stored, in one pass over the layer. Entries that are no regular
// files are left out. An error of fn ends it and is returned.
func (l *Layer) Each(ctx context.Context, entries []int, fn func(entry int, r io.Reader) error) (err error) {
	if len(entries) == 0 {
		return nil
	}
	if l, err = l.present(ctx); err != nil {
		return err
	}
	if l.blob != nil && l.blob.files != nil {
		return l.blob.files.each(ctx, l, entries, fn)
	}
	c, err := l.contents(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	entries = slices.Clone(entries)
	slices.Sort(entries)
	for _, i := range slices.Compact(entries) {
		if l.Entries.Type(i) != File {
			continue
		}
		r, err := c.entry(i)
		if err != nil {
			return err
		}
		if err := fn(i, r); err != nil {
			return err
		}
	}
	return nil
}

// Sum computes the checksums (XXH3) of the given entries where they are not
// known yet, or known by another kind.
// It must not be called twice at once for one layer.
func (l *Layer) Sum(ctx context.Context, entries []int) (err error) {
	entries = slices.DeleteFunc(slices.Clone(entries), func(i int) bool {
		_, kind, known := l.Entries.Checksum(i)
		return l.Entries.Type(i) != File || known && kind == XXH3 || l.Entries.Size(i)-l.Entries.Stored(i) > maxHoles
	})
	if len(entries) == 0 {
		return nil
	}
	slices.Sort(entries)
	if l.blob != nil && l.blob.files != nil {
		return l.blob.files.sum(ctx, l, entries)
	}
	c, err := l.contents(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s := &scanner{in: c.in}
	var h header
	for _, i := range slices.Compact(entries) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.seek(i, s, &h); err != nil {
			return err
		}
		sum, ok, err := s.sum(ctx, &h)
		if err != nil {
			return l.wrap(fmt.Errorf("reading %q: %w", l.Entries.At(i).Name, err))
		}
		if ok {
			l.Entries.late.set(i, sum)
		}
	}
	return nil
}

// contents reads a layer's files in the order in which they are stored.
type contents struct {
	ctx    context.Context
	layer  *Layer
	in     input // the uncompressed tar
	packed io.Closer
}

// contents reads from the layer's beginning.
func (l *Layer) contents(ctx context.Context) (*contents, error) {
	form, err := l.readable()
	if err != nil {
		return nil, err
	}
	if form == plain {
		return &contents{ctx: ctx, layer: l, in: newSeekInput(l.blob.at, l.blob.size)}, nil
	}
	z, err := decompress(form, io.NewSectionReader(l.blob.at, 0, l.blob.size))
	if err != nil {
		return nil, l.wrap(err)
	}
	return &contents{ctx: ctx, layer: l, in: newStreamInput(meteredReader{ctx: ctx, r: z}), packed: z}, nil
}

// contentsAt reads from entry i on. What a compressed layer has to be unpacked
// for that is kept for the next one.
func (l *Layer) contentsAt(ctx context.Context, i int) (*contents, error) {
	form, err := l.readable()
	if err != nil {
		return nil, err
	}
	if form == plain || l.blob.kept == nil {
		return l.contents(ctx)
	}
	at := l.Entries.offset(i)
	r := &keptReader{ctx: ctx, kept: l.blob.kept, at: at}
	in := newStreamInput(r)
	in.at = at
	return &contents{ctx: ctx, layer: l, in: in, packed: r}, nil
}

// readable tells the form of the layer, if its content can be read.
func (l *Layer) readable() (compression, error) {
	if l.Err != nil {
		return 0, l.Err
	}
	if l.Entries == nil {
		return 0, l.wrap(errors.New("it has not been scanned"))
	}
	if l.blob.at == nil {
		return 0, l.wrap(errGone)
	}
	head, err := l.blob.head()
	if err != nil {
		return 0, l.wrap(err)
	}
	form, _ := sniff(head)
	return form, nil
}

// entry returns a reader of entry i, which must not lie before one that has been
// returned already.
func (c *contents) entry(i int) (io.Reader, error) {
	s := &scanner{in: c.in}
	var h header
	if err := c.seek(i, s, &h); err != nil {
		return nil, err
	}
	if h.sparse {
		return &sparseReader{data: s.content(c.ctx), fragments: h.fragments, size: h.size}, nil
	}
	return s.content(c.ctx), nil
}

// seek puts s at the content of entry i, and into h how that is stored.
func (c *contents) seek(i int, s *scanner, h *header) error {
	e := c.layer.Entries
	if t := e.Type(i); t != File {
		return c.layer.wrap(fmt.Errorf("%q is a %s, not a file", e.At(i).Name, t))
	}
	offset, size := e.offset(i), e.Size(i)
	if offset < c.in.pos() {
		return c.layer.wrap(errors.New("asked for content that lies behind"))
	}
	if err := c.in.skip(offset - c.in.pos()); err != nil {
		return c.layer.wrap(err)
	}
	*h, s.left, s.pad = header{size: size, stored: size}, size, 0
	if !e.sparse(i) {
		return nil
	}
	s.left = 0
	if err := s.next(h); err != nil {
		return c.layer.wrap(err)
	}
	return nil
}

func (c *contents) Close() error {
	if c.packed == nil {
		return nil
	}
	return c.packed.Close()
}

// wrap says of an error which layer it concerns.
func (l *Layer) wrap(err error) error {
	if l.blob == nil {
		return fmt.Errorf("layer %d: %w", l.Index, err)
	}
	return fmt.Errorf("layer %d (%s): %w", l.Index, l.blob.name, err)
}
