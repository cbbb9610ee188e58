package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/xxh3"
)

// Open returns the content of the regular file that is the layer's entry i. Of
// an image that was read in one pass, content is there only if it was opened
// with Options.KeepContent.
func (l *Layer) Open(ctx context.Context, i int) (io.ReadCloser, error) {
	c, err := l.contents(ctx)
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

// Sum computes the checksums of the given entries where they are not known yet.
// It must not be called twice at once for one layer.
func (l *Layer) Sum(ctx context.Context, entries []int) error {
	entries = slices.DeleteFunc(slices.Clone(entries), func(i int) bool {
		r := &l.Entries.records[i]
		return r.summed || r.size-l.Entries.Stored(i) > maxHoles
	})
	return l.Each(ctx, entries, func(i int, r io.Reader) error {
		x := xxh3.New()
		if _, err := io.Copy(x, r); err != nil {
			return l.wrap(fmt.Errorf("reading %q: %w", l.Entries.At(i).Name, err))
		}
		l.Entries.records[i].sum, l.Entries.records[i].summed = x.Sum64(), true
		return nil
	})
}

// contents reads a layer's files in the order in which they are stored.
type contents struct {
	ctx   context.Context
	layer *Layer
	plain io.ReaderAt    // of a plain layer
	in    *streamInput   // of a compressed one
	close []func() error // what to close, last first
}

func (l *Layer) contents(ctx context.Context) (*contents, error) {
	if l.Err != nil {
		return nil, l.Err
	}
	if l.Entries == nil {
		return nil, l.wrap(errors.New("it has not been scanned"))
	}
	if l.blob.at == nil {
		return nil, l.wrap(errGone)
	}
	head, err := l.blob.head()
	if err != nil {
		return nil, l.wrap(err)
	}
	c := &contents{ctx: ctx, layer: l}
	form, _ := sniff(head)
	if form == plain {
		c.plain = l.blob.at
		return c, nil
	}
	z, err := decompress(form, io.NewSectionReader(l.blob.at, 0, l.blob.size))
	if err != nil {
		return nil, l.wrap(err)
	}
	c.in = newStreamInput(meteredReader{ctx: ctx, r: z})
	c.close = append(c.close, z.Close)
	return c, nil
}

// entry returns a reader of entry i, which must not lie before one that has been
// returned already if the layer is compressed.
func (c *contents) entry(i int) (io.Reader, error) {
	e := c.layer.Entries
	r := &e.records[i]
	if r.typ != File {
		return nil, c.layer.wrap(fmt.Errorf("%q is a %s, not a file", e.At(i).Name, r.typ))
	}
	in, err := c.seek(r.offset)
	if err != nil {
		return nil, c.layer.wrap(err)
	}
	if r.rare != 0 && e.rare[r.rare-1].sparse {
		s := &scanner{in: in}
		var h header
		if err := s.next(&h); err != nil {
			return nil, c.layer.wrap(err)
		}
		return &sparseReader{data: s.content(c.ctx), fragments: slices.Clone(h.fragments), size: h.size}, nil
	}
	if c.plain != nil {
		return meteredReader{ctx: c.ctx, r: io.NewSectionReader(c.plain, r.offset, r.size)}, nil
	}
	return &contentReader{ctx: c.ctx, s: &scanner{in: in, left: r.size}}, nil
}

// seek returns an input at a place of the uncompressed layer.
func (c *contents) seek(at int64) (input, error) {
	if c.plain != nil {
		in := newSeekInput(c.plain, c.layer.blob.size)
		return in, in.skip(at)
	}
	if at < c.in.pos() {
		return nil, errors.New("asked for content that lies behind")
	}
	return c.in, c.in.skip(at - c.in.pos())
}

func (c *contents) Close() error {
	var errs []error
	for _, f := range slices.Backward(c.close) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// wrap says of an error which layer it concerns.
func (l *Layer) wrap(err error) error {
	if l.blob == nil {
		return fmt.Errorf("layer %d: %w", l.Index, err)
	}
	return fmt.Errorf("layer %d (%s): %w", l.Index, l.blob.name, err)
}
