// Package layer reads what one layer's bytes are: tar in its dialects, plain or
// compressed, its entries, the content of its files, and how the entries are
// written for a cache. It knows nothing of images, engines, registries or
// archives of images.
package layer

import (
	"context"
	// The algorithms of digests beside SHA-256.
	_ "crypto/sha512"
	"io"

	"github.com/opencontainers/go-digest"
)

// A blob is a layer's bytes as they are stored.
type blob struct {
	r    io.ReaderAt
	size int64
	name string // where it is, for the log
}

// readAt fills p from byte off on.
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

// digest reads the blob for its digest, "" if it cannot be read. It returns how
// many bytes it has read, too. The algorithm is that of o.Digest.
func (b *blob) digest(ctx context.Context, o *ScanOptions) (read int64, sum string) {
	algorithm := o.algorithm()
	hash := algorithm.Hash()
	read, err := io.Copy(hash, ctxReader{ctx, b.stream(), o.Progress})
	if err != nil || read != b.size {
		return read, ""
	}
	return read, digest.NewDigest(algorithm, hash).String()
}

// Watched returns a reader of r that tells progress of the bytes that pass, and
// ends with ctx's error once that is done. progress may be nil.
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
