package layer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
)

// A packedTar is a compressed layer. It is scanned in one pass, with checksums of the contents
// and of the blob itself. To read a file, it is unpacked from the last checkpoint before the
// file, if any, and the data unpacked on the way is kept for other files.
type packedTar struct {
	*blob           // unreadable if remote is set
	remote  *remote // nil if the blob is on this machine
	form    Form
	places  places
	shelved *shelved
	log     atomic.Pointer[slog.Logger] // of the last scan; may be nil
}

var _ Reader = (*packedTar)(nil)

func newPackedTar(b *blob, form Form, shelf *Shelf) *packedTar {
	p := &packedTar{blob: b, form: form}
	p.shelved = shelf.add(p)
	return p
}

// unpack returns a reader of the layer's tar from its beginning.
func (p *packedTar) unpack(ctx context.Context) (io.ReadCloser, error) {
	if p.remote == nil {
		return Unpack(p.form, p.stream())
	}
	r, err := p.remote.Whole(ctx)
	if err != nil {
		return nil, err
	}
	return Unpack(p.form, io.NewSectionReader(r, 0, p.size))
}

// part reads the blob for granules.
func (p *packedTar) part(ctx context.Context, b []byte, off, until int64) error {
	if p.remote == nil {
		return p.readAt(b, off)
	}
	return p.remote.part(ctx, b, off, until)
}

// Scan uses the cached result for the blob, if any; see cachedScan.
func (p *packedTar) Scan(ctx context.Context, o ScanOptions) (*Scanned, error) {
	if o.Cache == nil {
		return p.scan(ctx, &o)
	}
	s, err := p.cachedScan(ctx, &o)
	if err == nil {
		p.expect(s.Digest, &o)
	}
	return s, err
}

// expect reads contents through the checkpoints that the cache may have for the blob's known
// digest.
func (p *packedTar) expect(digest string, o *ScanOptions) {
	if p.form != Gzip || digest == "" {
		return
	}
	p.log.Store(o.Log)
	kept := *o
	p.places.keptBy(func() *Checkpoints { return CachedCheckpoints(digest, p.size, kept) })
}

func (p *packedTar) debug(message string, args ...any) {
	if log := p.log.Load(); log != nil {
		log.Debug(message, args...)
	}
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

// from reads entries from i on.
func (p *packedTar) from(ctx context.Context, e *Entries, i int) *contents {
	at := e.offset(i)
	r := &shelfReader{ctx: ctx, shelved: p.shelved, at: at, until: e.end(i)}
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
	tar := &tarReader{ctx: ctx, packed: p}
	c := contents{ctx: ctx, entries: e, in: newPackedInput(tar), packed: tar}
	if p.remote != nil {
		c.before = p.together(e, regular(e, entries), tar)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.each(entries, fn)
}
