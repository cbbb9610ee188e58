package layer

import (
	"context"
	"errors"
	"io"
)

// A packedTar is a layer that is stored compressed. It is scanned in one pass,
// with checksums of the contents and of the blob itself; what is unpacked when a
// file is opened is kept for the next one.
type packedTar struct {
	*blob
	form   Form
	prefix *prefix
}

var _ Reader = (*packedTar)(nil)

func newPackedTar(b *blob, form Form, shelf *Shelf) *packedTar {
	p := &packedTar{blob: b, form: form}
	p.prefix = shelf.add(p)
	return p
}

// unpack returns a reader of the layer's tar, from its beginning.
func (p *packedTar) unpack() (io.ReadCloser, error) { return Unpack(p.form, p.stream()) }

// Scan takes from the cache what is known of the blob; see cachedScan.
func (p *packedTar) Scan(ctx context.Context, o ScanOptions) (*Scanned, error) {
	if o.Cache != nil {
		return p.cachedScan(ctx, &o)
	}
	return p.scan(ctx, &o)
}

func (p *packedTar) scan(ctx context.Context, o *ScanOptions) (*Scanned, error) {
	return scanPacked(ctx, p.form, ctxReader{ctx, p.stream(), o.Progress}, o)
}

func (p *packedTar) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	c := p.from(ctx, e, i)
	r, err := c.entry(i)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return closing{r, c}, nil
}

// from reads from entry i on.
func (p *packedTar) from(ctx context.Context, e *Entries, i int) *contents {
	at := e.offset(i)
	r := &prefixReader{ctx: ctx, prefix: p.prefix, at: at}
	in := newStreamInput(r)
	in.at = at
	return &contents{ctx: ctx, entries: e, in: in, packed: r}
}

func (p *packedTar) Body(ctx context.Context, e *Entries, i int) (*Body, error) {
	tar := &randomTar{packed: p, turn: make(chan struct{}, 1)}
	b, err := newBody(e, i, tar.read, func() (*contents, error) { return p.from(ctx, e, i), nil })
	if err != nil {
		return nil, errors.Join(err, tar.close())
	}
	b.close = tar.close
	return b, nil
}

func (p *packedTar) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) (err error) {
	if len(regular(e, entries)) == 0 {
		return nil
	}
	z, err := p.unpack()
	if err != nil {
		return err
	}
	c := contents{ctx: ctx, entries: e, in: newStreamInput(ctxReader{ctx: ctx, r: z}), packed: z}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.each(entries, fn)
}
