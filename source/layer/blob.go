// Package layer parses the bytes of one layer: tar in its dialects, plain or
// compressed, its entries, the content of its files, and the encoding of
// entries for a cache. It knows nothing about images, engines, registries or
// archives of images.
package layer

import (
	"context"
	// Digest algorithms other than SHA-256.
	_ "crypto/sha512"
	"io"

	"github.com/opencontainers/go-digest"
)

// A blob is a layer's bytes as stored.
type blob struct {
	r    io.ReaderAt
	size int64
	name string // its place, for the log
}

// readAt fills p with the bytes from off on.
func (b *blob) readAt(p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	n, err := b.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return noEOF(err)
}

// stream returns a reader of the whole blob.
func (b *blob) stream() io.Reader { return io.NewSectionReader(b.r, 0, b.size) }

// digest computes the blob's digest, "" if it can't be read, with the algorithm of o.Digest. It
// also returns how many bytes it read.
func (b *blob) digest(ctx context.Context, o *ScanOptions) (read int64, sum string) {
	algorithm := o.algorithm()
	hash := algorithm.Hash()
	read, err := io.Copy(hash, ctxReader{ctx, b.stream(), o.Progress})
	if err != nil || read != b.size {
		return read, ""
	}
	return read, digest.NewDigest(algorithm, hash).String()
}

// Watched wraps r: the reader reports bytes to progress, which may be nil, and fails with ctx's
// error after ctx ends.
func Watched(ctx context.Context, r io.Reader, progress func(bytes int64)) io.Reader {
	return ctxReader{ctx, r, progress}
}

// ctxReader is what Watched returns.
type ctxReader struct {
	ctx      context.Context
	r        io.Reader
	progress func(bytes int64) // may be nil
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if r.progress != nil {
		r.progress(int64(n))
	}
	return n, err
}
