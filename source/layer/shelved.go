package layer

import (
	"context"
	"errors"
	"io"
	"sort"
	"sync"
	"sync/atomic"
)

// A shelved is the unpacked data of one compressed layer's tar. Safe for concurrent use.
type shelved struct {
	shelf  *Shelf
	packed *packedTar

	once sync.Once
	runs []run // in order, the first one from 0; set on the first read

	// busy is a lock for the fields below: the holder has put an element into it. It is a channel
	// so that waiting can be cancelled.
	busy chan struct{}
	file *Spool // nil until the first access; written only while busy is held
	over bool   // giveUp was called: nothing more is kept
	end  int64  // end of the tar; -1 while unknown
	z    *tarReader
	buf  []byte
}

// A run is a part of the tar that starts where the layer can be unpacked from, and ends at the
// next run.
type run struct {
	from int64
	have atomic.Int64 // end of the kept data in the file; from if none
}

// run returns the number of the run that contains an offset of the tar.
func (k *shelved) run(off int64) int {
	k.once.Do(func() {
		starts := k.packed.starts()
		k.runs = make([]run, len(starts))
		for i, from := range starts {
			k.runs[i].from = from
			k.runs[i].have.Store(from)
		}
	})
	return sort.Search(len(k.runs), func(i int) bool { return k.runs[i].from > off }) - 1
}

// readAt reads from off on, after unpacking up to there if necessary. The caller expects to read
// up to until. It may return fewer bytes than requested without an error. errNotKept says that
// the data is not available here; the end of the tar is io.EOF.
func (k *shelved) readAt(ctx context.Context, p []byte, off, until int64) (int, error) {
	r := &k.runs[k.run(off)]
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if have := r.have.Load(); off < have {
			n, err := k.file.ReadAt(p[:min(int64(len(p)), have-off)], off)
			if n == 0 && len(p) > 0 {
				return 0, errors.Join(errNotKept, err) // given up just now, or a bad disk
			}
			return n, nil
		}
		if err := k.step(ctx, r, off, max(until, off+1)); err != nil {
			return 0, err
		}
	}
}

// step unpacks more of a run if off is still missing once this call holds the lock.
func (k *shelved) step(ctx context.Context, r *run, off, until int64) error {
	select {
	case k.busy <- struct{}{}:
		defer func() { <-k.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	have := r.have.Load()
	switch {
	case k.over:
		return errNotKept
	case off < have:
		return nil
	case k.end >= 0 && off >= k.end:
		return io.EOF
	}
	if err := k.begin(); err != nil {
		return err
	}
	k.z.ctx, k.z.until = ctx, until
	k.z.jump(have)
	buf := k.buf
	if k.packed.remote != nil { // unwanted data would have to be fetched
		buf = buf[:min(int64(len(buf)), until-have)]
	}
	n, err := fill(k.z, buf)
	if n > 0 && have+int64(n) > maxKept {
		return k.fail()
	}
	if failed := k.keep(k.buf[:n], have); failed != nil {
		return k.fail()
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	// The end, or damaged data: the next access finds out again.
	k.shelf.unpark(k)
	k.dropDecoder()
	switch {
	case err == io.EOF: //nolint:errorlint // io.Reader's contract is a bare EOF
		k.end = have + int64(n)
	case off >= have+int64(n):
		return err
	}
	return nil
}

// begin prepares a file and a decoder.
func (k *shelved) begin() error {
	if k.file == nil {
		f, err := NewSpool()
		if err != nil {
			k.over = true
			return errNotKept
		}
		k.file = f
	}
	if k.z != nil {
		return nil
	}
	if !k.shelf.park(k) {
		return k.fail()
	}
	k.z, k.buf = &tarReader{packed: k.packed}, make([]byte, streamBuffer)
	return nil
}

// keep writes data of the tar to the file unless it is already there.
func (k *shelved) keep(b []byte, at int64) error {
	for i := k.run(at); len(b) > 0; i++ {
		r, n := &k.runs[i], int64(len(b))
		if i+1 < len(k.runs) {
			n = min(n, k.runs[i+1].from-at)
		}
		if have := r.have.Load(); have < at+n {
			if _, err := k.file.WriteAt(b[have-at:n], have); err != nil {
				return err
			}
			r.have.Store(at + n)
		}
		b, at = b[n:], at+n
	}
	return nil
}

// fail stops keeping data for good.
func (k *shelved) fail() error {
	k.shelf.unpark(k)
	k.dropDecoder()
	return errors.Join(errNotKept, k.giveUp())
}

// dropDecoder releases the decoder and its memory. The caller holds k.busy.
func (k *shelved) dropDecoder() {
	if k.z != nil {
		k.z.drop()
	}
	k.z, k.buf = nil, nil
}

// giveUp frees the disk space. The caller holds k.busy. A concurrent reader finds the file
// closed.
func (k *shelved) giveUp() error {
	if k.over {
		return nil
	}
	k.over = true
	if k.file == nil {
		return nil
	}
	for i := range k.runs {
		k.runs[i].have.Store(k.runs[i].from)
	}
	return k.file.Close()
}

// fill reads until p is full or r fails.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = r.Read(p[n:])
		n += got
	}
	return n, err
}

// A shelfReader reads a layer's tar from at on, from the shelf as long as that works, then with a
// decoder of its own.
type shelfReader struct {
	ctx     context.Context
	shelved *shelved
	at      int64
	until   int64      // expected end of reading
	own     *tarReader // nil while the shelf works
}

func (r *shelfReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.own == nil {
		n, err := r.shelved.readAt(r.ctx, p, r.at, r.until)
		if !errors.Is(err, errNotKept) {
			r.at += int64(n)
			return n, err
		}
		r.own = &tarReader{ctx: r.ctx, packed: r.shelved.packed, at: r.at, until: r.until}
	}
	return r.own.Read(p)
}

func (r *shelfReader) Close() error {
	if r.own != nil {
		r.own.drop()
	}
	return nil
}
