package layer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sort"
)

// How content is fetched by a table: the size of a request, and the maximum gap between files
// that are fetched together.
const (
	tableWindow = 4 << 20
	tableGap    = 128 << 10
)

// tableMemory is the maximum size of a chunk held in memory while a file is viewed. Larger ones
// go to a temporary file.
const tableMemory = 16 << 20

// Reader returns a reader of the table's files from the layer. It verifies each part.
func (t *Table) Reader(read RangeFunc) ContentReader { return &tableReader{t, read} }

type tableReader struct {
	*Table
	read RangeFunc
}

// Open returns the content of entry i and verifies each part.
func (t *tableReader) Open(ctx context.Context, _ *Entries, i int) (io.ReadCloser, error) {
	if err := t.Entries.NotFile(i); err != nil {
		return nil, err
	}
	chunks := t.of(i)
	w := &window{read: t.read}
	if len(chunks) > 0 {
		w.ahead = chunks[len(chunks)-1].end
	}
	return t.content(ctx, w, chunks), nil
}

// Each calls fn with the content of entries in stored order.
func (t *tableReader) Each(ctx context.Context, _ *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	entries = regular(t.Entries, entries)
	ahead := make([]int64, len(entries))
	next := tableChunk{from: -1}
	for k := len(entries) - 1; k >= 0; k-- {
		chunks := t.of(entries[k])
		if len(chunks) == 0 {
			continue
		}
		// Only the start of a large file may be wanted.
		ahead[k] = chunks[0].end
		if gap := next.from - ahead[k]; gap >= 0 && gap <= tableGap {
			ahead[k] = next.end
		}
		next = tableChunk{from: chunks[0].from, end: ahead[k]}
	}
	w := &window{read: t.read}
	for k, i := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.ahead = ahead[k]
		r := t.content(ctx, w, t.of(i))
		if err := errors.Join(fn(i, r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// A window is the last data read from a blob. It is for one goroutine.
type window struct {
	read  RangeFunc
	at    int64 // offset of have in the blob
	have  []byte
	ahead int64 // expected end of reading in the blob
}

// from returns at least one byte of the blob from off on, and none from end on unless already
// read.
func (w *window) from(ctx context.Context, off, end int64) ([]byte, error) {
	if off < w.at || off >= w.at+int64(len(w.have)) {
		n := min(max(end, w.ahead)-off, tableWindow)
		if int64(cap(w.have)) < n {
			w.have = make([]byte, n)
		}
		w.at, w.have = off, w.have[:n]
		if err := w.read(ctx, w.have, off); err != nil {
			w.have = w.have[:0]
			return nil, err
		}
	}
	have := w.have[off-w.at:]
	return have[:min(int64(len(have)), end-off)], nil
}

// section reads a part of a blob through a window.
type section struct {
	ctx      context.Context
	w        *window
	off, end int64
}

func (s *section) Read(p []byte) (int, error) {
	if s.off >= s.end {
		return 0, io.EOF
	}
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	b, err := s.w.from(s.ctx, s.off, s.end)
	n := copy(p, b)
	s.off += int64(n)
	return n, err
}

// content returns the verified content of consecutive chunks.
func (t *Table) content(ctx context.Context, w *window, chunks []tableChunk) *tableContent {
	return &tableContent{ctx: ctx, packing: t.Ref.packing(), window: w, chunks: chunks}
}

// tableContent reads chunks one after the other. Data is verified only when the last byte of its
// chunk has been read.
type tableContent struct {
	ctx     context.Context
	packing Form
	window  *window
	chunks  []tableChunk // remaining ones, including the current

	unpacked io.ReadCloser // of the current chunk; nil before it starts
	left     int64         // bytes left in it
	sum      hash.Hash
	err      error

	begun, skipped bool // a chunk was started; chunks were skipped
}

func (c *tableContent) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.some(p)
	if err != nil {
		c.err = err
	}
	return n, err
}

// Skip skips n bytes. It reads the current chunk to its end, which verifies it, and does not
// fetch chunks in between.
func (c *tableContent) Skip(n int64) error {
	for n > 0 && c.err == nil {
		if c.sum == nil && len(c.chunks) > 0 && c.chunks[0].size <= n {
			n -= c.chunks[0].size
			c.chunks = c.chunks[1:]
			c.skipped = true
			continue
		}
		left := n
		if c.sum != nil {
			left = min(n, c.left)
		} else if len(c.chunks) == 0 {
			return io.ErrUnexpectedEOF
		}
		read, err := io.CopyN(io.Discard, onlyReader{c}, left)
		if n -= read; err != nil {
			return noEOF(err)
		}
	}
	if n == 0 {
		return nil
	}
	return noEOF(c.err)
}

func (c *tableContent) some(p []byte) (int, error) {
	for {
		switch {
		case len(c.chunks) == 0:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		if c.sum == nil {
			if err := c.begin(); err != nil {
				return 0, noEOF(err)
			}
		}
		n := int(min(int64(len(p)), c.left))
		if c.chunks[0].zeros {
			clear(p[:n])
		} else {
			var err error
			if n, err = c.unpacked.Read(p[:n]); err != nil && (n == 0 || err != io.EOF) {
				return 0, noEOF(err)
			}
			c.sum.Write(p[:n])
		}
		c.left -= int64(n)
		if c.left == 0 {
			if err := c.done(); err != nil {
				return 0, err
			}
		}
		if n > 0 {
			return n, nil
		}
	}
}

// begin starts the next chunk.
func (c *tableContent) begin() (err error) {
	k := c.chunks[0]
	if c.begun && !c.skipped { // the rest will be read too
		c.window.ahead = max(c.window.ahead, c.chunks[len(c.chunks)-1].end)
	}
	c.begun = true
	c.sum, c.left = sha256.New(), k.size
	if k.zeros {
		return nil
	}
	c.unpacked, err = Unpack(c.packing, &section{c.ctx, c.window, k.from, k.end})
	if err == nil {
		_, err = io.CopyN(io.Discard, c.unpacked, k.skip)
	}
	return err
}

// done verifies the finished chunk.
func (c *tableContent) done() error {
	k := c.chunks[0]
	if sum := [32]byte(c.sum.Sum(nil)); !k.zeros && sum != k.sum {
		return fmt.Errorf("the content has the SHA-256 %x, the layer's table of contents says %x", sum, k.sum)
	}
	c.chunks, c.sum = c.chunks[1:], nil
	return c.letGo()
}

func (c *tableContent) letGo() error {
	if c.unpacked == nil {
		return nil
	}
	err := c.unpacked.Close()
	c.unpacked = nil
	return err
}

func (c *tableContent) Close() error {
	c.err = errors.New("it has been closed")
	return c.letGo()
}

// Body returns random access to the content of entry i. It verifies a chunk before it returns any
// of it.
func (t *tableReader) Body(_ context.Context, _ *Entries, i int) (*Body, error) {
	if err := t.Entries.NotFile(i); err != nil {
		return nil, err
	}
	b := &tableBody{table: t.Table, read: t.read, chunks: t.of(i), now: -1, turn: make(chan struct{}, 1)}
	return NewBody(t.Entries.Size(i), b.readAt, b.close), nil
}

// tableBody holds one chunk of a file.
type tableBody struct {
	table  *Table
	read   RangeFunc
	chunks []tableChunk

	// turn is a lock for the fields below: the holder has put an element into it.
	turn   chan struct{}
	now    int // index of the held chunk; -1: none
	memory []byte
	spool  *Spool // nil if the chunk is in memory
	closed bool
}

func (b *tableBody) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if b.closed {
		return 0, errors.New("it has been closed")
	}
	k := sort.Search(len(b.chunks), func(k int) bool { return b.chunks[k].at > off }) - 1
	if k != b.now {
		if err := b.load(ctx, k); err != nil {
			return 0, err
		}
	}
	in := off - b.chunks[k].at
	if b.spool == nil {
		return copy(p, b.memory[in:]), nil
	}
	n, err := b.spool.ReadAt(p[:min(int64(len(p)), b.chunks[k].size-in)], in)
	if n > 0 {
		err = nil
	}
	return n, noEOF(err)
}

// load unpacks chunk k. The caller holds b.turn.
func (b *tableBody) load(ctx context.Context, k int) (err error) {
	if err := b.drop(); err != nil {
		return err
	}
	c := b.chunks[k]
	r := b.table.content(ctx, &window{read: b.read, ahead: c.end}, b.chunks[k:k+1])
	defer func() { err = errors.Join(err, r.Close()) }()
	if c.size <= tableMemory {
		b.memory = make([]byte, c.size)
		_, err = io.ReadFull(r, b.memory)
	} else {
		if b.spool, err = NewSpool(); err != nil {
			return err
		}
		_, err = io.Copy(b.spool, r)
	}
	if err != nil {
		return errors.Join(noEOF(err), b.drop())
	}
	b.now = k
	return nil
}

func (b *tableBody) drop() (err error) {
	if b.spool != nil {
		err = b.spool.Close()
	}
	b.now, b.memory, b.spool = -1, nil, nil
	return err
}

func (b *tableBody) close() error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
		b.closed = true
		return b.drop()
	default: // another read is in progress, and will release what is held
		return nil
	}
}
