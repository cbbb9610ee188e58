package layer

import (
	"context"
	"errors"
	"io"
)

// contents reads a layer's files in stored order.
type contents struct {
	ctx     context.Context
	entries *Entries
	in      input       // the uncompressed tar
	packed  io.Closer   // the decompressor; nil if none
	before  func(i int) // called before entry i is read; may be nil

	// The entry that was requested last.
	tar    Tar
	header Header
}

// entry returns a reader of entry i, which is valid until the next call. Entries must be
// requested in ascending order.
func (c *contents) entry(i int) (io.Reader, error) {
	if c.before != nil {
		c.before(i)
	}
	c.tar.in = c.in
	if err := c.seek(i, &c.tar, &c.header); err != nil {
		return nil, err
	}
	return c.tar.reader(c.ctx, &c.header), nil
}

// each is Reader.Each.
func (c *contents) each(entries []int, fn func(i int, r io.Reader) error) error {
	for _, i := range regular(c.entries, entries) {
		if err := c.ctx.Err(); err != nil {
			return err
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

// seek moves s to the content of entry i, and describes how it is stored in h.
func (c *contents) seek(i int, s *Tar, h *Header) error {
	e := c.entries
	if err := e.NotFile(i); err != nil {
		return err
	}
	offset, size := e.offset(i), e.Size(i)
	if offset < c.in.pos() {
		return errors.New("asked for content that lies behind")
	}
	if err := c.in.skip(offset - c.in.pos()); err != nil {
		return err
	}
	*h, s.left, s.pad = Header{Record: Record{Size: size, Stored: size}}, size, 0
	if !e.sparse(i) {
		return nil
	}
	s.left = 0
	return s.Next(h)
}

// end returns the offset in the tar where the content of entry i ends; for a sparse file, whose
// map comes first, an estimate.
func (e *Entries) end(i int) int64 {
	end := e.offset(i) + e.Stored(i)
	if e.sparse(i) {
		end += streamBuffer
	}
	return end
}

func (c *contents) Close() error {
	if c.packed == nil {
		return nil
	}
	return c.packed.Close()
}

// closing is a reader with something to close after it.
type closing struct {
	io.Reader
	io.Closer
}
