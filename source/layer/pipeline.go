package layer

import (
	"context"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
)

// A compressed layer is read by three goroutines, so that one large layer keeps
// more than one core busy:
//
//	read, digest of the blob   →  decoder  →  headers, XXH3 of the contents
//
// Between them go chunkCount buffers each, of chunkSize bytes, which are used
// again: beside what the decoder needs, a layer takes 1.5 MiB at most. No byte is
// copied on the way but by the decoder, and where a header or a small file lies
// across the border of two chunks.

// chunkSize is in bytes. It is no less than streamBuffer.
const chunkSize = streamBuffer

// chunkCount is how many chunks are on the way between two goroutines: one at
// each end and one between.
const chunkCount = 3

var chunks sync.Pool

func newChunk() *[chunkSize]byte {
	if b, ok := chunks.Get().(*[chunkSize]byte); ok {
		return b
	}
	return new([chunkSize]byte)
}

// A relay reads ahead, in a goroutine of its own. It is the receiving end, an
// input, and for one goroutine only.
type relay struct {
	free chan *[chunkSize]byte
	full chan chunk
	stop <-chan struct{}

	now  chunk  // what is being handed out
	rest []byte // of it
	at   int64
	buf  []byte // for what lies across a border
}

// chunk is what was read at once, and the error that reading ended with.
type chunk struct {
	data *[chunkSize]byte
	n    int
	err  error
}

// newRelay reads ahead from r until there is an error, or stop is closed; group
// counts its goroutine.
func newRelay(r io.Reader, stop <-chan struct{}, group *sync.WaitGroup) *relay {
	l := &relay{
		free: make(chan *[chunkSize]byte, chunkCount),
		full: make(chan chunk, chunkCount),
		stop: stop,
	}
	group.Go(func() { l.run(r) })
	return l
}

func (l *relay) run(r io.Reader) {
	defer close(l.full)
	for made := 0; ; {
		var buf *[chunkSize]byte
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
		n, err := fill(r, buf[:])
		l.full <- chunk{buf, n, err} // has room for all that there are
		if err != nil {
			return
		}
	}
}

// release gives the buffers back, once the goroutine has ended.
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
			l.now, l.rest = chunk{err: io.EOF}, nil
			return
		}
	}
}

// more waits until there is something in rest.
func (l *relay) more() error {
	for len(l.rest) == 0 {
		if l.now.err != nil {
			return l.now.err
		}
		if l.now.data != nil {
			l.free <- l.now.data // has room for all that there are
			l.now.data = nil
		}
		select {
		case c, ok := <-l.full:
			if !ok {
				return context.Canceled // stopped
			}
			l.now, l.rest = c, c.data[:c.n]
		case <-l.stop:
			return context.Canceled
		}
	}
	return nil
}

// some returns the next bytes, n at most and one at least. They are valid until
// the next call.
func (l *relay) some(n int) ([]byte, error) {
	if err := l.more(); err != nil {
		return nil, err
	}
	b := l.rest[:min(n, len(l.rest))]
	l.rest = l.rest[len(b):]
	l.at += int64(len(b))
	return b, nil
}

func (l *relay) next(n int) ([]byte, error) {
	if n > 0 && len(l.rest) == 0 {
		if err := l.more(); err != nil {
			return nil, err
		}
	}
	if n <= len(l.rest) {
		b := l.rest[:n]
		l.rest = l.rest[n:]
		l.at += int64(n)
		return b, nil
	}
	if cap(l.buf) < n {
		l.buf = make([]byte, n)
	}
	b := l.buf[:0]
	for len(b) < n {
		part, err := l.some(n - len(b))
		if err != nil {
			l.at -= int64(len(b)) // as if none of it had been gone through
			return nil, noEOF(err)
		}
		b = append(b, part...)
	}
	return b, nil
}

func (l *relay) skip(n int64) error {
	for n > 0 {
		b, err := l.some(int(min(n, chunkSize)))
		if err != nil {
			return noEOF(err)
		}
		n -= int64(len(b))
	}
	return nil
}

func (l *relay) pos() int64 { return l.at }

// Read reads on from the current position.
func (l *relay) Read(p []byte) (int, error) {
	b, err := l.some(len(p))
	return copy(p, b), err
}

// WriteTo hands over the rest without copying it first.
func (l *relay) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, err := l.some(chunkSize)
		if err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(b)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// scanPacked reads r, a compressed layer, to its end. When it returns, nothing
// reads from r any more.
func scanPacked(ctx context.Context, form Form, r io.Reader, o *ScanOptions) (*Scanned, error) {
	algorithm := o.algorithm()
	sum := algorithm.Hash()
	var group sync.WaitGroup
	stop := make(chan struct{})
	raw := newRelay(io.TeeReader(r, sum), stop, &group)
	defer raw.release()
	end := sync.OnceFunc(func() {
		close(stop)
		group.Wait()
	})
	defer end()
	z, err := Unpack(form, raw)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	tar := newRelay(&unpacking{z, raw}, stop, &group)
	defer tar.release()
	defer end()
	s, err := scanTar(ctx, tar, true, o)
	if err == nil {
		// What follows the tar's end belongs to the blob, and may be broken.
		_, err = tar.WriteTo(io.Discard)
	}
	if err != nil {
		return nil, err
	}
	end()
	s.Packed, s.Digest = true, digest.NewDigest(algorithm, sum).String()
	return s, nil
}

// unpacking reads what z unpacks of raw, and then raw to its end.
type unpacking struct {
	z   io.Reader
	raw *relay
}

func (u *unpacking) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	if err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		if _, failed := u.raw.WriteTo(io.Discard); failed != nil {
			err = failed
		}
	}
	return n, err
}
