package layer

import (
	"context"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/inflate"
)

// A compressed layer is read by two goroutines, so that one large layer uses more than one core:
//
//	read, digest of the blob  →  decoder, headers, XXH3 of the contents
//
// They exchange chunkCount buffers of chunkSize bytes, which are reused. Only the decoder copies
// bytes, except where a header or a small file crosses the border of two pieces.

// chunkSize is in bytes.
const chunkSize = inflate.ChunkSize

// chunkCount is the number of chunks in use: one at each end and some between.
const chunkCount = 4

var chunks sync.Pool

func newChunk() *inflate.Chunk {
	if b, ok := chunks.Get().(*inflate.Chunk); ok {
		return b
	}
	return new(inflate.Chunk)
}

// A relay reads ahead in a goroutine of its own. It is the receiving end, for one goroutine only.
type relay struct {
	free chan *inflate.Chunk
	full chan chunk
	stop <-chan struct{}

	now  chunk // the current chunk
	from int   // start of the rest in it
}

// chunk is the result of one read, with its error.
type chunk struct {
	data *inflate.Chunk
	n    int
	err  error
}

// newRelay reads ahead from r until an error occurs or stop is closed; group counts its
// goroutine.
func newRelay(r io.Reader, stop <-chan struct{}, group *sync.WaitGroup) *relay {
	l := &relay{
		free: make(chan *inflate.Chunk, chunkCount),
		full: make(chan chunk, chunkCount),
		stop: stop,
	}
	group.Go(func() { l.run(r) })
	return l
}

func (l *relay) run(r io.Reader) {
	defer close(l.full)
	for made := 0; ; {
		var buf *inflate.Chunk
		select {
		case <-l.stop:
			return
		case buf = <-l.free:
		default:
			if made < chunkCount {
				made++
				buf = newChunk()
				break
			}
			select {
			case <-l.stop:
				return
			case buf = <-l.free:
			}
		}
		n, err := fillSafely(r, buf[:chunkSize])
		l.full <- chunk{buf, n, err} // has room for all chunks
		if err != nil {
			return
		}
	}
}

// fillSafely is fill for a reader that may panic, as decoders may on damaged data.
func fillSafely(r io.Reader, p []byte) (n int, err error) {
	defer crash.Catch(&err)
	return fill(r, p)
}

// release returns the buffers after the goroutine has ended.
func (l *relay) release() {
	if l.now.data != nil {
		chunks.Put(l.now.data)
	}
	for c := range l.full {
		chunks.Put(c.data)
	}
	for {
		select {
		case b := <-l.free:
			chunks.Put(b)
		default:
			l.now, l.from = chunk{err: io.EOF}, 0
			return
		}
	}
}

// more waits until the current chunk has data.
func (l *relay) more() error {
	for l.from == l.now.n {
		if l.now.err != nil {
			return l.now.err
		}
		if l.now.data != nil {
			l.free <- l.now.data // has room for all chunks
		}
		l.now, l.from = chunk{}, 0
		select {
		case c, ok := <-l.full:
			if !ok {
				return context.Canceled // stopped
			}
			l.now = c
		case <-l.stop:
			return context.Canceled
		}
	}
	return nil
}

// Next returns the rest of the current chunk, or the next one: a relay is an inflate.Source.
func (l *relay) Next() (data *inflate.Chunk, from, to int, err error) {
	if err := l.more(); err != nil {
		return nil, 0, 0, err
	}
	from, l.from = l.from, l.now.n
	return l.now.data, from, l.now.n, nil
}

// next returns the next bytes: a relay is pieces.
func (l *relay) next() ([]byte, error) {
	data, from, to, err := l.Next()
	if err != nil {
		return nil, err
	}
	return data[from:to], nil
}

// Read reads from the current position on.
func (l *relay) Read(p []byte) (int, error) {
	if err := l.more(); err != nil {
		return 0, err
	}
	n := copy(p, l.now.data[l.from:l.now.n])
	l.from += n
	return n, nil
}

// drain reads to the end; the error is nil there.
func (l *relay) drain() error {
	for {
		if _, err := l.next(); err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
			return nil
		} else if err != nil {
			return err
		}
	}
}

// scanPacked reads r, a compressed layer, to its end. After it returns, nothing reads from r.
func scanPacked(ctx context.Context, form Form, r io.Reader, o *ScanOptions) (*Scanned, error) {
	sum := o.Trail
	if !o.Verified {
		sum = NewTrail(o.algorithm())
	}
	var group sync.WaitGroup
	stop := make(chan struct{})
	if !o.Verified {
		r = io.TeeReader(r, sum)
	}
	raw := newRelay(r, stop, &group)
	defer raw.release()
	end := sync.OnceFunc(func() {
		close(stop)
		group.Wait()
	})
	defer end()
	z, err := newUnpacker(form, raw, o.Digest != "" && !o.Verify)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	points := newRecorder()
	if o.Cache != nil && sum != nil {
		z.record(points)
	}
	tar := &pieceInput{src: &unpacking{z, raw}}
	s, err := scanTar(ctx, tar, true, o)
	if err == nil {
		// Data after the tar's end belongs to the blob and may be damaged.
		_, err = tar.WriteTo(io.Discard)
	}
	if err != nil {
		return nil, err
	}
	end()
	if z.trailing() {
		s.Entries.flaw(Flaw{Problem: "data after the compressed bytes is ignored, as Docker does; podman refuses the layer"})
	}
	s.Packed, s.Digest = true, o.Digest
	if !o.Verified {
		s.Digest = digest.NewDigest(sum.algorithm, sum).String()
	}
	if sum != nil {
		s.checkpoints = points.checkpoints(sum, o.Budget)
	}
	return s, nil
}

// unpacking returns what z unpacks from raw; at the end it reads raw to its end.
type unpacking struct {
	z   pieces
	raw *relay
}

func (u *unpacking) next() ([]byte, error) {
	b, err := u.z.next()
	if err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		if failed := u.raw.drain(); failed != nil {
			err = failed
		}
	}
	return b, err
}
